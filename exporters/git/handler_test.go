package git_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

var update = flag.Bool("update", false, "write the golden files anew")

func exposition(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return w.Body.String()
}

func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestExposition(t *testing.T) {
	t.Parallel()
	good, moved := found(12, time.Hour), found(3, 30*time.Hour)
	good.Recent, good.Took = 7, 1500*time.Millisecond
	moved.Moved, moved.Fork, moved.Archived, moved.Contributors = true, true, true, -1
	got := exposition(t, git.CollectorOf(map[contest.Slug]git.Facts{
		"good": good, "Moved_1": moved,
		"empty":        {State: git.None, At: noon},
		"other":        {State: git.Undated, At: noon, Repository: git.Repository{Host: "gitlab.com", Path: "a/b"}},
		"failed":       {State: git.Unmeasured, At: noon, GitHub: true, Repository: git.Repository{Host: "github.com", Path: "a/b"}},
		"not a slug\n": good,
	}, cardRules(), 5000, 4321, noon))
	lint(t, got)
	const golden = "testdata/metrics.prom"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// page asks a handler on a real socket.
func page(t *testing.T, h http.Handler, path string, header ...string) (status int, body string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: github.SampleRepos(time.Now())}, cardRules(), nil)
	teams := []contest.Team{teamOf("good", at("good")), teamOf("flaky", at("flaky")), teamOf("empty", "")}
	h := s.x.Handler(func(context.Context) ([]contest.Team, error) { return teams, nil })

	status, body := page(t, h, "/metrics")
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, body, "hackload_git_up", "nothing was measured yet")
	measure(t.Context(), t, s.x, teams...)
	_, body = page(t, h, "/metrics")
	lint(t, body)
	for _, line := range []string{
		`hackload_git_up{team="good"} 1`, `hackload_git_passed{team="good"} 1`, `hackload_git_passed{team="flaky"} 0`, `hackload_git_commits{team="flaky"} 3`,
		`hackload_git_repository_info{archived="false",fork="false",moved="false",provider="none",state="none",team="empty"} 1`,
		`hackload_github_rate_limit_requests 5000`,
	} {
		require.Contains(t, body, line+"\n")
	}
	for _, secret := range []string{"ghp_secret", "127.0.0.1", "hackload-kz/"} {
		require.NotContains(t, body, secret)
	}

	require.NoError(t, s.x.MeasureAgain(t.Context(), teams[:1], func(contest.Verdict) {}))
	_, body = page(t, h, "/metrics")
	require.Contains(t, body, `team="empty"`, "one that is measured again says nothing of the others")
	measure(t.Context(), t, s.x, teams[:2]...)
	_, body = page(t, h, "/metrics")
	require.NotContains(t, body, `team="empty"`, "a team that is no more has no series")

	for path, want := range map[string]string{"/": "<form action=\"probe\">", "/-/healthy": "healthy", "/-/ready": "ready"} {
		status, body = page(t, h, path)
		require.Equal(t, http.StatusOK, status, path)
		require.Contains(t, body, want)
	}
	status, _ = page(t, h, "/nothing")
	require.Equal(t, http.StatusNotFound, status)
}

func TestProbe(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: github.SampleRepos(time.Now())}, cardRules(), nil)
	teams := []contest.Team{teamOf("good", at("good")), teamOf("flaky", at("flaky"))}
	h := s.x.Handler(func(context.Context) ([]contest.Team, error) { return teams, nil })
	status, body := page(t, h, "/probe?target=flaky", "X-Prometheus-Scrape-Timeout-Seconds", "20")
	require.Equal(t, http.StatusOK, status)
	lint(t, body)
	require.Contains(t, body, "probe_success 1\n")
	require.Contains(t, body, "hackload_git_commits{team=\"flaky\"} 3\n")
	require.NotContains(t, body, `team="good"`, "the registry is this probe's own")
	_, body = page(t, h, "/metrics")
	require.NotContains(t, body, `team="flaky"`, "the rounds know nothing of it")

	for _, path := range []string{"/probe", "/probe?target=", "/probe?target=nobody", "/probe?target=https://169.254.169.254/"} {
		status, body = page(t, h, path)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.Equal(t, "target has to name a team\n", body)
	}
}

