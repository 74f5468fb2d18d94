package conduct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// ErrFinal means that a run has ended for good, so it cannot be cancelled.
var ErrFinal = errors.New("the run is over")

// turnWait is how often a cancellation looks whether the step under way is done.
const turnWait = 20 * time.Millisecond

// Cancel stops a run, named by its id or testid: its load is ended, its target
// given free, and its climb ends without a verdict. It waits for the step of
// the run that is under way, as long as ctx lasts. A cancelled run says who and
// why in the audit trail.
func (l *Line) Cancel(ctx context.Context, id, who, why string) (contest.Run, error) {
	run, err := l.Store.Run(ctx, id)
	if err != nil {
		return contest.Run{}, err
	}
	end, err := l.turn(ctx, run.ID)
	if err != nil {
		return contest.Run{}, err
	}
	defer end()
	for {
		if run, err = l.Store.Run(ctx, string(run.ID)); err != nil { // the step has moved it on
			return contest.Run{}, err
		}
		if run.State.Final() {
			return contest.Run{}, fmt.Errorf("cancel run %s: %w: it is %s", run.ID, ErrFinal, run.State)
		}
		if run.State.UnderWay() && run.Owner != "" && !l.mine(run) {
			return l.askOwner(ctx, run, who, why)
		}
		cancelled, err := l.cancelHeld(ctx, run, who, why)
		if !errors.Is(err, store.ErrStale) || l.Replica == (alone{}) {
			return cancelled, err
		} // another replica has moved it on meanwhile
	}
}

// cancelHeld cancels a run whose turn it is. Its load ends before the target is
// free for anybody else's.
func (l *Line) cancelHeld(ctx context.Context, run store.Run, who, why string) (contest.Run, error) {
	if run.TestID != "" {
		if err := l.remove(ctx, run.TestID); err != nil {
			return contest.Run{}, fmt.Errorf("cancel run %s: %w", run.ID, err)
		}
	}
	l.live.drop(run.ID)
	return l.cancelled(ctx, run, store.AuditEntry{Who: who, What: "cancel run", Subject: run.String() + " " + string(run.ID), Why: why})
}

// turn waits until no step of the run is under way in this process.
func (l *Line) turn(ctx context.Context, id contest.RunID) (end func(), err error) {
	tick := time.NewTicker(turnWait)
	defer tick.Stop()
	for {
		if end, ok := l.turns.take("run " + string(id)); ok {
			return end, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the step of run %s: %w", id, ctx.Err())
		case <-tick.C:
		}
	}
}

// cancelled commits that a run is cancelled, with all that follows.
func (l *Line) cancelled(ctx context.Context, run store.Run, e store.AuditEntry) (contest.Run, error) {
	next, now := run, time.Now()
	next.State, next.EndedAt, next.Observed = contest.RunCancelled, &now, nil
	var ended *contest.Round
	err := l.move(ctx, run, next, func(tx *store.Tx) (err error) {
		if err := tx.Release(ctx, run.Run); err != nil {
			return err
		}
		if err := tx.EndClimb(ctx, run.Climb); err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
		if ended, err = tx.EndRound(ctx, run.Round); err != nil {
			return err
		}
		if err := tx.Audit(ctx, e); err != nil {
			return err
		}
		return l.dispatch(ctx, tx)
	})
	if err != nil {
		return contest.Run{}, err
	}
	if ended != nil {
		l.Observe.RoundEnded(*ended)
	}
	return next.Run, nil
}

// StopAll cancels every run that is not over and returns how many it stopped.
// Those that wait go first, so that none of them takes the place of another. A
// run that cannot be stopped does not keep the others.
func (l *Line) StopAll(ctx context.Context, who, why string) (stopped int, err error) {
	var errs []error
	for _, states := range [][]contest.RunState{
		{contest.RunPlanned},
		{contest.RunLaunched, contest.RunPrepared, contest.RunLeased},
		{contest.RunEnded, contest.RunCollected, contest.RunPlanned}, // their climbs would go on
	} {
		runs, err := l.Store.RunsIn(ctx, "", states...)
		if err != nil {
			return stopped, errors.Join(append(errs, err)...)
		}
		for _, r := range runs {
			switch _, err := l.Cancel(ctx, string(r.ID), who, why); {
			case err == nil:
				stopped++
			case !errors.Is(err, ErrFinal) && !errors.Is(err, store.ErrStale):
				errs = append(errs, err)
			}
		}
	}
	return stopped, errors.Join(errs...)
}
