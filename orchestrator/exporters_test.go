package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// field is a Hub, a service and a GitHub with one team that has everything.
func field(t *testing.T) (o *outside, gitHub *httptest.Server) {
	t.Helper()
	o = standUp(t)
	gitHub = httptest.NewServer(github.New(github.Options{Repos: github.SampleRepos(time.Now())}))
	t.Cleanup(gitHub.Close)
	require.NoError(t, o.hub.Seed(t.Context(), labhub.Team{Slug: "good", Name: "Good", Environment: []labhub.Variable{
		{Key: "ENDPOINT_URL", Value: o.service, Category: "api"},
		{Key: "Repo", Value: "https://github.com/hackload-kz/good", Category: "development"},
		{Key: "MONEY_SPEND", Value: "120 000 ₸", Category: "cloud"},
	}}))
	return o, gitHub
}

// listening returns an address of loopback that is free just now.
func listening(t *testing.T) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(freePort(t))) }

// background runs the program until the test ends and returns what it has said.
func background(t *testing.T, args ...string) (said func() string) {
	t.Helper()
	var out lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, world{Args: args, Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }, Environ: os.Environ, Program: binary})
	}()
	t.Cleanup(func() {
		cancel()
		require.Equal(t, exitDone, <-ended, out.String())
	})
	return out.String
}

// scrape waits until an address answers, and returns what it says.
func scrape(t *testing.T, url string) (code int, body string) {
	t.Helper()
	require.Eventually(t, func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		code, body = resp.StatusCode, string(text)
		return err == nil
	}, 5*time.Minute, 50*time.Millisecond)
	return code, body
}

// lint is what "promtool check metrics" does.
func lint(t *testing.T, exposition string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(exposition)).Lint()
	require.NoError(t, err)
	problems = slices.DeleteFunc(problems, func(p promlint.Problem) bool {
		return strings.HasPrefix(p.Metric, "prometheus_") // Prometheus' own parts, named by itself
	})
	require.Empty(t, problems)
}

// TestExportersAlone starts each exporter by its command and scrapes it.
func TestExportersAlone(t *testing.T) {
	t.Parallel()
	o, gitHub := field(t)
	state := t.TempDir()
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	require.NoError(t, s.Write(t.Context(), func(tx *store.Tx) error {
		return tx.AddSpend(t.Context(), store.SpendEntry{Team: "good", Micros: 130_000_000_000, Currency: "KZT", Who: "A"}, "")
	}))
	require.NoError(t, s.Close())
	for name, row := range map[string]struct{ metric, state string }{
		"git":        {"hackload_git_", state},
		"deployment": {"hackload_deployment_", t.TempDir()},
		"cost":       {`hackload_cost_spent{currency="KZT",team="good"} 130000`, state},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "hackload.yaml")
			require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
hub: {url: "http://%s", api_key: %q, rate_limit_per_minute: 10000}
github: {api_url: %q, token: lab}
state: {dir: %q}
probe: {reset: true}
load: {allow_private_targets: true}
`, o.hubAt, o.key, gitHub.URL, row.state), 0o600))
			at := listening(t)
			background(t, "exporter", name, "--config", file, "--listen", at)
			for _, path := range []string{"/-/healthy", "/-/ready", "/"} {
				code, body := scrape(t, "http://"+at+path)
				require.Equal(t, http.StatusOK, code, body)
			}
			code, body := scrape(t, "http://"+at+"/probe?target=good")
			require.Equal(t, http.StatusOK, code, body)
			require.Contains(t, body, row.metric)
			require.Regexp(t, `probe_success 1\n`, body)
			lint(t, body)
			require.Eventually(t, func() bool {
				_, body = scrape(t, "http://"+at+"/metrics")
				return strings.Contains(body, row.metric)
			}, 5*time.Minute, 50*time.Millisecond, "all teams are measured without a probe")
			lint(t, body)
		})
	}
}

// TestEachExporterCanBeOff plays a round without one of them each: the others
// reach the Hub. GitHub does not answer, so that whoever asks it is found out.
func TestEachExporterCanBeOff(t *testing.T) {
	t.Parallel()
	all := []contest.Service{}
	for _, s := range contest.Services() {
		if !s.Load() {
			all = append(all, s)
		}
	}
	require.Len(t, all, 3)
	for _, off := range all {
		t.Run(string(off.Key), func(t *testing.T) {
			t.Parallel()
			o, gitHub := field(t)
			if off.Key == contest.GitMonitor {
				gitHub.Close() // nobody may ask it
			}
			file := filepath.Join(t.TempDir(), "hackload.yaml")
			require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
hub: {url: "http://%s", api_key: %q, rate_limit_per_minute: 10000}
github: {api_url: %q, token: lab}
state: {dir: %q}
web: {metrics_enabled: false, port: %d}
load: {allow_private_targets: true}
services: {%s: {enabled: false}}
contest: {criteria: {CODE_REPO: {rule: commits, points: 1, commits: {min: 3, recent: 24h}}, DEPLOYED_SOLUTION: {rule: http, points: 1}, BUDGET_TRACKING: {rule: informational}}}
`, o.hubAt, o.key, gitHub.URL, t.TempDir(), freePort(t), off.Key), 0o600))
			code, output := hackload(t, nil, "serve", "--once", "--config", file)
			require.Equal(t, exitDone, code, output)
			history, err := o.hub.History(t.Context())
			require.NoError(t, err)
			told := map[contest.Criterion]contest.Status{}
			for _, h := range history {
				told[h.Criterion] = h.Status
			}
			want := map[contest.Criterion]contest.Status{}
			for _, s := range all {
				if s.Key != off.Key {
					want[s.Criterion] = contest.Passed
				}
			}
			require.Equal(t, want, told, output)
			require.Equal(t, 1, strings.Count(output, "ADMIN_TOKEN is not set"), "told once, at the start")
		})
	}
}