// A probe is back before its scraper has given up.
func TestProbeIsInTime(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{}, cardRules(), func(c *git.Config) { c.Request = time.Minute })
	s.lab.Fail(func(*http.Request) *github.Fault { return &github.Fault{Hang: true} })
	h := s.x.Handler(func(context.Context) ([]contest.Team, error) { return []contest.Team{teamOf("good", at("good"))}, nil })
	status, body := page(t, h, "/probe?target=good", "X-Prometheus-Scrape-Timeout-Seconds", "0.2")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "probe_success 0\n")
	require.Contains(t, body, "hackload_git_up{team=\"good\"} 0\n")
}

// However many scrapers there are, only so many teams are looked at at once.
func TestProbesAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{}, cardRules(), func(c *git.Config) { c.Workers = 2 })
	var g gauge
	s.lab.Fail(func(*http.Request) *github.Fault {
		g.add(1)
		defer g.add(-1)
		time.Sleep(20 * time.Millisecond) // so that they meet, were they not held apart
		return &github.Fault{Status: http.StatusNotFound}
	})
	h := s.x.Handler(func(context.Context) ([]contest.Team, error) { return []contest.Team{teamOf("good", at("good"))}, nil })
	server := httptest.NewServer(h)
	defer server.Close()
	var probes sync.WaitGroup
	for range 12 {
		probes.Go(func() {
			resp, err := server.Client().Get(server.URL + "/probe?target=good")
			if err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	probes.Wait()
	require.EqualValues(t, 12, len(s.paths()))
	require.LessOrEqual(t, g.most.Load(), int64(2))
}

func TestHandlerWithoutTeams(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{}, cardRules(), nil)
	h := s.x.Handler(func(context.Context) ([]contest.Team, error) { return nil, errors.New("secret") })
	for _, path := range []string{"/-/ready", "/probe?target=good"} {
		status, body := page(t, h, path)
		require.Equal(t, http.StatusServiceUnavailable, status, path)
		require.NotContains(t, body, "secret")
	}
	status, _ := page(t, h, "/-/healthy")
	require.Equal(t, http.StatusOK, status)
}

// What was seen last stays when a later look fails, and says how old it is.
func TestALaterFailureKeepsWhatWasSeen(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: github.SampleRepos(time.Now())}, cardRules(), nil)
	measure(t.Context(), t, s.x, teamOf("flaky", at("flaky")))
	s.lab.Fail(func(r *http.Request) *github.Fault {
		if strings.HasPrefix(r.URL.Path, "/repos/") {
			return &github.Fault{Status: 403}
		}
		return nil
	})
	measure(t.Context(), t, s.x, teamOf("flaky", at("flaky")))
	text := exposition(t, s.x.Collector())
	require.Contains(t, text, "hackload_git_up{team=\"flaky\"} 0\n")
	require.Contains(t, text, "hackload_git_commits{team=\"flaky\"} 3\n")
	require.Contains(t, text, "hackload_git_passed{team=\"flaky\"} 0\n")
	require.Contains(t, text, "hackload_git_last_success_timestamp_seconds{team=\"flaky\"}")
}

func TestRunMeasuresUntilItIsStopped(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: github.SampleRepos(time.Now())}, cardRules(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rounds, failures := 0, 0
	err := s.x.Run(ctx, time.Millisecond, func(context.Context) ([]contest.Team, error) {
		if rounds++; rounds == 2 {
			return nil, errors.New("the Hub is away")
		}
		if rounds == 4 {
			cancel()
		}
		return []contest.Team{teamOf("good", at("good"))}, nil
	}, func(err error) {
		require.ErrorContains(t, err, "the Hub is away")
		failures++
	})
	require.NoError(t, err)
	require.Equal(t, 4, rounds)
	require.Equal(t, 1, failures)
	require.Contains(t, exposition(t, s.x.Collector()), "hackload_git_passed{team=\"good\"} 1\n")
}
