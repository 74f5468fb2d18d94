package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// What runs carried is read back newest first, of one script, and of earlier
// rounds alone.
func TestCarried(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	plan(t, s, "a:80", "b:80", "c:80", "d:80", "e:80")
	change := func(n int, do func(r *store.Run)) {
		write(t, s, func(ctx context.Context, tx *store.Tx) error {
			before := aRun(n, string(rune('a'+n))+":80")
			after := before
			after.State = contest.RunJudged
			do(&after)
			return tx.Move(ctx, before, after)
		})
	}
	change(0, func(r *store.Run) {
		r.Carried = &contest.Carried{Rate: 1, CPU: 0.25, Short: contest.ShortOfPower, Memory: 7}
	})
	change(1, func(r *store.Run) { r.Carried = &contest.Carried{Rate: 2} })
	change(2, func(r *store.Run) { r.Carried, r.Scenario = &contest.Carried{Rate: 3}, "other" })
	change(3, func(*store.Run) {}) // judged, and nothing was learned; the last is still planned
	all := func(round contest.RoundID, last int) []contest.Carried {
		got, err := s.Carried(t.Context(), contest.EventSearch, "search", round, last)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, []contest.Carried{{Rate: 2}, {Rate: 1, CPU: 0.25, Short: contest.ShortOfPower, Memory: 7}}, all("s", 10))
	require.Equal(t, []contest.Carried{{Rate: 2}}, all("s", 3), "no further back")
	require.Empty(t, all("round", 10), "the round itself is no past")
	other, err := s.Carried(t.Context(), contest.TicketBooking, "search", "s", 10)
	require.NoError(t, err)
	require.Empty(t, other)
}
