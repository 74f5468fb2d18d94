//go:build postgres

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// shared is what the replicas of a contest share: the Hub and its teams, a
// PostgreSQL and a Prometheus.
type shared struct {
	*outside
	database, metrics string
}

func standUpShared(t *testing.T, teams ...string) shared {
	t.Helper()
	s := shared{outside: standUp(t)}
	for _, slug := range teams {
		s.join(t, slug, serveSample(t, biletter.Good))
	}
	server, err := pgtest.Start()
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	name, err := server.Database(t.Context())
	require.NoError(t, err)
	s.database, s.metrics = server.URL(pgtest.Owner, name), outsidePrometheus(t)
	return s
}

// outsidePrometheus is a real metric database that takes any launch's series, as a
// Prometheus outside does.
func outsidePrometheus(t *testing.T) string {
	t.Helper()
	m, err := metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done); require.NoError(t, m.Close()) })
	inside, err := url.Parse(m.URL())
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(inside)
	testid := regexp.MustCompile(`[a-z]+-search-10-[0-9a-z]{26}`)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/api/v1/write" {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if plain, err := snappy.Decode(nil, body); err == nil {
				if found := testid.Find(plain); found != nil {
					_ = m.Authorise(contest.TestID(found), string(found))
					r.Header.Set("Authorization", "Bearer "+string(found))
				}
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func (s shared) environ(more ...string) []string {
	return append([]string{"STATE_DATABASE_URL=" + s.database, "PROMETHEUS_URL=" + s.metrics}, more...)
}

func (s shared) runs(t *testing.T) []store.Run {
	t.Helper()
	db, err := store.OpenPostgresRead(t.Context(), s.database)
	if err != nil {
		return nil // not there yet
	}
	defer db.Close()
	runs, err := db.RunsIn(t.Context(), "", contest.RunPlanned, contest.RunLeased, contest.RunPrepared,
		contest.RunLaunched, contest.RunEnded, contest.RunCollected, contest.RunJudged, contest.RunCancelled)
	require.NoError(t, err)
	return runs
}

// published checks that the Hub was told each team's verdict exactly once.
func (s shared) published(t *testing.T, teams ...string) {
	t.Helper()
	history, err := s.hub.History(t.Context())
	require.NoError(t, err)
	times := map[string]int{}
	for _, h := range history {
		require.Equal(t, contest.Passed, h.Status, h.Team)
		times[string(h.Team)]++
	}
	want := map[string]int{}
	for _, team := range teams {
		want[team] = 1
	}
	require.Equal(t, want, times)
}

// Two replicas of a contest that start together measure each team once.
func TestPostgresReplicasShareARound(t *testing.T) {
	t.Parallel()
	s := standUpShared(t, "second", "third")
	var both sync.WaitGroup
	for range 2 {
		file := s.config(t, t.TempDir())
		both.Go(func() {
			code, output := hackload(t, s.environ(), "serve", "--once", "--config", file)
			if code != exitDone {
				t.Errorf("exit code %d: %s", code, output)
			}
		})
	}
	both.Wait()
	runs := s.runs(t)
	require.Len(t, runs, 3)
	for _, r := range runs {
		require.Equal(t, contest.RunJudged, r.State)
		require.Equal(t, 1, r.Attempt, "measured twice")
		require.NotEmpty(t, r.Owner)
	}
	s.published(t, "good", "second", "third")
}

// A replica that is killed under load is taken over by the other, which waits
// until the load that was left behind is over.
func TestPostgresReplicaThatIsKilledIsTakenOver(t *testing.T) {
	t.Parallel()
	s := standUpShared(t, "second")
	first, second := t.TempDir(), t.TempDir()
	type end struct {
		code   int
		output string
		at     time.Time
	}
	ended := make(chan end, 1)
	file := s.config(t, first)
	go func() {
		code, output := hackload(t, s.environ("HACKLOAD_FAILPOINT=launched"), "serve", "--once", "--config", file)
		ended <- end{code, output, time.Now()}
	}()
	// The other must find a run that is the first one's: were it quicker, there
	// would be nothing to take over.
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(s.runs(t), func(r store.Run) bool { return r.Owner != "" })
	}, 5*time.Minute, 50*time.Millisecond)
	code, output := hackload(t, s.environ(), "serve", "--once", "--config", s.config(t, second))
	require.Equal(t, exitDone, code, output)
	killed := <-ended
	require.Equal(t, -1, killed.code, killed.output)
	again := 0
	for _, r := range s.runs(t) {
		require.Equal(t, contest.RunJudged, r.State)
		if r.Attempt > 1 {
			again++
			require.Greater(t, r.LaunchedAt.Sub(killed.at), r.Script.Length(), "while the load of the killed one may have been under way")
		}
	}
	require.Equal(t, 1, again, "the run that was under load is measured again, no other")
	s.published(t, "good", "second")
	requireNoChild(t, first)
	requireNoChild(t, second)
}

// What check says of a state database.
func TestPostgresStateIsChecked(t *testing.T) {
	t.Parallel()
	s := standUpShared(t)
	file := s.config(t, t.TempDir())
	_, output := hackload(t, s.environ(), "check", "--config", file)
	require.Contains(t, output, "state database: reachable and empty")
	db, err := store.OpenPostgres(t.Context(), t.TempDir(), s.database)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, output = hackload(t, s.environ(), "check", "--config", file)
	require.Contains(t, output, "state database: reachable, schema version")
	code, output := hackload(t, []string{"STATE_DATABASE_URL=postgresql://me:" + pgtest.Password + "@127.0.0.1:1/x"}, "check", "--config", file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, output, "the state database cannot be reached")
	require.NotContains(t, output, pgtest.Password)
}
