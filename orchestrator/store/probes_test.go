package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestProbesAndLoadKeepApart(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "one:80", "two:80")
	hold := func(target string) (ok bool) {
		write(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			ok, err = tx.HoldTarget(ctx, target, "me")
			return err
		})
		return ok
	}
	require.True(t, hold("one:80"))
	require.False(t, hold("one:80"), "a probe holds it")
	require.Equal(t, []int{1}, positions(lease(t, s, 5)), "no load begins where a probe is")
	require.False(t, hold("two:80"), "load is under way there")
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.FreeTarget(ctx, "one:80") })
	require.Equal(t, []int{0}, positions(lease(t, s, 5)))

	require.True(t, hold("three:80"))
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		freed, err := tx.FreeTargets(ctx, "another")
		require.False(t, freed)
		require.NoError(t, err)
		freed, err = tx.FreeTargets(ctx, "me")
		require.True(t, freed)
		return err
	})
	require.True(t, hold("three:80"), "a process that is no more holds nothing")
}
