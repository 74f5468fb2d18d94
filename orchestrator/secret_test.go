package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// canary is in every address that the teams of these tests keep secret.
const canary = "canary"

// guarded is a contest with teams that keep everything secret.
type guarded struct {
	*works
	o       *outside
	grafana *grafanaFake
	teams   []contest.Team
	log     *lockedBuffer
	address string // of the secret service
	outputs map[string]string
}

// TestWhatATeamKeepsSecretStaysSecret plays a round of four services on teams
// whose addresses and spend are secret, and looks for them in everything that
// comes out of it.
func TestWhatATeamKeepsSecretStaysSecret(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	pages, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.config.Web.PublicURL = "http://" + pages.Addr().String()
	servers, err := g.servers(pages, "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	require.NoError(t, g.work(ctx, func(ctx context.Context) error {
		if err := g.session(ctx); err != nil {
			return err
		}
		return g.gather(ctx)
	}, servers))
	g.afterwards(t)

	for _, must := range []string{"page /teams/good", "page /runs/", "evidence", "api /api/v1/results", "metrics", "series", "hub", "log", "annotations", "explain", "exporter git /metrics"} {
		require.True(t, g.has(must), "%s was not looked at", must)
	}
	require.Equal(t, map[string]string{
		"good EVENT_SEARCH": "PASSED", "good CODE_REPO": "PASSED", "good DEPLOYED_SOLUTION": "PASSED", "good BUDGET_TRACKING": "PASSED",
		"lost EVENT_SEARCH": "FAILED", "lost CODE_REPO": "FAILED", "lost DEPLOYED_SOLUTION": "FAILED", "lost BUDGET_TRACKING": "PASSED",
		"open EVENT_SEARCH": "NO_DATA", "open CODE_REPO": "NO_DATA", "open DEPLOYED_SOLUTION": "NO_DATA", "open BUDGET_TRACKING": "PASSED",
	}, g.verdicts(t), "the secrets were used")
	for name, text := range g.outputs {
		g.search(t, name, text)
	}
}

// search looks for the secrets in a text, as they are and as they may be written.
func (g *guarded) search(t *testing.T, name, text string) {
	t.Helper()
	grouped := regexp.MustCompile(`(\d)[\s\x{00a0}\x{2009}\x{202f}_',]+(\d)`)
	plain := grouped.ReplaceAllString(grouped.ReplaceAllString(text, "$1$2"), "$1$2")
	for _, secret := range []string{canary, g.address, url.QueryEscape(g.address), "48151623", "4.8151623e+07", "48.15", "9182736"} {
		for kind, in := range map[string]string{"": text, " with its digits together": plain} {
			if at := strings.Index(strings.ToLower(in), strings.ToLower(secret)); at >= 0 {
				t.Errorf("%s%s holds %q: …%s…", name, kind, secret, in[max(0, at-120):min(len(in), at+120)])
			}
		}
	}
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{o: standUp(t), grafana: newGrafanaFake(t), log: &lockedBuffer{}, outputs: map[string]string{}}
	behind, err := url.Parse(g.o.service)
	require.NoError(t, err)
	service := httptest.NewServer(http.StripPrefix("/"+canary+"-path", httputil.NewSingleHostReverseProxy(behind)))
	t.Cleanup(service.Close)
	g.address = strings.TrimPrefix(service.URL, "http://")
	all := []string{contest.SecureEndpoint, contest.SecureRepository, contest.SecureSpend}
	g.teams = []contest.Team{
		{Slug: "good", Name: "Good", Endpoint: "http://" + canary + "-user:" + canary + "-pass@" + g.address + "/" + canary + "-path",
			Repository: "https://github.com/" + canary + "-owner/tickets", Spend: "48 151 623 KZT", Secure: all},
		{Slug: "lost", Name: "Lost", Endpoint: "http://" + canary + "-host.invalid/", Repository: "https://github.com/" + canary + "-owner/gone.git",
			Spend: "9182736", Secure: all},
		{Slug: "open", Name: "Open", Spend: "20 000 000 KZT"},
	}
	require.NoError(t, g.o.hub.Seed(t.Context(), labhub.Team{Slug: "lost", Name: "Lost"}, labhub.Team{Slug: "open", Name: "Open"}))
	repos := httptest.NewServer(github.New(github.Options{Repos: []github.Repo{{
		Owner: canary + "-owner", Name: "tickets", DefaultBranch: "main", Steady: time.Hour, Since: time.Now().Add(-24 * time.Hour),
	}}}))
	t.Cleanup(repos.Close)
	g.works = g.assemble(t, repos.URL)
	return g
}

