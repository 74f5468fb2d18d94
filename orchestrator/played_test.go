package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// played is what a Prometheus holds after a round.
type played struct {
	db       *tsdb.DB
	engine   *promql.Engine
	from, to time.Time // shown: a minute on either side of the round, as links have it
	testids  []string
}

// playedRound runs dev, scrapes it once a second as long as its round lasts, and
// puts that beside the metrics of its load generators.
func playedRound(t *testing.T) *played {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	token, state := "ADMIN_TOKEN="+rand.Text(), t.TempDir()
	cmd := exec.CommandContext(ctx, path, "dev", "--state", state, "--teams", "good,oversold",
		"--criteria", "EVENT_SEARCH,TICKET_BOOKING,CODE_REPO,DEPLOYED_SOLUTION,BUDGET_TRACKING")
	cmd.Env = append(os.Environ(), token)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	p := &played{from: time.Now().Add(-time.Minute)}
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	at := regexp.MustCompile(`Pages: (\S+)  Metrics: (\S+)`).FindStringSubmatch(first)
	require.Len(t, at, 3, first)
	read := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, lines); read <- err }()

	scrapes := scrapeUntil(ctx, t, at[2], `(?s)round_end_timestamp_seconds\{service="k6-booking.*round_end_timestamp_seconds\{service="k6-search`)
	// While a team is under load its service is not walked through.
	code, output := hackload(t, []string{token}, "jobs", "run", "deployment-monitor", "--server", at[1], "--who", "a test", "--why", "no load is in the way")
	require.Equal(t, exitDone, code, output)
	scrapes = append(scrapes, scrapeUntil(ctx, t, at[2], `hackload_deployment_response_time_seconds\{team="good"}`)...)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, errors.Join(<-read, cmd.Wait()))
	p.to = time.Now().Add(time.Minute)
	p.open(t, filepath.Join(state, "metrics"), scrapes)
	return p
}

// scraped is an exposition and when it was had.
type scraped struct {
	at   time.Time
	text string
}

// scrapeUntil scrapes once a second until an exposition matches.
func scrapeUntil(ctx context.Context, t *testing.T, url, want string) (all []scraped) {
	t.Helper()
	for match := regexp.MustCompile(want); ; {
		code, text := answerOf(t, url)
		if code == http.StatusOK { // a machine may be too busy to answer in time
			all = append(all, scraped{time.Now(), text})
		}
		if match.MatchString(text) {
			return all
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s never shows %s", url, want)
		case <-time.After(time.Second):
		}
	}
}

func (p *played) open(t *testing.T, dir string, scrapes []scraped) {
	t.Helper()
	var err error
	p.db, err = tsdb.Open(dir, nil, nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.db.Close()) })
	p.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	require.Greater(t, len(scrapes), 5)
	for _, s := range scrapes {
		p.ingest(t, s)
	}
	querier, err := p.db.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer querier.Close()
	p.testids, _, err = querier.LabelValues(t.Context(), "testid", nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(p.testids), 4, "two teams, two scripts")
}

// ingest stores a scrape with the labels that Prometheus gives it.
func (p *played) ingest(t *testing.T, s scraped) {
	t.Helper()
	app := p.db.Appender(t.Context())
	text := textparse.NewPromParser([]byte(s.text), labels.NewSymbolTable(), false)
	for {
		entry, err := text.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if entry != textparse.EntrySeries {
			continue
		}
		var ls labels.Labels
		text.Labels(&ls)
		_, _, value := text.Series()
		b := labels.NewBuilder(ls)
		b.Set("job", "hackload-job-service").Set("instance", "127.0.0.1:9090")
		_, err = app.Append(0, b.Labels(), s.at.UnixMilli(), value)
		require.NoError(t, err)
	}
	require.NoError(t, app.Commit())
}

// watchRule is a rule of Prometheus.
type watchRule struct{ Record, Alert, Expr string }

func watchRules(t *testing.T) (all []watchRule) {
	t.Helper()
	text, err := os.ReadFile("../manifests/components/monitoring/prometheusrule.yaml")
	require.NoError(t, err)
	var file struct {
		Spec struct{ Groups []struct{ Rules []watchRule } }
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Spec.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// record evaluates the recording rules as Prometheus would have.
func (p *played) record(t *testing.T) {
	t.Helper()
	recorded := map[string]int{}
	for at := p.from; at.Before(p.to); at = at.Add(5 * time.Second) {
		for _, rule := range watchRules(t) {
			if rule.Record != "" {
				recorded[rule.Record] += p.store(t, rule.Record, rule.Expr, at)
			}
		}
	}
	require.Len(t, recorded, 5)
	for name, n := range recorded {
		require.Positive(t, n, name)
	}
}

// requireWatched expects that what alerts look at is there: an alert over a
// metric that nobody writes never fires.
func (p *played) requireWatched(t *testing.T) {
	t.Helper()
	querier, err := p.db.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer querier.Close()
	names, _, err := querier.LabelValues(t.Context(), "__name__", nil)
	require.NoError(t, err)
	for _, rule := range watchRules(t) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		require.NoError(t, err)
		for _, selectors := range parser.ExtractSelectors(expr) {
			for _, m := range selectors {
				if m.Name == model.MetricNameLabel {
					require.Contains(t, names, m.Value, rule.Record+rule.Alert)
				}
			}
		}
	}
}

// store keeps the answer to expr under a name, and returns how much it is.
func (p *played) store(t *testing.T, name, expr string, at time.Time) int {
	t.Helper()
	query, err := p.engine.NewInstantQuery(t.Context(), p.db, nil, expr, at)
	require.NoError(t, err)
	defer query.Close()
	vector, err := query.Exec(t.Context()).Vector()
	require.NoError(t, err, name)
	app := p.db.Appender(t.Context())
	for _, sample := range vector {
		b := labels.NewBuilder(sample.Metric)
		b.Set("__name__", name)
		if sample.H != nil {
			_, err = app.AppendHistogram(0, b.Labels(), sample.T, nil, sample.H)
		} else {
			_, err = app.Append(0, b.Labels(), sample.T, sample.F)
		}
		require.NoError(t, err, name)
	}
	require.NoError(t, app.Commit())
	return len(vector)
}
