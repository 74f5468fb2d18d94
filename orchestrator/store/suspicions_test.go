package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// What is seen again is one suspicion, with the newest words and how often.
func TestSuspicionsAreRenewed(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	at := time.UnixMilli(1_770_000_000_000).UTC()
	one := contest.Suspicion{Team: "a", Criterion: contest.EventSearch, Kind: contest.SuspicionEmpty, Run: "r1", Sentence: "first", At: at}
	again, other := one, one
	again.Run, again.Sentence, again.At = "r2", "second", at.Add(time.Minute)
	other.Team, other.Criterion, other.Kind, other.Other, other.Run, other.At = "a", "", contest.SuspicionShared, "b", "", at.Add(time.Second)
	for _, each := range []contest.Suspicion{one, other, again} {
		write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.Suspect(ctx, each) })
	}
	all, err := s.Suspicions(t.Context())
	require.NoError(t, err)
	again.Since, again.Times, other.Since, other.Times = at, 2, other.At, 1
	require.Equal(t, []contest.Suspicion{again, other}, all)
}
