package schedule

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Outside of the contest's times nothing fires by itself; who asks is served.
func TestOnlyAPersonFiresOutsideTheContest(t *testing.T) {
	t.Parallel()
	var on atomic.Bool
	asked := make(chan struct{}, 100)
	q, _ := freshQueue(t, Config{
		Services: []Service{{Key: contest.GitMonitor, Cron: "@every 1s"}},
		Running: func(time.Time) bool {
			select {
			case asked <- struct{}{}:
			default:
			}
			return on.Load()
		},
	})
	var c calls
	running(t, q, c.steps())
	<-asked
	<-asked // the first firing was refused by now: firings come a second apart
	require.Zero(t, c.of("round git-monitor"))
	require.NoError(t, q.Fire(t.Context(), contest.GitMonitor))
	c.await(t, "round git-monitor", 1)
	on.Store(true)
	c.await(t, "round git-monitor", 2)
}

func lastEnded(at time.Time) LastRound {
	return func(context.Context, contest.ServiceKey) (began, ended time.Time, err error) {
		return at.Add(-time.Minute), at, nil
	}
}

func TestWhatWasMissedOutsideTheContestIsNotMadeUpFor(t *testing.T) {
	t.Parallel()
	begins := time.Now().Add(-30 * time.Minute)
	for _, row := range []struct {
		name    string
		running func(time.Time) bool
		want    map[string]int
	}{
		{"it was on all the time", nil, map[string]int{"available 0": 1}},
		{"it was not on when it was due", func(at time.Time) bool { return at.After(begins) }, map[string]int{}},
		{"it is over by now", func(time.Time) bool { return false }, map[string]int{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			services := []Service{{Key: contest.GitMonitor, Cron: "@every 1h"}}
			q, db := freshQueue(t, Config{Services: services, Running: row.running, Last: lastEnded(time.Now().Add(-4 * time.Hour))})
			require.NoError(t, q.catchUp(t.Context(), services, time.Now()))
			require.Equal(t, row.want, jobs(t, db))
		})
	}
}
