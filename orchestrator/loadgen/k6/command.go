package k6

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

const (
	exitCannotListen = 106
	mostAddresses    = 3 // that are tried for the REST API
)

// ExitUsage is k6's exit code of a run that could not begin.
const ExitUsage = 255

// IO is what the minder has of its process.
type IO struct {
	Stdout, Stderr io.Writer
	Environ        []string // KEY=VALUE
}

// Command runs k6 as the arguments of a generator say, and returns its exit
// code: k6's, 255 for a wrong use. SIGTERM is left to k6, which gets it too,
// because both are of one process group.
func Command(ctx context.Context, p Program, args []string, x IO) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(x.Stderr, "loadgen: %v\n", err)
		return ExitUsage
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(told)
	started := time.Now()
	m := &minder{program: p, order: o, io: x}
	end, err := m.run(ctx)
	if err != nil {
		fmt.Fprintf(x.Stderr, "loadgen: %v\n", err)
	}
	if o.result == "" {
		return end.code
	}
	err = launch.WriteResult(o.result, launch.Result{
		ExitCode: end.code, Signal: end.signal, Aborted: end.code == 99 && m.watch.aborted,
		Started: started, Ended: time.Now(), Inexact: p.Inexact(),
	})
	if err != nil {
		fmt.Fprintf(x.Stderr, "loadgen: %v\n", err)
		return ExitUsage
	}
	return end.code
}

// minder looks after one k6.
type minder struct {
	program Program
	order   order
	io      IO
	watch   stderrWatch
}

// ended is how a k6 process ended.
type ended struct {
	code   int
	signal string
	usage  *syscall.Rusage
	lasted time.Duration
}

// run runs k6 to its end, and adds what stock k6 does not write.
func (m *minder) run(ctx context.Context) (ended, error) {
	var end ended
	for range mostAddresses {
		address, err := freeAddress()
		if err != nil {
			return ended{code: ExitUsage}, err
		}
		if end, err = m.once(ctx, address); err != nil {
			return ended{code: ExitUsage}, err
		}
		if end.code != exitCannotListen { // somebody was quicker to take the address
			break
		}
	}
	if m.program.output() == stockOutput && m.order.series {
		if err := m.complete(end); err != nil {
			fmt.Fprintf(m.io.Stderr, "loadgen: the final account was not delivered: %v\n", err)
		}
	}
	if end.code != 0 && m.watch.words != "" { // last, so that it is what people read
		fmt.Fprintf(m.io.Stderr, "loadgen: %s\n", m.watch.words)
	}
	return end, nil
}

// freeAddress returns an address of loopback that nobody listens at right now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find an address for k6: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

// once runs one k6 process.
func (m *minder) once(ctx context.Context, address string) (ended, error) {
	settings, err := m.settings()
	if err != nil {
		return ended{}, err
	}
	defer settings.Close()
	args := append(append([]string{}, m.order.args...), "--address", address)
	if m.order.series {
		args = append(args, "--out", m.program.output())
	}
	cmd := exec.Command(m.program.Path, args...)
	cmd.Env = m.environ()
	cmd.Stdout, cmd.ExtraFiles = m.io.Stdout, []*os.File{settings}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return ended{}, err
	}
	// k6 dies with us, even if we are killed. The kernel means the thread that
	// started it, which therefore must not end before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return ended{}, fmt.Errorf("start k6: %w", err)
	}
	looking, stop := context.WithCancel(ctx)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		m.keepProgress(looking, address, began)
	}()
	m.watch.copy(m.io.Stderr, stderr)
	err = cmd.Wait()
	stop()
	<-looked
	return how(cmd.ProcessState, time.Since(began)), exceptExit(err)
}

// exceptExit leaves out what the exit code says already.
func exceptExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func how(state *os.ProcessState, lasted time.Duration) ended {
	e := ended{code: state.ExitCode(), lasted: lasted}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.signal = status.Signal().String()
	}
	e.usage, _ = state.SysUsage().(*syscall.Rusage)
	return e
}

// settings is a file with k6's configuration: where its series go, and the token
// for it. k6 shows its environment to scripts, so the token is not in there. The
// file has no name any more: whoever holds it open, k6, can read it.
func (m *minder) settings() (*os.File, error) {
	text, err := json.Marshal(map[string]any{"collectors": map[string]any{
		m.program.output(): map[string]any{
			"url": m.variable(contest.WriteURLVariable), "bearerToken": m.variable(contest.WriteTokenVariable), "tlsMinVersion": "1.2",
			"trendAsNativeHistogram": true,
		},
	}})
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "k6-*")
	if err != nil {
		return nil, fmt.Errorf("write k6's configuration: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(os.Remove(file.Name()), err); err != nil {
		return nil, errors.Join(fmt.Errorf("write k6's configuration: %w", err), file.Close())
	}
	return file, nil
}

func (m *minder) variable(name string) string {
	for _, pair := range m.io.Environ {
		if k, v, _ := strings.Cut(pair, "="); k == name {
			return v
		}
	}
	return ""
}

// environ is k6's environment. Our own generator keeps the token from scripts.
func (m *minder) environ() []string {
	env := quiet()
	for _, pair := range m.io.Environ {
		k, _, _ := strings.Cut(pair, "=")
		if k != contest.WriteTokenVariable || m.program.Own {
			env = append(env, pair)
		}
	}
	if m.program.Own {
		return env
	}
	return append(env, "K6_CONFIG=/proc/self/fd/3", "K6_FEATURES=native-histograms")
}
