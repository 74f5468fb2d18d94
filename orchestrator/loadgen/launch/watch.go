package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// tick is how often a watch looks at its process.
const tick = 50 * time.Millisecond

// watch looks after one running generator, in a goroutine of its own: it reaps
// it, holds it to its timeout and keeps its log short.
type watch struct {
	who     identity
	own     bool // a child of this process, so its exit status can be had
	timeout time.Duration
	stop    chan struct{} // closed when it is to be stopped on request
	done    chan struct{} // closed when it is gone and its result is written

	told   time.Time // when it was told to stop; zero before
	status syscall.WaitStatus
}

// watch starts to look after the process of f. l.mu is held.
func (l *Launcher) watch(f folder, w *watch) {
	w.stop, w.done = make(chan struct{}), make(chan struct{})
	l.watches[f.id()] = w
	l.wg.Go(func() {
		if err := l.attend(f, w); err != nil {
			l.cfg.Log.Error("a launch is not looked after any more", "testid", f.id(), "error", err)
		}
	})
}

// attend returns when the process is gone or the launcher is closed.
func (l *Launcher) attend(f folder, w *watch) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	stop := w.stop
	for {
		var reason string
		select {
		case <-l.closing:
			return nil
		case <-stop:
			stop, reason = nil, stoppedOnRequest
		case <-ticker.C:
		}
		if w.gone() {
			return l.bury(f, w)
		}
		if reason == "" && time.Since(w.who.Started) > w.timeout {
			reason = stoppedByTimeout
		}
		if err := l.press(f, w, reason); err != nil {
			l.cfg.Log.Warn("a generator could not be told to stop", "testid", f.id(), "error", err)
		}
		if err := f.trimLog(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.cfg.Log.Warn("a generator's log could not be cut", "testid", f.id(), "error", err)
		}
	}
}

// gone reports whether the process has ended, and reaps it if it is a child.
func (w *watch) gone() bool {
	if !w.own {
		return !w.who.alive()
	}
	pid, err := syscall.Wait4(w.who.PID, &w.status, syscall.WNOHANG, nil)
	if errors.Is(err, syscall.ECHILD) {
		w.own = false // reaped by somebody else, so its status is lost
		return !w.who.alive()
	}
	return pid == w.who.PID
}

// press tells the process to stop when there is a reason, and kills its group
// when it has not heeded that for the grace period.
func (l *Launcher) press(f folder, w *watch, reason string) error {
	switch {
	case reason != "" && w.told.IsZero():
		w.told = time.Now()
		// The reason is written first: after a crash it must still be known.
		err := writeJSON(f.file(stopFile), stopOrder{Reason: reason, At: w.told})
		return errors.Join(err, w.who.signal(syscall.SIGTERM))
	case !w.told.IsZero() && time.Since(w.told) > l.cfg.Grace:
		return w.who.signal(syscall.SIGKILL)
	}
	return nil
}

// bury writes the result if the generator did not, and ends the watch.
func (l *Launcher) bury(f folder, w *watch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(w.done)
	delete(l.watches, f.id())
	if f.ended() {
		return nil
	}
	r := Result{ExitCode: -1, Started: w.who.Started, Ended: time.Now()}
	if w.own && w.status.Exited() {
		r.ExitCode = w.status.ExitStatus()
	}
	if w.own && w.status.Signaled() {
		r.Signal = w.status.Signal().String()
	}
	return WriteResult(f.file(resultFile), r)
}

// find returns the watch over a launch that runs, and begins one over a process
// that was left by an earlier launcher. It returns nil when nothing runs. l.mu
// is held.
func (l *Launcher) find(f folder) (*watch, error) {
	if w := l.watches[f.id()]; w != nil {
		return w, nil
	}
	var launch contest.Launch
	if err := readJSON(f.file(launchFile), &launch); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("read launch %s: %w", f.id(), err)
	}
	who, known, err := f.process()
	switch {
	case err != nil:
		return nil, err
	case known && who.alive():
		return l.adopt(f, who, launch.Timeout.D())
	case known && !f.ended():
		ended := f.lastSign()
		if ended.Before(who.Started) {
			ended = who.Started
		}
		return nil, WriteResult(f.file(resultFile), Result{ExitCode: -1, Started: who.Started, Ended: ended})
	}
	return nil, nil
}

// adopt begins to watch a process that an earlier launcher left.
func (l *Launcher) adopt(f folder, who identity, timeout time.Duration) (*watch, error) {
	if l.closed {
		return nil, ErrClosed
	}
	w := &watch{who: who, timeout: timeout}
	var order stopOrder
	if readJSON(f.file(stopFile), &order) == nil {
		w.told = order.At
	}
	l.watch(f, w)
	l.cfg.Log.Info("adopted a running generator", "testid", f.id(), "pid", who.PID)
	return w, nil
}

// process returns who runs or ran the launch, and whether anybody does or did. A
// launcher that was killed between starting the process and writing that down
// left only the arguments to know it by, and before it has those, the lock.
func (f folder) process() (identity, bool, error) {
	var who identity
	if readJSON(f.file(pidFile), &who) == nil {
		return who, true, nil
	}
	pid, found := findByArgument(resultFlag, f.file(resultFile))
	if !found {
		if f.locked() {
			return identity{}, false, ErrStarting
		}
		return identity{}, false, nil
	}
	who, err := identify(pid)
	if err == nil {
		err = writeJSON(f.file(pidFile), who)
	}
	return who, err == nil, err
}