func (g *guarded) assemble(t *testing.T, githubURL string) *works {
	t.Helper()
	text := fmt.Sprintf(`
hub: {url: "http://%s", api_key: %q, timeout: 2s, retries: 1, rate_limit_per_minute: 10000}
state: {dir: %q}
github: {api_url: %q, token: t}
grafana: {url: "%s/grafana", token: %s, run_dashboard: {uid: hackload-run}}
web: {admin_token: sesame-opens-everything}
load: {allow_private_targets: true, push_interval: 1s}
contest:
  criteria:
    CODE_REPO: {rule: commits, points: 1, commits: {min: 1, recent: 24h}}
    DEPLOYED_SOLUTION: {rule: http, points: 1}
    BUDGET_TRACKING: {rule: rank, points: 30}
    EVENT_SEARCH: {scenario: search, repeats: 1, levels: [{users: 5, ramp: 1s, duration: 2s, points: 1}]}
`, g.o.hubAt, g.o.key, t.TempDir(), githubURL, g.grafana.URL, grafanaEditor)
	c, err := config.Load(config.Source{Name: "hackload.yaml", Data: []byte(text)})
	require.NoError(t, err)
	program, err := binary()
	require.NoError(t, err)
	w, err := assembleWithHub(t.Context(), site{
		config: c, log: slog.New(slog.NewJSONHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})), program: program,
		reached: func(string) {}, services: enabled(c),
	}, hubConfig(c))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	w.teams = func(context.Context) ([]contest.Team, error) { return g.teams, nil } // only a database tells secrets
	return w
}

// gather reads everything that is served while the line works.
func (g *guarded) gather(ctx context.Context) error {
	queue, seen := []string{"/", "/healthz", "/readyz", "/health"}, map[string]bool{}
	for _, path := range []string{"results", "results.csv", "services", "runs", "runs/active", "outbox", "dead-letters", "audit", "overrides", "teams/good", "teams/lost"} {
		queue = append(queue, "/api/v1/"+path)
	}
	runs, err := g.store.Runs(ctx, store.RunFilter{})
	if err != nil {
		return err
	}
	for _, r := range runs {
		queue = append(queue, "/api/v1/runs/"+string(r.ID), "/api/v1/runs/"+string(r.ID)+"/evidence")
		x, err := examine(ctx, g.store, r)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		x.print(&text)
		g.outputs["explain "+string(r.ID)] = text.String()
	}
	link := regexp.MustCompile(`(?:href|src|action)="(/[^"]*)"`)
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		text, err := g.read(ctx, g.config.Web.PublicURL+path)
		if err != nil {
			return err
		}
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			queue = append(queue, found[1])
		}
		g.outputs[kindOf(path)+" "+path] = text
	}
	sheet, err := spendBook{g.works}.Sheet(ctx)
	if err != nil {
		return err
	}
	g.outputs["organisers' sheet"] = fmt.Sprintf("%+v", sheet)
	text, err := g.read(ctx, g.metricsURL()+"/api/v1/series?match[]="+url.QueryEscape(`{__name__=~".+"}`))
	g.outputs["series"] = text
	return err
}

func (g *guarded) metricsURL() string { return g.works.metrics.URL() }

func kindOf(path string) string {
	switch {
	case strings.HasSuffix(path, "/evidence"):
		return "evidence"
	case strings.HasPrefix(path, "/api/"):
		return "api"
	}
	return "page"
}

func (g *guarded) read(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+g.config.Web.AdminToken.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.Status + "\n" + string(text), err
}

// afterwards reads what does not need the line to work.
func (g *guarded) afterwards(t *testing.T) {
	t.Helper()
	history, err := g.o.hub.History(t.Context())
	require.NoError(t, err)
	g.outputs["hub"] = fmt.Sprintf("%+v", history)
	for _, one := range history {
		g.outputs["hub"] += string(one.Metrics)
	}
	annotations, _ := g.grafana.said()
	require.NotEmpty(t, annotations)
	text, err := json.Marshal(annotations)
	require.NoError(t, err)
	g.outputs["annotations"] = string(text)
	families, err := g.registry.Gather()
	require.NoError(t, err)
	g.outputs["metrics"] = fmt.Sprint(families)
	for name, key := range exporterServices() {
		x, err := g.exporter(key, nil)
		require.NoError(t, err)
		require.NoError(t, x.Measure(t.Context(), g.teams, func(contest.Verdict) {}))
		for _, path := range []string{"/", "/metrics", "/probe?target=good", "/probe?target=lost", "/-/ready"} {
			answer := httptest.NewRecorder()
			x.Handler(g.works.teams).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
			require.Equal(t, http.StatusOK, answer.Code, path)
			g.outputs["exporter "+name+" "+path] = answer.Body.String()
		}
	}
	g.outputs["log"] = g.log.String()
}

func (g *guarded) verdicts(t *testing.T) map[string]string {
	t.Helper()
	history, err := g.o.hub.History(t.Context())
	require.NoError(t, err)
	all := map[string]string{}
	for _, one := range history {
		all[string(one.Team)+" "+string(one.Criterion)] = string(one.Status)
	}
	return all
}

func (g *guarded) has(kind string) bool {
	for name := range g.outputs {
		if strings.HasPrefix(name, kind) {
			return true
		}
	}
	return false
}

// lockedBuffer is a buffer that many may write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
