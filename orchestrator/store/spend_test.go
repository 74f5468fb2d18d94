package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestSpendIsKeptWithItsHistory(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	none, err := s.Spends(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	for i, e := range []store.SpendEntry{
		{Team: "good", Micros: 1_200_500_000, Currency: "KZT", Approximate: true, Who: "Aigerim", Note: "said on the phone"},
		{Team: "slow", Micros: 0, Currency: "USD", Who: "Bolat"},
		{Team: "good", Micros: 1_000_000_000_000_000_000, Currency: "KZT", Who: "Bolat"},
	} {
		write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.AddSpend(ctx, e, fmt.Sprintf("amount %d", i)) })
	}
	newest, err := s.Spends(t.Context())
	require.NoError(t, err)
	require.Len(t, newest, 2)
	require.Equal(t, int64(1_000_000_000_000_000_000), newest["good"].Micros, "an amount as large as can be is exact")
	require.False(t, newest["good"].Approximate)
	history, err := s.SpendHistory(t.Context(), "good", 10)
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.Equal(t, []int64{3, 1}, []int64{history[0].Seq, history[1].Seq}, "newest first")
	require.True(t, history[1].Approximate)
	require.Equal(t, "said on the phone", history[1].Note)
	require.False(t, history[1].At.IsZero())
	trail, err := s.AuditTrail(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, trail, 3)
	require.Equal(t, []string{"Aigerim", "enter spend", "good amount 0", "said on the phone"},
		[]string{trail[2].Who, trail[2].What, trail[2].Subject, trail[2].Why})
}

// Everybody who writes at once is kept, in some order, each with an audit line.
func TestSpendIsWrittenByManyAtOnce(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	const writers, each = 8, 5
	var all sync.WaitGroup
	errs := make(chan error, writers*each)
	for w := range writers {
		all.Go(func() {
			for range each {
				errs <- s.Write(t.Context(), func(tx *store.Tx) error {
					return tx.AddSpend(t.Context(), store.SpendEntry{Team: contest.Slug(fmt.Sprintf("team-%d", w%2)), Currency: "KZT"}, "0 KZT")
				})
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	seen := map[int64]bool{}
	for _, team := range []contest.Slug{"team-0", "team-1"} {
		history, err := s.SpendHistory(t.Context(), team, 100)
		require.NoError(t, err)
		require.Len(t, history, writers*each/2)
		for i, e := range history {
			require.False(t, seen[e.Seq], "each has a number of its own")
			seen[e.Seq] = true
			require.True(t, i == 0 || e.Seq < history[i-1].Seq)
		}
	}
	trail, err := s.AuditTrail(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, trail, writers*each)
}