// TestOwnMetricsAreLinted scrapes the orchestrator itself, with all that its
// parts add.
func TestOwnMetricsAreLinted(t *testing.T) {
	t.Parallel()
	o, gitHub := field(t)
	pages, metrics := freePort(t), freePort(t)
	file := filepath.Join(t.TempDir(), "hackload.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
hub: {url: "http://%s", api_key: %q, rate_limit_per_minute: 10000}
github: {api_url: %q, token: lab}
state: {dir: %q}
web: {port: %d, metrics_port: %d}
load: {allow_private_targets: true}
contest: {criteria: {BUDGET_TRACKING: {rule: informational}}}
`, o.hubAt, o.key, gitHub.URL, t.TempDir(), pages, metrics), 0o600))
	background(t, "serve", "--config", file)
	_, body := scrape(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics))
	require.Contains(t, body, "hackload_")
	lint(t, body)
}

// TestAnswersOfGitHubAreKept restarts the git exporter: what did not change is
// not asked for again.
func TestAnswersOfGitHubAreKept(t *testing.T) {
	t.Parallel()
	lab := github.New(github.Options{Repos: github.SampleRepos(time.Now())})
	gitHub := httptest.NewServer(lab)
	t.Cleanup(gitHub.Close)
	c, err := config.Dev()
	require.NoError(t, err)
	c.GitHub.APIURL, c.GitHub.Token, c.State.Dir = gitHub.URL, config.NewSecret("secret-of-github"), t.TempDir()
	var warned lockedBuffer
	life := func() (status contest.Status, charged int) {
		w := &works{site: site{config: c, log: slog.New(slog.NewTextHandler(&warned, nil))}}
		file := cacheFile(filepath.Join(c.State.Dir, "github-answers.jsonl"))
		x, err := w.remembering(c.Contest.Criteria[contest.CodeRepo], file)
		require.NoError(t, err)
		before := lab.Counts().Charged
		team := contest.Team{Slug: "good", Repository: "https://github.com/hackload-kz/good"}
		require.NoError(t, x.Measure(t.Context(), []contest.Team{team}, func(v contest.Verdict) { status = v.Status }))
		require.NoError(t, w.Close())
		return status, lab.Counts().Charged - before
	}
	status, charged := life()
	require.Equal(t, contest.Passed, status)
	require.Positive(t, charged)
	status, charged = life()
	require.Equal(t, contest.Passed, status)
	require.Zero(t, charged, "the second life takes nothing off the limit")

	file := filepath.Join(c.State.Dir, "github-answers.jsonl")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret-of-github")
	left, err := filepath.Glob(filepath.Join(c.State.Dir, ".github-answers-*"))
	require.NoError(t, err)
	require.Empty(t, left, "no draft is left behind")

	require.NoError(t, os.WriteFile(file, []byte("{\"half of a li"), 0o600))
	status, charged = life()
	require.Equal(t, contest.Passed, status, "a broken file costs requests and nothing else")
	require.Positive(t, charged)
	require.Contains(t, warned.String(), "a line is not an entry")
	require.NoError(t, cacheFile(file).load(git.NewMemoryCache(git.CacheBytes)), "and is whole again")
}
