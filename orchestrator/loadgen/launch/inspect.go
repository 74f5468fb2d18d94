package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	inspectTimeout = 20 * time.Second
	maxInspected   = 1 << 20 // bytes of either output
	inspectPrefix  = ".inspect-"
)

// Inspect evaluates a scenario with a level's environment, in a process of its
// own, and returns what it declares. The error of a script that cannot be
// evaluated carries the generator's own sentence.
func (l *Launcher) Inspect(ctx context.Context, scenario string, env map[string]string) (contest.Script, error) {
	fail := func(err error) (contest.Script, error) {
		return contest.Script{}, fmt.Errorf("inspect scenario %.100s: %w", scenario, err)
	}
	if !contest.ValidScenario(scenario) {
		return fail(errors.New("this is not a script's name"))
	}
	if err := contest.CheckVariables(env); err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return fail(err)
	}
	l.sweepInspections()
	dir, err := os.MkdirTemp(l.cfg.Dir, inspectPrefix+"*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := materialise(ctx, l.cfg.Scenarios, filepath.Join(dir, scenarioDir), scenario); err != nil {
		return fail(err)
	}
	text, err := l.runInspect(ctx, dir, scenario, env)
	if err != nil {
		return fail(err)
	}
	var script contest.Script
	if err := json.Unmarshal(text, &script); err != nil {
		return fail(fmt.Errorf("read the generator's answer: %w", err))
	}
	return script, nil
}

// sweepInspections removes folders that a launcher left when it was killed. What
// cannot be removed now can be another time.
func (l *Launcher) sweepInspections() {
	entries, err := os.ReadDir(l.cfg.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), inspectPrefix) && time.Since(info.ModTime()) > 2*inspectTimeout {
			_ = os.RemoveAll(filepath.Join(l.cfg.Dir, e.Name()))
		}
	}
}

func (l *Launcher) runInspect(ctx context.Context, dir, scenario string, env map[string]string) ([]byte, error) {
	script := filepath.Join(dir, scenarioDir, scenario+".js")
	// Unlike run, inspect hides the environment from the script unless it is told.
	return l.runShort(ctx, dir, []string{"inspect", "--json-script", "--include-system-env-vars", script}, env)
}

// runShort runs the generator's program for something short, with the script's
// variables, and returns what it wrote to its standard output. The process ends with ctx, and with us.
func (l *Launcher) runShort(ctx context.Context, dir string, args []string, env map[string]string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, l.cfg.Program, slices.Concat(l.cfg.Args, args)...)
	cmd.Dir, cmd.Env = dir, append(l.baseEnv(), scriptEnv(env)...)
	// Unlike a generator it dies with us, even if we are killed. The kernel means
	// the thread that started it, which therefore must not end before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stdout, stderr bounded
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case stdout.cut || stderr.cut:
		return nil, fmt.Errorf("the generator wrote more than %d bytes", maxInspected)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the generator did not end in time: %w", ctx.Err())
	case err != nil && ofScript(cmd.ProcessState.ExitCode()):
		return nil, fmt.Errorf("%w: %s (%w)", contest.ErrUnusable, sentence(stderr.kept.String()), err)
	case err != nil && sentence(stderr.kept.String()) != "":
		return nil, fmt.Errorf("%s (%w)", sentence(stderr.kept.String()), err)
	case err != nil:
		return nil, err
	}
	return stdout.kept.Bytes(), nil
}

// bounded keeps the first bytes of an output, and refuses the rest, which ends
// a program that writes without end.
type bounded struct {
	kept bytes.Buffer // not embedded: its ReadFrom would go round the bound
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxInspected {
		b.cut = true
		return 0, errors.New("output is too long")
	}
	return b.kept.Write(p)
}
