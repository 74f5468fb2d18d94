package conduct

import (
	"context"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// Sweeper is a launcher that can tell what it has left on this machine.
type Sweeper interface {
	List(ctx context.Context) ([]contest.TestID, error)
}

// Resume takes up what an earlier process left: it wakes every run that has a
// next step, admits the writers of the launches that go on, and removes the
// launches that belong to no run any more. What other replicas work on is woken
// too: it is handed on to them, or taken over when they are gone. It is called
// once, before steps are done. The jobs of the earlier process may wake the same runs again later;
// they find the rows moved on.
func (l *Line) Resume(ctx context.Context) error {
	open, err := l.Store.RunsIn(ctx, "", contest.RunLeased, contest.RunPrepared, contest.RunLaunched, contest.RunEnded, contest.RunCollected)
	if err != nil {
		return err
	}
	wanted := map[contest.TestID]bool{}
	rounds := map[contest.RoundID]bool{}
	for _, r := range open {
		if r.TestID != "" && l.mine(r) {
			wanted[r.TestID] = true
			l.Writers.Admit(r.TestID)
		}
		if r.State == contest.RunEnded || r.State == contest.RunCollected {
			rounds[r.Round] = true
		}
	}
	if err := l.sweep(ctx, wanted); err != nil {
		return err
	}
	lookedAt, err := l.openLooks(ctx)
	if err != nil {
		return err
	}
	err = l.Store.Write(ctx, func(tx *store.Tx) error {
		for _, r := range open {
			if r.State == contest.RunEnded || r.State == contest.RunCollected {
				continue
			}
			if err := l.Wake.WakeRun(ctx, tx.SQL.Tx, r.ID); err != nil {
				return err
			}
		}
		for id := range rounds {
			if err := l.Wake.WakeCollect(ctx, tx.SQL.Tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.FreeTargets(ctx, l.Replica.ID()); err != nil {
			return err
		}
		for _, id := range lookedAt {
			if err := l.Wake.WakeLook(ctx, tx.SQL.Tx, id); err != nil {
				return err
			}
		}
		return l.dispatch(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("resume runs: %w", err)
	}
	return nil
}

// openLooks returns the open rounds that measure without load.
func (l *Line) openLooks(ctx context.Context) ([]contest.RoundID, error) {
	open, err := l.Store.OpenRounds(ctx)
	if err != nil {
		return nil, err
	}
	var ids []contest.RoundID
	for _, r := range open {
		if s, err := contest.FindService(string(r.Service)); err == nil && !s.Load() {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

func (l *Line) sweep(ctx context.Context, wanted map[contest.TestID]bool) error {
	sweeper, ok := l.Launcher.(Sweeper)
	if !ok {
		return nil
	}
	left, err := sweeper.List(ctx)
	if err != nil {
		return fmt.Errorf("list launches: %w", err)
	}
	return l.removeAllBut(ctx, left, wanted)
}

func (l *Line) removeAllBut(ctx context.Context, left []contest.TestID, wanted map[contest.TestID]bool) error {
	for _, id := range left {
		if wanted[id] {
			continue
		}
		l.Log.InfoContext(ctx, "removing a launch that belongs to no run", "testid", id)
		if err := l.remove(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Abandon ends the load that is under way and plans its runs anew. It serves
// where a launch cannot be taken up: at the end of a process that nobody will
// follow in time, or at the start of one whose targets went down with the last.
// It is called while no steps are done. A launch that cannot be removed keeps
// its run, and does not keep the others. The load of other replicas goes on.
func (l *Line) Abandon(ctx context.Context) error {
	under, err := l.Store.RunsIn(ctx, "", contest.RunLeased, contest.RunPrepared, contest.RunLaunched)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range under {
		if !l.mine(r) {
			continue
		}
		if err := l.abandon(ctx, r); err != nil && !errors.Is(err, store.ErrStale) {
			errs = append(errs, fmt.Errorf("abandon run %s: %w", r.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (l *Line) abandon(ctx context.Context, run store.Run) error {
	if run.TestID != "" {
		if err := l.remove(ctx, run.TestID); err != nil {
			return err
		}
	}
	l.live.drop(run.ID)
	return l.planAgain(ctx, run, nil)
}

// planAgain gives the target free and plans the run anew, under a new testid.
func (l *Line) planAgain(ctx context.Context, run store.Run, also func(tx *store.Tx) error) error {
	next := run
	next.State, next.TestID, next.LaunchedAt, next.Owner = contest.RunPlanned, "", nil, ""
	return l.move(ctx, run, next, func(tx *store.Tx) error {
		if err := tx.Release(ctx, run.Run); err != nil || also == nil {
			return err
		}
		return also(tx)
	})
}
