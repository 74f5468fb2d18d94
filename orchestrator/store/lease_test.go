package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func positions(runs []store.Run) (all []int) {
	for _, r := range runs {
		all = append(all, r.Position)
	}
	return all
}

func TestLeaseGoesByPositionAndCapacity(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80", "a:80", "b:80", "c:80", "b:80", "d:80")

	require.Empty(t, lease(t, s, 0))
	first := lease(t, s, 2)
	require.Equal(t, []int{0, 2}, positions(first), "run 1 waits for the target of run 0")
	for _, r := range first {
		require.Equal(t, contest.RunLeased, r.State)
		require.Equal(t, 1, r.Attempt)
	}
	require.Empty(t, lease(t, s, 2), "both places are taken")
	require.Equal(t, []int{3, 5}, positions(lease(t, s, 10)), "the other targets are held")
	require.Empty(t, lease(t, s, 10))

	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.Release(ctx, first[0].Run) })
	require.Empty(t, lease(t, s, 3), "capacity shrank below what is held")
	require.Equal(t, []int{1}, positions(lease(t, s, 4)))

	kept, err := s.Run(t.Context(), string(first[0].ID))
	require.NoError(t, err)
	require.Equal(t, first[0], kept, "what was returned is what is stored")
}

// A long queue before one target must not hide the free ones behind it.
func TestLeaseFindsFreeTargetsBehindALongQueue(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	targets := make([]string, 450)
	for i := range targets {
		targets[i] = "busy:80"
	}
	targets[448], targets[449] = "free:80", "also-free:80"
	plan(t, s, targets...)
	require.Equal(t, []int{0, 448, 449}, positions(lease(t, s, 3)))
}

func TestLeaseRacing(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	const targets, perTarget, capacity = 5, 8, 4
	var all []string
	for range perTarget {
		for n := range targets {
			all = append(all, fmt.Sprintf("t%d:80", n))
		}
	}
	plan(t, s, all...)

	var mu sync.Mutex
	held, done := map[string]contest.RunID{}, map[contest.RunID]bool{}
	work := func(r store.Run) error {
		mu.Lock()
		_, twice := held[r.Target]
		again, many := done[r.ID], len(held) >= capacity
		held[r.Target] = r.ID
		mu.Unlock()
		if twice || again || many {
			return fmt.Errorf("run %s: target held twice %v, leased again %v, over capacity %v", r.ID, twice, again, many)
		}
		return s.Write(t.Context(), func(tx *store.Tx) error {
			next := r
			next.State = contest.RunEnded
			if err := tx.Move(t.Context(), r, next); err != nil {
				return err
			}
			mu.Lock() // before the commit: another may lease it right after
			delete(held, r.Target)
			done[r.ID] = true
			mu.Unlock()
			return tx.Release(t.Context(), r.Run)
		})
	}
	worker := func() error {
		for {
			var mine []store.Run
			err := s.Write(t.Context(), func(tx *store.Tx) (err error) {
				mine, err = tx.Lease(t.Context(), capacity)
				return err
			})
			if err != nil {
				return err
			}
			for _, r := range mine {
				if err := work(r); err != nil {
					return err
				}
			}
			mu.Lock()
			finished := len(done) == len(all)
			mu.Unlock()
			if finished {
				return nil
			}
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		wg.Go(func() { errs[i] = worker() })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestMoveIsFenced(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	leased := lease(t, s, 1)[0]
	move := func(before, after store.Run) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.Move(t.Context(), before, after) })
	}
	prepared, now := leased, time.Now().UTC().Truncate(time.Millisecond)
	prepared.State, prepared.TestID, prepared.EndedAt = contest.RunPrepared, "good-search-10-x", &now
	require.NoError(t, move(leased, prepared))
	err := move(leased, prepared)
	require.ErrorIs(t, err, store.ErrStale, "a twin that read the earlier state")
	require.ErrorContains(t, err, "move run run-00000 from leased to prepared")
	found, err := s.Run(t.Context(), "good-search-10-x")
	require.NoError(t, err)
	require.Equal(t, prepared, found)

	// Planned again, leased again: a step of the first attempt changes nothing.
	again := prepared
	again.State, again.TestID = contest.RunPlanned, ""
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Move(ctx, prepared, again); err != nil {
			return err
		}
		return tx.Release(ctx, prepared.Run)
	})
	second := lease(t, s, 1)[0]
	require.Equal(t, 2, second.Attempt)
	require.ErrorIs(t, move(leased, prepared), store.ErrStale, "same state, earlier attempt")
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.Release(ctx, leased.Run) })
	plan2 := aRun(1, "a:80")
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertClimb(ctx, aClimb(1)); err != nil {
			return err
		}
		return tx.InsertRun(ctx, plan2)
	})
	require.Empty(t, lease(t, s, 5), "a release of the first attempt does not free the second's target")

	gone := second
	gone.ID = "never planned"
	require.ErrorIs(t, move(gone, second), store.ErrStale)
	_, err = s.Run(t.Context(), "good-search-10-x")
	require.ErrorIs(t, err, store.ErrNotFound, "the testid of a launch that is gone")
	_, err = s.Run(t.Context(), "")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestInsertRunTwicePlansOnce(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	twin := aRun(0, "a:80")
	twin.ID = "twin"
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRun(ctx, twin) })
	runs, err := s.RunsIn(t.Context(), "", contest.RunPlanned)
	require.NoError(t, err)
	require.Equal(t, []store.Run{aRun(0, "a:80")}, runs)

	retry := twin
	retry.Retry = 1
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRun(ctx, retry) })
	orphan := aRun(7, "a:80")
	err = s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertRun(t.Context(), orphan) })
	require.ErrorContains(t, err, foreignKey, "a run belongs to a climb")
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		runs, err := tx.ClimbRuns(ctx, climbID(0))
		require.Equal(t, []store.Run{aRun(0, "a:80"), retry}, runs)
		return err
	})
}

