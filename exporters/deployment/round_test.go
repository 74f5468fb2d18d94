package deployment_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Two hundred teams, of which every fifth hangs, at a tenth of the usual
// timeouts and with the usual number of workers: those that hang do not keep the
// others waiting, and sockets stay within their bound.
func TestRoundOfTwoHundredTeams(t *testing.T) {
	t.Parallel()
	hanging := speak(t, sayAndHang(""))
	var good []string
	for range 10 {
		good = append(good, serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	}
	var teams []contest.Team
	for i := range 200 {
		endpoint := good[i%len(good)]
		if i%5 == 0 {
			endpoint = hanging
		}
		teams = append(teams, contest.Team{Slug: contest.Slug(fmt.Sprint("team", i)), Endpoint: endpoint})
	}
	for _, rule := range []deployment.Rules{httpRule(), dayRule()} {
		t.Run(rule.Rule, func(t *testing.T) {
			t.Parallel()
			c := config()
			c.Pause, c.HTTPTimeout, c.CallTimeout, c.Timeout = 10*time.Millisecond, time.Second, 500*time.Millisecond, 3*time.Second
			x := exporter(t, c, rule)
			started, failed, inside := time.Now(), 0, sync.Mutex{}
			seen := map[contest.Slug]bool{}
			require.NoError(t, x.Measure(t.Context(), teams, func(v contest.Verdict) {
				require.True(t, inside.TryLock(), "one verdict at a time")
				defer inside.Unlock()
				seen[v.Team.Slug] = true
				if v.Team.Endpoint == hanging {
					require.Equal(t, contest.Failed, v.Status)
					failed++
				}
			}))
			require.Len(t, seen, 200)
			require.Equal(t, 40, failed)
			_, peak := x.Sockets()
			require.Greater(t, peak, int64(1), "teams are looked at side by side")
			require.LessOrEqual(t, peak, int64(64))
			t.Logf("%s: a round took %s with at most %d connections", rule.Rule, time.Since(started).Round(time.Millisecond), peak)
		})
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := config()
	c.Workers = 2
	x := exporter(t, c, httpRule())
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{}, 10)
	home := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	go func() { <-asked; cancel() }()
	err := x.Measure(ctx, []contest.Team{at(home), at(home), at(home), at(home)}, func(contest.Verdict) { t.Error("nothing was measured") })
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, x.Measure(t.Context(), nil, func(contest.Verdict) { t.Error("there is no team") }))
}
