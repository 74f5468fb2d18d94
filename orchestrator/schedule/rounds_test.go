package schedule

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// TestRoundsAtOnce fires every service at the same moment: no more of them begin
// side by side than the configuration allows, and none is left out.
func TestRoundsAtOnce(t *testing.T) {
	t.Parallel()
	const allowed = 2
	q, _ := freshQueue(t, Config{Rounds: allowed})
	var mu sync.Mutex
	now, most, begun := 0, 0, 0
	both := make(chan struct{}) // closed when as many as are allowed met
	steps := (&calls{}).steps()
	steps.Round = func(ctx context.Context, _ contest.ServiceKey, _ contest.RoundID) (time.Duration, error) {
		mu.Lock()
		now++
		begun++
		most = max(most, now)
		if now == allowed && begun == allowed {
			close(both)
		}
		mu.Unlock()
		select {
		case <-both:
		case <-ctx.Done():
		}
		mu.Lock()
		defer mu.Unlock()
		now--
		return 0, nil
	}
	for _, s := range contest.Services() {
		require.NoError(t, q.Fire(t.Context(), s.Key))
	}
	running(t, q, steps)
	done := func() bool { mu.Lock(); defer mu.Unlock(); return begun == len(contest.Services()) && now == 0 }
	require.Eventually(t, done, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, allowed, most)
}
