// Package launch runs the load generator as a child process of the orchestrator,
// one process and one folder per launch.
//
// In goes a contest.Launch, out come its status, its progress and how it ended.
// The folder is the truth: the script as it was frozen, who the process is, what
// it wrote. The process has a session of its own and outlives the orchestrator,
// even one that is killed; a new Launcher over the same folder adopts it, and
// knows it by pid, start time and boot, never by a pid alone. Exactly one process
// is started per testid, wherever a crash falls.
//
// A generator that was killed leaves no result; the launcher then writes one that
// says so. One that runs longer than its timeout is stopped. Secrets reach the
// process through its environment, which holds nothing else of the orchestrator's
// but a closed list. It needs Linux's /proc.
package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	defaultTimeout = time.Hour
	defaultGrace   = 10 * time.Second
)

// Config says how generators are run. Program, Dir and Scenarios are required.
type Config struct {
	Program      string        // the generator's executable file
	Args         []string      // before "run" or "inspect", for example ["loadgen"]
	Dir          string        // a folder per launch is made here
	Scenarios    fs.FS         // scripts: NAME.js and all that they import
	BlacklistIPs []string      // CIDRs that a script must not reach
	PushInterval time.Duration // between flushes of metrics; zero leaves it to the generator
	Grace        time.Duration // from SIGTERM to SIGKILL, 10 s when zero
	Environ      []string      // KEY=VALUE of the orchestrator; only a closed list of keys is handed on
	Log          *slog.Logger  // nil for nowhere
}

// Launcher starts, watches and ends generators. It is safe for concurrent use.
// Close it when done; the generators live on.
type Launcher struct {
	cfg     Config
	closing chan struct{}
	wg      sync.WaitGroup // one for each watch

	mu      sync.Mutex
	closed  bool
	watches map[contest.TestID]*watch
}

// New returns a launcher. It touches nothing on disk: what runs already is
// adopted when it is first asked about.
func New(cfg Config) *Launcher {
	if cfg.Grace <= 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Dir = absolute(cfg.Dir)
	if strings.ContainsRune(cfg.Program, filepath.Separator) {
		cfg.Program = absolute(cfg.Program)
	}
	return &Launcher{cfg: cfg, closing: make(chan struct{}), watches: map[contest.TestID]*watch{}}
}

// absolute returns path independent of the working directory, for processes
// that have another one.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

var (
	// ErrClosed is returned by a launcher that was closed.
	ErrClosed = errors.New("launcher is closed")
	// ErrStarting is returned while a process that an earlier launcher was just
	// about to start cannot be told from it yet. Trying again in a moment helps.
	ErrStarting = fmt.Errorf("the launch is just being started: %w", contest.ErrTryAgain)
)

// Start puts a generator to work and returns once its process runs. A launch
// that runs or has ended is left as it is, so Start may be repeated. When it
// fails, nothing runs and nothing is left.
func (l *Launcher) Start(ctx context.Context, launch contest.Launch) error {
	if err := launch.Check(); err != nil {
		return err
	}
	if launch.Timeout <= 0 {
		launch.Timeout = contest.Duration(defaultTimeout)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	f := l.folder(launch.TestID)
	if w, err := l.find(f); err != nil || w != nil || f.ended() {
		return err
	}
	if err := l.prepare(ctx, f, launch); err != nil {
		return errors.Join(fmt.Errorf("prepare launch %s: %w", launch.TestID, err), f.remove())
	}
	if err := l.spawn(f, launch); err != nil {
		return errors.Join(fmt.Errorf("start launch %s: %w", launch.TestID, err), f.remove())
	}
	return nil
}

// prepare makes the folder whole before it gets its name, so that a folder with
// that name always holds a frozen script.
func (l *Launcher) prepare(ctx context.Context, f folder, launch contest.Launch) error {
	if err := f.remove(); err != nil {
		return err
	}
	draft := f.draft()
	if err := os.MkdirAll(draft, 0o700); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(draft, launchFile), launch); err != nil {
		return err
	}
	if err := materialise(ctx, l.cfg.Scenarios, filepath.Join(draft, scenarioDir), launch.Scenario); err != nil {
		return err
	}
	return os.Rename(draft, string(f))
}

// spawn starts the process and writes down who it is.
func (l *Launcher) spawn(f folder, launch contest.Launch) error {
	log, err := os.OpenFile(f.file(logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	lock, err := f.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	cmd := exec.Command(l.cfg.Program, l.runArgs(f, launch)...)
	cmd.Dir, cmd.Env = string(f), l.runEnv(launch)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	_ = cmd.Process.Release() // the watch reaps it, without a goroutine that cannot be ended
	who, err := identify(pid)
	if err == nil {
		err = writeJSON(f.file(pidFile), who)
	}
	if err != nil {
		// A process that nobody would know again must not go on.
		return errors.Join(err, killOwn(pid))
	}
	l.watch(f, &watch{who: who, own: true, timeout: launch.Timeout.D()})
	return nil
}

// Status returns where a launch stands. One that died while nobody watched is
// done, with exit code -1.
func (l *Launcher) Status(ctx context.Context, id contest.TestID) (contest.LaunchStatus, error) {
	if !id.Valid() {
		return contest.LaunchStatus{}, fmt.Errorf("status of launch: testid %.200q is not valid", id)
	}
	if err := ctx.Err(); err != nil {
		return contest.LaunchStatus{}, fmt.Errorf("status of launch %s: %w", id, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.folder(id)
	w, err := l.find(f)
	if err != nil {
		return contest.LaunchStatus{}, fmt.Errorf("status of launch %s: %w", id, err)
	}
	status := contest.LaunchStatus{State: contest.LaunchGone, Progress: f.progress()}
	switch {
	case w != nil:
		status.State = contest.LaunchRunning
	case f.ended():
		status.State = contest.LaunchDone
		status.Result = f.launchResult()
	}
	return status, nil
}

// List returns the testid of every launch on disk, running or ended, in order.
func (l *Launcher) List(ctx context.Context) ([]contest.TestID, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list launches: %w", err)
	}
	entries, err := os.ReadDir(l.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list launches: %w", err)
	}
	var ids []contest.TestID
	for _, e := range entries {
		if id := contest.TestID(e.Name()); e.IsDir() && id.Valid() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
