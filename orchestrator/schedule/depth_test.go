package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestDepths(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{Services: []Service{{Key: contest.GitMonitor}}})
	wakeRun(t, q, db, "a")
	wakeRun(t, q, db, "b")
	require.NoError(t, q.Fire(t.Context(), contest.GitMonitor))
	all, err := q.Depths(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 20, "every kind and state, also of which there are none")
	jobs := map[string]int{}
	for _, d := range all {
		jobs[d.Kind+" "+d.State] = d.Jobs
		require.Less(t, d.Oldest, time.Minute)
		if d.Jobs == 0 {
			require.Zero(t, d.Oldest)
			delete(jobs, d.Kind+" "+d.State)
		}
	}
	require.Equal(t, map[string]int{"advance available": 2, "round available": 1}, jobs)
}
