package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestUpdatesAreRetriedAndDroppedByHand(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	settle := func(state contest.OutboxState) {
		write(t, s, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.PutUpdate(ctx, anUpdate("good", 1)); err != nil {
				return err
			}
			return tx.SettleUpdate(ctx, store.Settlement{Team: "good", Criterion: contest.EventSearch, Version: 1, State: state, Attempts: 7, At: tx.Now(), DueAt: tx.Now(), Error: "no"})
		})
	}
	retry := func(team contest.Slug) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.RetryUpdate(t.Context(), team, contest.EventSearch) })
	}
	drop := func(team contest.Slug) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.DropUpdate(t.Context(), team, contest.EventSearch) })
	}
	require.ErrorIs(t, retry("good"), store.ErrNotFound)
	require.ErrorIs(t, drop("good"), store.ErrNotFound)
	settle(contest.OutboxParked)
	require.NoError(t, retry("good"))
	rows, err := s.Outbox(t.Context(), contest.OutboxPending)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Zero(t, rows[0].Attempts)
	require.ErrorIs(t, drop("good"), store.ErrStale, "it may be on its way")
	settle(contest.OutboxParked)
	require.NoError(t, drop("good"))
	settle(contest.OutboxSent)
	require.ErrorIs(t, retry("good"), store.ErrStale, "the Hub holds it")
	require.ErrorIs(t, drop("good"), store.ErrStale)
}

func TestExclusionsAndTheAuditTrail(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for _, why := range []string{"asked", "asked again"} {
			if err := tx.Exclude(ctx, "slow", "Aigerim", why); err != nil {
				return err
			}
			if err := tx.Audit(ctx, store.AuditEntry{Who: "Aigerim", What: "exclude", Subject: "slow", Why: why}); err != nil {
				return err
			}
		}
		return nil
	})
	out, err := s.Exclusions(t.Context())
	require.NoError(t, err)
	require.Len(t, out, 1)
	require.Equal(t, store.Exclusion{Team: "slow", Who: "Aigerim", Why: "asked again", At: out[0].At}, out[0])
	require.False(t, out[0].At.IsZero())
	trail, err := s.AuditTrail(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, trail, 2)
	require.Equal(t, []any{int64(2), "asked again"}, []any{trail[0].Seq, trail[0].Why}, "newest first")
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.Include(ctx, "slow") })
	require.ErrorIs(t, s.Write(t.Context(), func(tx *store.Tx) error { return tx.Include(t.Context(), "slow") }), store.ErrNotFound)
}
