package conduct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// Replica is this process among those that share the state.
//
// A run under load belongs to the replica that claimed it: the generator is a
// child on its machine, and nobody else can see or end it. The jobs that wake a
// run come to all replicas; those whose run it is not hand them on.
type Replica interface {
	ID() string
	// Silent is for how long a replica has shown no sign of life; one that has
	// left is silent for ever.
	Silent(id string) time.Duration
}

// silence is after which time a replica is taken to be gone. What it was doing
// at its last sign of life is over by then, its generators apart.
const silence = 45 * time.Second

// alone is the only process on its state: everything is nobody's, and so its own.
type alone struct{}

// ID is the owner of what is nobody's.
func (alone) ID() string { return "" }

// Silent is never asked for another.
func (alone) Silent(string) time.Duration { return 0 }

// mine reports whether this process does the steps of a run. A run that is
// nobody's is whoever's asks first.
func (l *Line) mine(run store.Run) bool { return run.Owner == l.Replica.ID() }

// own makes a leased run this replica's, before anything is done to its target:
// of two replicas that were woken only one looks at it and resets it. It is
// ErrStale when another was quicker.
func (l *Line) own(ctx context.Context, run store.Run) (store.Run, error) {
	if l.mine(run) || run.Owner != "" {
		return run, nil
	}
	err := l.Store.Write(ctx, func(tx *store.Tx) (err error) {
		run, err = tx.Claim(ctx, run, l.Replica.ID())
		return err
	})
	return run, err
}

// standBy sees to a run of another replica's: while that lives, nothing is done.
// The run of one that is gone is planned again, when its load is over by the
// plan; for the generator may live on, and nobody is left who could ask it.
func (l *Line) standBy(ctx context.Context, run store.Run) (again time.Duration, err error) {
	longest := silence
	if run.TestID != "" {
		longest += run.Script.Length() + l.limits.Grace
	}
	if l.Replica.Silent(run.Owner) < longest {
		return l.limits.Poll, nil
	}
	l.Log.WarnContext(ctx, "the replica of a run is gone, the run is planned again", "run", run.ID, "testid", run.TestID, "replica", run.Owner)
	return 0, l.planAgain(ctx, run, func(tx *store.Tx) error { return l.dispatch(ctx, tx) })
}

// heed cancels a run that another replica was asked to cancel. asked is false
// when nobody did.
func (l *Line) heed(ctx context.Context, run store.Run) (asked bool, err error) {
	if run.Owner == "" { // the only process is asked directly
		return false, nil
	}
	who, why, err := l.Store.AskedCancel(ctx, run.ID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = l.cancelHeld(ctx, run, who, why)
	return true, err
}

// askOwner has the replica of a run cancel it, and waits until it has, as long as
// ctx lasts. It does so all the same when nobody waits.
func (l *Line) askOwner(ctx context.Context, run store.Run, who, why string) (contest.Run, error) {
	err := l.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.AskCancel(ctx, run.ID, who, why); err != nil {
			return err
		}
		return l.Wake.WakeRun(ctx, tx.SQL.Tx, run.ID)
	})
	if err != nil {
		return contest.Run{}, err
	}
	tick := time.NewTicker(l.limits.Poll)
	defer tick.Stop()
	for {
		now, err := l.Store.Run(ctx, string(run.ID))
		if err != nil {
			return contest.Run{}, err
		}
		if now.State.Final() {
			return now.Run, nil
		}
		select {
		case <-ctx.Done():
			return contest.Run{}, fmt.Errorf("cancel run %s: another replica runs it and will cancel it as soon as it can: %w", run.ID, ctx.Err())
		case <-tick.C:
		}
	}
}

// HandBack ends the load that is under way here and has the other replicas begin
// the runs again. It is called while no steps are done.
func (l *Line) HandBack(ctx context.Context) error {
	if err := l.Abandon(ctx); err != nil {
		return err
	}
	return l.Store.Write(ctx, func(tx *store.Tx) error { return l.dispatch(ctx, tx) })
}

// Tidy does what falls due among replicas, from time to time: it gives the
// targets free that the probes of those held that are gone, and removes launches
// on this machine whose runs have been judged or begun again elsewhere. Runs and
// rounds are taken over when they are woken.
func (l *Line) Tidy(ctx context.Context, gone []string) error {
	if err := l.sweepUnwanted(ctx); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	return l.Store.Write(ctx, func(tx *store.Tx) error {
		any := false
		for _, id := range gone {
			freed, err := tx.FreeTargets(ctx, id)
			if err != nil {
				return err
			}
			any = any || freed
		}
		if !any {
			return nil
		}
		return l.dispatch(ctx, tx)
	})
}

// sweepUnwanted removes the launches of this machine that no run of this replica
// stands for. They are listed before the runs are: what is started meanwhile is
// not looked at.
func (l *Line) sweepUnwanted(ctx context.Context) error {
	sweeper, ok := l.Launcher.(Sweeper)
	if !ok {
		return nil
	}
	left, err := sweeper.List(ctx)
	if err != nil {
		return fmt.Errorf("list launches: %w", err)
	}
	if len(left) == 0 {
		return nil
	}
	open, err := l.Store.RunsIn(ctx, "", contest.RunPrepared, contest.RunLaunched, contest.RunEnded, contest.RunCollected)
	if err != nil {
		return err
	}
	wanted := map[contest.TestID]bool{}
	for _, r := range open {
		if l.mine(r) {
			wanted[r.TestID] = true
		}
	}
	return l.removeAllBut(ctx, left, wanted)
}

// ownRound makes a round that measures without load this replica's, unless
// another one that lives does it.
func (l *Line) ownRound(ctx context.Context, id contest.RoundID) (mine bool, err error) {
	owner, err := l.Store.RoundOwner(ctx, id)
	if err != nil || owner == l.Replica.ID() {
		return err == nil, err
	}
	if owner != "" && l.Replica.Silent(owner) < silence {
		return false, nil
	}
	err = l.Store.Write(ctx, func(tx *store.Tx) error { return tx.ClaimRound(ctx, id, owner, l.Replica.ID()) })
	if errors.Is(err, store.ErrStale) {
		return false, nil
	}
	return err == nil, err
}
