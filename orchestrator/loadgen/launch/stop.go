package launch

import (
	"context"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Stop ends a launch: SIGTERM, then SIGKILL of its process group when it has not
// ended within the grace period. It returns when the process is gone, or with
// ctx's error while the stopping goes on. Files stay. Stopping a launch that has
// ended or never was is no error.
func (l *Launcher) Stop(ctx context.Context, id contest.TestID) error {
	if !id.Valid() {
		return fmt.Errorf("stop launch: testid %.200q is not valid", id)
	}
	w, err := l.order(id)
	if err != nil {
		return fmt.Errorf("stop launch %s: %w", id, err)
	}
	if w == nil {
		return nil
	}
	return l.await(ctx, id, w)
}

// order tells the watch over a launch to stop it.
func (l *Launcher) order(id contest.TestID) (*watch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.find(l.folder(id))
	if err != nil || w == nil {
		return nil, err
	}
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	return w, nil
}

func (l *Launcher) await(ctx context.Context, id contest.TestID, w *watch) error {
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for launch %s: %w", id, ctx.Err())
	case <-l.closing:
		return fmt.Errorf("wait for launch %s: %w", id, ErrClosed)
	}
}

// Remove stops a launch and deletes its folder. Removing one that never was is
// no error.
func (l *Launcher) Remove(ctx context.Context, id contest.TestID) error {
	if err := l.Stop(ctx, id); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.folder(id).remove(); err != nil {
		return fmt.Errorf("remove launch %s: %w", id, err)
	}
	return nil
}

// Wait returns when no generator that this launcher watches runs any more.
func (l *Launcher) Wait(ctx context.Context) error {
	for {
		id, w := l.anyWatch()
		if w == nil {
			return nil
		}
		if err := l.await(ctx, id, w); err != nil {
			return err
		}
	}
}

func (l *Launcher) anyWatch() (contest.TestID, *watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, w := range l.watches {
		return id, w
	}
	return "", nil
}

// Close ends the watching and returns when all of it has ended. The generators
// go on; a later launcher over the same folder adopts them. Closing twice is
// harmless.
func (l *Launcher) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	l.mu.Unlock()
	l.wg.Wait()
}
