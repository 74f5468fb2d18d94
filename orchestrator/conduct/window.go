package conduct

import (
	"context"
	"errors"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// windowLook is how often a run that waits for a load window looks whether it is open.
const windowLook = time.Minute

// await wakes the first planned run, so that it looks for the next load window
// and lets all others begin with it.
func (l *Line) await(ctx context.Context, tx *store.Tx) error {
	id, err := tx.FirstPlanned(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.Wake.WakeWaiting(ctx, tx.SQL.Tx, id)
}

// waited sees to a planned run that was woken: while no load is allowed it is
// looked at again, and then the runs that may begin do.
func (l *Line) waited(ctx context.Context) (again time.Duration, err error) {
	if !l.LoadAllowed(time.Now()) {
		return windowLook, nil
	}
	return 0, l.Store.Write(ctx, func(tx *store.Tx) error { return l.dispatch(ctx, tx) })
}

// postpone plans a run again that had its turn when the window closed, before it
// put any load on its target. A launch that an earlier process began for it ends.
func (l *Line) postpone(ctx context.Context, run store.Run) error {
	if run.TestID != "" {
		if err := l.remove(ctx, run.TestID); err != nil {
			return err
		}
	}
	return l.planAgain(ctx, run, func(tx *store.Tx) error { return l.dispatch(ctx, tx) })
}
