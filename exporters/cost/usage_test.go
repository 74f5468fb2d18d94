package cost_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// series is what a container's usage looked like: every 30 s from begin to end.
type series struct {
	name, namespace, container string
	begin, end                 time.Time
	value                      func(since time.Duration) float64
}

// database is the real database and the real PromQL, filled with series.
func database(t *testing.T, all ...series) cost.Query {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	app := db.Appender(t.Context())
	for i, s := range all {
		l := labels.FromStrings("__name__", s.name, "namespace", s.namespace, "container", s.container, "id", fmt.Sprint(i))
		for at := s.begin; !at.After(s.end); at = at.Add(30 * time.Second) {
			_, err := app.Append(0, l, at.UnixMilli(), s.value(at.Sub(s.begin)))
			require.NoError(t, err)
		}
	}
	require.NoError(t, app.Commit())
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: slog.New(slog.DiscardHandler), Parser: parser.NewParser(parser.Options{}), MaxSamples: 1_000_000, Timeout: 10 * time.Second,
	})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return func(ctx context.Context, text string, at time.Time) ([]contest.Sample, error) {
		query, err := engine.NewInstantQuery(ctx, db, nil, text, at)
		if err != nil {
			return nil, err
		}
		defer query.Close()
		vector, err := query.Exec(ctx).Vector()
		var samples []contest.Sample
		for _, s := range vector {
			samples = append(samples, contest.Sample{Labels: s.Metric.Map(), Value: s.F})
		}
		return samples, err
	}
}

func TestUsageOverARealPrometheus(t *testing.T) {
	t.Parallel()
	end := time.Now().Truncate(time.Minute)
	begin := end.Add(-2 * time.Hour)
	cores := func(n float64) func(time.Duration) float64 {
		return func(since time.Duration) float64 { return n * since.Seconds() }
	}
	gib := func(n float64) func(time.Duration) float64 {
		return func(time.Duration) float64 { return n * (1 << 30) }
	}
	const cpu, memory = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
	x := exporter(t, cost.Config{From: begin, To: end, Query: database(t,
		series{cpu, "alem", "api", begin, end, cores(0.5)},
		series{cpu, "alem", "db", begin, end, cores(0.25)},
		series{cpu, "alem", "", begin, end, cores(0.75)}, // the pod's sum, which is no container
		series{cpu, "team-1", "api", begin, begin.Add(time.Hour), cores(1)},
		series{cpu, "team-1", "api", begin.Add(time.Hour), end, cores(1)}, // restarted: counts from zero again
		series{cpu, "stranger", "api", begin, end, cores(9)},
		series{memory, "alem", "api", begin, end, gib(2)},
		series{memory, "alem", "db", begin, end, gib(1)},
		series{memory, "team-1", "api", begin, begin.Add(time.Hour), gib(4)}, // gone after half the time
	)})
	got := measure(t, x, team("alem", "1"), team("Team_1", "1"), team("oyu", "1"))
	parts := func(slug contest.Slug) map[string]any { return got[slug].Metrics["breakdown"].(map[string]any) }
	require.InEpsilon(t, 1.5, parts("alem")["CPU (core-hours)"], 0.02)
	require.InEpsilon(t, 6.0, parts("alem")["Memory (GiB-hours)"], 0.03)
	require.InEpsilon(t, 2.0, parts("Team_1")["CPU (core-hours)"], 0.03, "a slug that Kubernetes does not allow")
	require.InEpsilon(t, 4.0, parts("Team_1")["Memory (GiB-hours)"], 0.11, "a series that ended counts for up to five minutes more")
	require.Equal(t, map[string]any{"MONEY_SPEND (KZT)": 1.0}, parts("oyu"), "not measured is not zero")
	require.InDelta(t, 1, got["alem"].Metrics["totalSpent"], 0, "what was used is no money")
}

func TestUsageQueries(t *testing.T) {
	t.Parallel()
	var asked []string
	answers := make(chan string, 2)
	now := time.Now()
	x := exporter(t, cost.Config{
		From: now.Add(-72 * time.Hour), To: now.Add(-time.Second),
		Query: func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
			answers <- promql
			return nil, nil
		},
	})
	teams := []contest.Team{team("b", ""), team("A_b", ""), team("a-b", ""), team("_", ""), team("B2", ""), team("b", "")}
	require.NoError(t, x.Measure(t.Context(), teams, func(contest.Verdict) {}))
	close(answers)
	for q := range answers {
		asked = append(asked, q)
	}
	require.Len(t, asked, 2, "however many teams there are")
	for _, q := range asked {
		require.Contains(t, q, `namespace=~"b|b2"`, "teams that would share a namespace have none")
		_, err := parser.NewParser(parser.Options{}).ParseExpr(q)
		require.NoError(t, err)
	}
	require.Contains(t, strings.Join(asked, "\n"), "[259199s:259s]) * 259 / 3600", "a thousand steps")
}

func TestNamespacePattern(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{"": `"alem|b-2"`, "team-$team": `"team-alem|team-b-2"`, "$team-PROD!": `"alem-prod|b-2-prod"`} {
		asked := make(chan string, 2)
		x := exporter(t, cost.Config{Namespace: pattern, Query: func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
			asked <- promql
			return nil, nil
		}})
		require.NoError(t, x.Measure(t.Context(), []contest.Team{team("alem", ""), team("B_2", "")}, func(contest.Verdict) {}))
		require.Contains(t, <-asked, "namespace=~"+want)
	}
	_, err := cost.New(cost.Config{Namespace: "contest"})
	require.ErrorContains(t, err, "the same for all teams")
}

func TestUsageThatFailsIsAFinding(t *testing.T) {
	t.Parallel()
	x := exporter(t, cost.Config{Query: func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
		if strings.Contains(promql, "memory") {
			return nil, errors.New("query is too heavy")
		}
		return []contest.Sample{{Labels: map[string]string{"namespace": "alem"}, Value: 3}}, nil
	}})
	v := measure(t, x, team("alem", ""))["alem"]
	require.False(t, v.Invalid)
	require.Equal(t, map[string]any{"CPU (core-hours)": 3.0}, v.Metrics["breakdown"])
	require.Contains(t, judged(v), "warning Prometheus: What namespaces used is not known in full: query memory of namespaces: query is too heavy.")
	require.Equal(t, contest.NoData, v.Status, "usage is no spend")
}