func TestRunsInAndRuns(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80", "b:80", "c:80")
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		other := aRun(3, "d:80")
		other.Round, other.PlannedAt = "other", other.PlannedAt.Add(time.Hour)
		other.Team.Slug, other.Criterion = "slow", contest.TicketBooking
		c := aClimb(3)
		c.Round = "other"
		if err := tx.InsertRound(ctx, contest.Round{ID: "other", Service: contest.BookingTesting, StartedAt: tx.Now()}); err != nil {
			return err
		}
		if err := tx.InsertClimb(ctx, c); err != nil {
			return err
		}
		return tx.InsertRun(ctx, other)
	})
	lease(t, s, 1)

	in := func(round contest.RoundID, states ...contest.RunState) (all []int) {
		runs, err := s.RunsIn(t.Context(), round, states...)
		require.NoError(t, err)
		return positions(runs)
	}
	require.Equal(t, []int{1, 2, 3}, in("", contest.RunPlanned))
	require.Equal(t, []int{0, 1, 2, 3}, in("", contest.RunPlanned, contest.RunLeased))
	require.Equal(t, []int{0}, in("round", contest.RunLeased))
	require.Equal(t, []int{3}, in("other", contest.RunPlanned, contest.RunJudged))
	require.Empty(t, in("other", contest.RunLeased))
	require.Empty(t, in("round"), "no state selects nothing")

	for name, row := range map[string]struct {
		filter store.RunFilter
		want   []contest.RunID
	}{
		"all, newest first": {store.RunFilter{}, []contest.RunID{"run-00003", "run-00002", "run-00001", "run-00000"}},
		"limit":             {store.RunFilter{Limit: 2}, []contest.RunID{"run-00003", "run-00002"}},
		"team":              {store.RunFilter{Team: "slow"}, []contest.RunID{"run-00003"}},
		"criterion":         {store.RunFilter{Criterion: contest.EventSearch, Limit: 1}, []contest.RunID{"run-00002"}},
		"both, none":        {store.RunFilter{Team: "slow", Criterion: contest.EventSearch}, nil},
	} {
		runs, err := s.Runs(t.Context(), row.filter)
		require.NoError(t, err, name)
		var got []contest.RunID
		for _, r := range runs {
			got = append(got, r.ID)
		}
		require.Equal(t, row.want, got, name)
	}
	runs, err := s.Runs(t.Context(), store.RunFilter{Team: "good", Limit: 3})
	require.NoError(t, err)
	require.Equal(t, aRun(2, "c:80").Run, runs[0], "the part that pages see decodes from the whole document")
	require.Equal(t, contest.RunLeased, runs[2].State)
}
