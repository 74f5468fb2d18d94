package cost_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var update = flag.Bool("update", false, "write the golden files")

// roster is a list of teams that counts how often it is read.
type roster struct {
	teams []contest.Team
	err   error
	read  atomic.Int32
}

func (r *roster) list(context.Context) ([]contest.Team, error) {
	r.read.Add(1)
	return r.teams, r.err
}

func standing() *roster {
	return &roster{teams: []contest.Team{team("alem", "12 000"), team("oyu", ""), team("zulu", "nonsense"), team("alem", "9"), {Slug: "bad slug\n"}}}
}

func answering(t testing.TB) *cost.Exporter {
	return exporter(t, cost.Config{
		Rules: cost.Rules{Rule: cost.RuleRank, Points: 30},
		Entries: func(context.Context) (map[contest.Slug]cost.Entry, error) {
			return nil, nil
		},
		Providers: []cost.Provider{billing("AWS", map[contest.Slug][]cost.Amount{"oyu": {usd(0), {Micros: 1_500_000, Currency: "KZT"}}}), &cloud{
			name: "Azure", spend: func(context.Context, time.Time, time.Time) (map[contest.Slug][]cost.Amount, error) {
				return nil, errors.New("down")
			},
		}},
		Query: func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
			return []contest.Sample{{Labels: map[string]string{"namespace": "alem"}, Value: 2}}, nil
		},
	})
}

// get asks the handler in process: a socket would keep a bubble of synctest awake.
func get(t testing.TB, h http.Handler, url string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// ours keeps the lines of our own metrics.
func ours(body string) string {
	var lines []string
	for _, line := range strings.SplitAfter(body, "\n") {
		if strings.Contains(line, "hackload_") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func lint(t *testing.T, body string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestExposition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // its clock makes the times in the answer the same each time
		h := answering(t).Handler(standing().list)
		all := get(t, h, "/metrics")
		require.Equal(t, http.StatusOK, all.Code)
		require.Contains(t, all.Body.String(), "go_build_info{")
		require.Contains(t, all.Body.String(), "process_start_time_seconds")
		golden(t, "metrics.txt", ours(all.Body.String()))
		lint(t, ours(all.Body.String()))

		one := get(t, h, "/probe?target=alem")
		require.Equal(t, http.StatusOK, one.Code)
		golden(t, "probe.txt", one.Body.String())
		lint(t, one.Body.String())
		require.NotContains(t, one.Body.String(), "oyu")

		failed := get(t, h, "/probe?target=zulu")
		require.Contains(t, failed.Body.String(), "\nhackload_cost_probe_success 0\n", "a provider that was down may have billed it")
	})
}

func TestScrapesShareARound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		teams := standing()
		h := answering(t).Handler(teams.list)
		get(t, h, "/metrics")
		get(t, h, "/probe?target=alem")
		time.Sleep(59 * time.Second)
		get(t, h, "/metrics")
		require.EqualValues(t, 1, teams.read.Load())
		require.Equal(t, http.StatusNotFound, get(t, h, "/probe?target=late").Code)
		teams.teams = append(teams.teams, team("late", "1"))
		require.Contains(t, get(t, h, "/probe?target=late").Body.String(), "hackload_cost_probe_success 1")
		require.EqualValues(t, 3, teams.read.Load())
		time.Sleep(time.Minute)
		get(t, h, "/metrics")
		require.EqualValues(t, 4, teams.read.Load())
	})
}

// A scrape that cannot measure serves the last round with its age.
func TestScrapeServesTheLastRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		teams, broken := standing(), errors.New("the form's database is locked")
		var entriesErr error
		x := exporter(t, cost.Config{Entries: func(context.Context) (map[contest.Slug]cost.Entry, error) { return nil, entriesErr }})
		h := x.Handler(teams.list)
		began := time.Now()
		require.Contains(t, get(t, h, "/metrics").Body.String(), "\nhackload_cost_up 1\n")
		for _, fail := range []func(){func() { entriesErr = broken }, func() { teams.err = broken }} {
			fail()
			time.Sleep(2 * time.Minute)
			w := get(t, h, "/metrics")
			require.Equal(t, http.StatusOK, w.Code)
			require.Contains(t, w.Body.String(), "\nhackload_cost_up 0\n")
			require.Contains(t, w.Body.String(), `hackload_cost_spent{currency="KZT",team="alem"} 12000`)
			require.Contains(t, w.Body.String(), "hackload_cost_last_success_timestamp_seconds 9.466848e+08")
			require.Contains(t, w.Body.String(), `hackload_cost_source_last_success_timestamp_seconds{source="form"} 9.466848e+08`)
			require.Contains(t, w.Body.String(), `hackload_cost_source_up{source="form"} 0`)
			require.Contains(t, get(t, h, "/probe?target=alem").Body.String(), "hackload_cost_probe_success 0")
		}
		require.EqualValues(t, 946684800, began.Unix(), "the time that is looked for above")
	})
}

func TestScrapeTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context) ([]contest.Team, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		h := exporter(t, cost.Config{}).Handler(slow)
		const header = "X-Prometheus-Scrape-Timeout-Seconds"
		for given, want := range map[string]time.Duration{
			"": 9500 * time.Millisecond, "5": 4500 * time.Millisecond, "1.25": 750 * time.Millisecond, "0.4": 400 * time.Millisecond,
			"1e300": 5*time.Minute - 500*time.Millisecond,
		} {
			for _, url := range []string{"/metrics", "/probe?target=alem"} {
				begun := time.Now()
				w := get(t, h, url, header, given)
				require.Equal(t, http.StatusOK, w.Code)
				require.Equal(t, want, time.Since(begun), "%s %q", url, given)
			}
		}
		for _, bad := range []string{"soon", "-1", "0", "NaN", "1,5"} {
			require.Equal(t, http.StatusBadRequest, get(t, h, "/metrics", header, bad).Code, bad)
			require.Equal(t, http.StatusBadRequest, get(t, h, "/probe?target=alem", header, bad).Code, bad)
		}
		begun := time.Now()
		require.Equal(t, http.StatusServiceUnavailable, get(t, h, "/-/ready").Code)
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

// A scraper in a hurry gets a round without the source that hangs.
func TestScrapeGivesUpOnASourceInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := exporter(t, cost.Config{Providers: []cost.Provider{hanging("AWS")}}).Handler(standing().list)
		begun := time.Now()
		w := get(t, h, "/metrics", "X-Prometheus-Scrape-Timeout-Seconds", "5")
		require.Equal(t, 4050*time.Millisecond, time.Since(begun))
		require.Contains(t, w.Body.String(), "\nhackload_cost_up 1\n")
		require.Contains(t, w.Body.String(), `hackload_cost_source_up{source="AWS"} 0`)
		require.Contains(t, w.Body.String(), `hackload_cost_spent{currency="KZT",team="alem"} 12000`)
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	teams := standing()
	server := httptest.NewServer(answering(t).Handler(teams.list))
	defer server.Close()
	rows := []struct {
		method, path string
		code         int
		contains     string
	}{
		{"GET", "/", 200, "<h1>HackLoad cost exporter</h1>"},
		{"GET", "/-/healthy", 200, "healthy"},
		{"GET", "/-/ready", 200, "ready"},
		{"GET", "/elsewhere", 404, "not found"},
		{"POST", "/metrics", 405, ""},
		{"GET", "/probe", 400, "target is missing"},
		{"GET", "/probe?target=%3Cscript%3E", 400, "target is missing or no team's slug"},
		{"GET", "/probe?target=nobody", 404, "there is no such team"},
		{"GET", "/metrics", 200, "hackload_cost_up 1"},
	}
	for _, row := range rows {
		request, err := http.NewRequestWithContext(t.Context(), row.method, server.URL+row.path, nil)
		require.NoError(t, err)
		resp, err := server.Client().Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, err)
		require.Equal(t, row.code, resp.StatusCode, row.path)
		require.Contains(t, string(body), row.contains, row.path)
	}
	teams.err = errors.New("the Hub is away")
	w := get(t, server.Config.Handler, "/-/ready")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "not ready: teams cannot be read: the Hub is away\n", w.Body.String())
}

// In process, the collector shows what the line measured and asks nobody.
func TestCollector(t *testing.T) {
	t.Parallel()
	x := answering(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(x.Collector())
	n, err := testutil.GatherAndCount(registry)
	require.NoError(t, err)
	require.Zero(t, n, "nothing was measured yet")
	require.NoError(t, x.Measure(t.Context(), standing().teams, func(contest.Verdict) {}))
	require.NoError(t, testutil.GatherAndCompare(registry, bytes.NewBufferString(`# HELP hackload_cost_spent What the team has spent, in the currency of the label.
# TYPE hackload_cost_spent gauge
hackload_cost_spent{currency="KZT",team="alem"} 12000
`), "hackload_cost_spent"))
}

func TestClientIsBounded(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 17<<20) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/big", http.StatusFound) })
	server := httptest.NewServer(mux)
	defer server.Close()
	client := cost.Client(server.Client().Transport, 10*time.Second)
	fetch := func(path string) (int, int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		resp, err := client.Do(request)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		n, err := io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, int(n), err
	}
	_, n, err := fetch("/big")
	var over *http.MaxBytesError
	require.ErrorAs(t, err, &over)
	require.Equal(t, 16<<20, n)
	code, _, err := fetch("/away")
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, code, "not followed")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Every metric that we expose is in the golden answers, so that none is
// exposed that no test has seen move.
func TestGoldensNameEveryMetric(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("snapshot.go")
	require.NoError(t, err)
	names := map[string]bool{}
	for _, found := range regexp.MustCompile(`gauge\("([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		names["hackload_cost_"+found[1]] = true
	}
	require.Greater(t, len(names), 8)
	metrics, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	require.NoError(t, err)
	for name := range maps.Keys(names) {
		require.Contains(t, string(metrics), "# TYPE "+name+" ", name)
	}
}
