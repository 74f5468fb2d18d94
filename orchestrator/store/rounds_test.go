package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestRoundEndsWithItsLastClimb(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80", "b:80")
	openClimbs := func() int {
		n, err := s.OpenClimbs(t.Context(), "round")
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 2, openClimbs())
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		round, err := tx.EndRound(ctx, "round")
		require.Nil(t, round)
		require.NoError(t, err)
		require.NoError(t, tx.EndClimb(ctx, climbID(0)))
		require.ErrorIs(t, tx.EndClimb(ctx, climbID(0)), store.ErrStale)
		round, err = tx.EndRound(ctx, "round")
		require.Nil(t, round, "one climb is under way")
		require.NoError(t, err)
		id, err := tx.OpenRound(ctx, contest.SearchTesting)
		require.Equal(t, contest.RoundID("round"), id)
		return err
	})
	require.Equal(t, 1, openClimbs())
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, tx.EndClimb(ctx, climbID(1)))
		round, err := tx.EndRound(ctx, "round")
		require.NoError(t, err)
		require.Equal(t, 2, round.Teams)
		require.Equal(t, tx.Now().UnixMilli(), round.EndedAt.UnixMilli())
		round, err = tx.EndRound(ctx, "round")
		require.Nil(t, round, "it ends once")
		require.NoError(t, err)
		round, err = tx.EndRound(ctx, "unknown")
		require.Nil(t, round)
		require.NoError(t, err)
		_, err = tx.OpenRound(ctx, contest.SearchTesting)
		require.ErrorIs(t, err, store.ErrNotFound)
		return nil
	})
	require.Zero(t, openClimbs())
}

func TestRounds(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	at := time.UnixMilli(1_000_000).UTC()
	ended := at.Add(time.Minute)
	all := []contest.Round{
		{ID: "1", Service: contest.SearchTesting, StartedAt: at, EndedAt: &ended, Error: "the Hub gave no teams"},
		{ID: "2", Service: contest.SearchTesting, StartedAt: at, Teams: 7},
		{ID: "3", Service: contest.BookingTesting, StartedAt: at.Add(time.Hour)},
		{ID: "0", Service: contest.SearchTesting, StartedAt: at.Add(time.Second)},
	}
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for _, r := range all {
			if err := tx.InsertRound(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	rounds, err := s.Rounds(t.Context(), contest.SearchTesting, 10)
	require.NoError(t, err)
	require.Equal(t, []contest.Round{all[3], all[1], all[0]}, rounds)
	rounds, err = s.Rounds(t.Context(), contest.SearchTesting, 1)
	require.NoError(t, err)
	require.Equal(t, []contest.Round{all[3]}, rounds)
	n, err := s.CountRounds(t.Context(), contest.SearchTesting)
	require.NoError(t, err)
	require.Equal(t, 3, n)

	insert := func(r contest.Round) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertRound(t.Context(), r) })
	}
	require.ErrorIs(t, insert(all[1]), store.ErrStale, "a round is begun once")
	failed := all[1]
	failed.Error = "a late try"
	require.ErrorIs(t, insert(failed), store.ErrStale)
	begun := contest.Round{ID: "1", Service: contest.SearchTesting, StartedAt: at.Add(time.Hour), Teams: 2}
	require.NoError(t, insert(begun), "it takes the place of a try that failed")
	rounds, err = s.Rounds(t.Context(), contest.SearchTesting, 10)
	require.NoError(t, err)
	require.Equal(t, []contest.Round{begun, all[3], all[1]}, rounds)
}

func TestClimbKeepsItsRules(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	want := aClimb(0)
	want.Levels = []contest.Level{{Users: 5, Duration: contest.Duration(time.Minute)}}
	want.Config, want.ConfigHash, want.Env = []byte(`{"repeats":3}`), "h", map[string]string{"A": "b"}
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, tx.InsertRound(ctx, contest.Round{ID: "round", StartedAt: tx.Now()}))
		require.NoError(t, tx.InsertClimb(ctx, want))
		got, err := tx.Climb(ctx, want.ID)
		require.Equal(t, want, got)
		require.NoError(t, err)
		_, err = tx.Climb(ctx, "unknown")
		require.ErrorIs(t, err, store.ErrNotFound)
		return nil
	})
}
