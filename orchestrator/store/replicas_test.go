package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestBeatsGrow(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	for n := int64(1); n <= 3; n++ {
		all, err := s.Beat(t.Context(), store.Replica{ID: "a", Host: "h", Embedded: true})
		require.NoError(t, err)
		require.Equal(t, []store.Replica{{ID: "a", Host: "h", Embedded: true, Beat: n}}, all)
	}
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, tx.TakeDuty(ctx, "outbox", "", "a"))
		return tx.Forget(ctx, "a")
	})
	all, err := s.Beat(t.Context(), store.Replica{ID: "b"})
	require.NoError(t, err)
	require.Equal(t, []store.Replica{{ID: "b", Beat: 1}}, all)
	owner, err := s.Duty(t.Context(), "outbox")
	require.NoError(t, err)
	require.Empty(t, owner, "who leaves gives up its duties")
}

// Of two that claim the same, from what both have read, one gets it.
func TestClaimsAreFenced(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	leased := lease(t, s, 1)[0]
	var owned store.Run
	rows := map[string]func(ctx context.Context, tx *store.Tx, who string) error{
		"run": func(ctx context.Context, tx *store.Tx, who string) error {
			r, err := tx.Claim(ctx, leased, who)
			if err == nil {
				owned = r
			}
			return err
		},
		"round": func(ctx context.Context, tx *store.Tx, who string) error {
			return tx.ClaimRound(ctx, "round", "", who)
		},
		"duty": func(ctx context.Context, tx *store.Tx, who string) error {
			return tx.TakeDuty(ctx, "outbox", "", who)
		},
	}
	for name, claim := range rows {
		write(t, s, func(ctx context.Context, tx *store.Tx) error { return claim(ctx, tx, "first") })
		err := s.Write(t.Context(), func(tx *store.Tx) error { return claim(t.Context(), tx, "second") })
		require.ErrorIs(t, err, store.ErrStale, name)
	}
	kept, err := s.Run(t.Context(), string(leased.ID))
	require.NoError(t, err)
	require.Equal(t, "first", kept.Owner)
	round, err := s.RoundOwner(t.Context(), "round")
	require.NoError(t, err)
	require.Equal(t, "first", round)

	// A step of one who has not the run in its hands changes nothing.
	next := leased
	next.State = contest.RunPrepared
	move := func(before store.Run) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.Move(t.Context(), before, next) })
	}
	require.ErrorIs(t, move(leased), store.ErrStale)
	require.NoError(t, move(owned))
}

func TestACancellationIsAskedForOnce(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	_, _, err := s.AskedCancel(t.Context(), "run-00000")
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, who := range []string{"Aigerim", "Bolat"} {
		write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.AskCancel(ctx, "run-00000", who, "stuck") })
	}
	who, why, err := s.AskedCancel(t.Context(), "run-00000")
	require.NoError(t, err)
	require.Equal(t, []string{"Aigerim", "stuck"}, []string{who, why})
}
