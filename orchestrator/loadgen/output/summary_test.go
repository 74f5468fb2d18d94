package output_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// ended is the account of the measured test, as if it had taken 10 s.
func ended(t testing.TB) output.Summary {
	s := measured(t).Snapshot()
	s.Elapsed = 10 * time.Second
	return output.Summary{Snapshot: s, SetupData: map[string]any{"token": "abc"}}
}

func TestSummaryText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, ended(t).WriteText(&b))
	golden(t, "summary.golden", b.String())
}

func TestSummaryTextUnits(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		unit string
		ms   float64
		want string
	}{
		{"", 0, "0s"},
		{"", 0.0000456, "46ns"},
		{"", 0.456, "456µs"},
		{"", 12.345678, "12.35ms"},
		{"", 1500, "1.5s"},
		{"", 90_000, "1m30s"},
		{"s", 1500, "1.500000s"},
		{"ms", 1500, "1500.00ms"},
		{"us", 1.5, "1500.00µs"},
	} {
		reg := metric.NewRegistry()
		agg := metric.NewAggregator(reg, nil, 1)
		agg.Shard(0).Add(reg.Builtin().IterationDuration, metric.NewTags(nil), row.ms)
		var b strings.Builder
		s := output.Summary{Snapshot: agg.Snapshot(), TimeUnit: row.unit, TrendStats: []string{"max", "p(99.9)", "count"}}
		require.NoError(t, s.WriteText(&b))
		require.Contains(t, b.String(), "max="+row.want)
		require.Contains(t, b.String(), "p(99.9)="+row.want)
		require.Contains(t, b.String(), "count=1")
	}
}

func TestSummaryData(t *testing.T) {
	t.Parallel()
	text, err := json.MarshalIndent(ended(t).Data(), "", "  ")
	require.NoError(t, err)
	golden(t, "data.golden.json", rounded(text)+"\n")
}

func TestSummaryExport(t *testing.T) {
	t.Parallel()
	text, err := ended(t).Export()
	require.NoError(t, err)
	golden(t, "export.golden.json", rounded(text))
}

// rounded cuts numbers to six decimals: the last bits of a percentile depend on
// the processor.
func rounded(text []byte) string {
	return regexp.MustCompile(`(\.\d{6})\d+`).ReplaceAllString(string(text), "$1")
}

// The two JSON forms say the truth of a threshold in opposite ways.
func TestTruthOfThresholds(t *testing.T) {
	t.Parallel()
	s := ended(t)
	data := s.Data()["metrics"].(map[string]any)["checks"].(map[string]any)["thresholds"]
	require.Equal(t, map[string]any{"rate>0.95": map[string]any{"ok": false}}, data)
	text, err := s.Export()
	require.NoError(t, err)
	var file struct {
		Metrics map[string]struct{ Thresholds map[string]bool }
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.True(t, file.Metrics["checks"].Thresholds["rate>0.95"])
	require.False(t, file.Metrics["http_reqs"].Thresholds["count>1"])
}

func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	s := output.Summary{Snapshot: metric.NewAggregator(metric.NewRegistry(), nil, 1).Snapshot()}
	var b strings.Builder
	require.NoError(t, s.WriteText(&b))
	require.Empty(t, b.String())
	require.Empty(t, s.Data()["metrics"])
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestSummaryWriteFails(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, ended(t).WriteText(brokenPipe{}), "write summary: broken pipe")
}

func TestCheckTrendStat(t *testing.T) {
	t.Parallel()
	for _, ok := range append(output.TrendStats(), "count", "p(99.99)", "p(100)", "p( 50 )") {
		require.NoError(t, output.CheckTrendStat(ok))
	}
	for _, bad := range []string{"", "mean", "p(101)", "p()", "p(-1)", "p95", "p(95"} {
		require.ErrorContains(t, output.CheckTrendStat(bad), "want avg, min", bad)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	b := reg.Builtin()
	agg := metric.NewAggregator(reg, nil, 1)
	tags, s := metric.NewTags(nil), agg.Shard(0)
	add := func(n int) {
		for range n {
			s.Add(b.HTTPReqs, tags, 1)
			s.Add(b.HTTPReqDuration, tags, 50)
			s.Add(b.HTTPReqFailed, tags, 1)
		}
	}
	add(10)
	before := agg.Snapshot()
	before.Elapsed = time.Second
	add(30)
	s.Add(b.DroppedIterations, tags, 2)
	s.Add(b.VUs, tags, 4)
	now := agg.SnapshotOf(output.ProgressMetrics()...)
	now.Elapsed = 3 * time.Second

	plan := output.Plan{Length: time.Minute, Phases: []string{"warmup", "steady"}}
	require.Equal(t, contest.Progress{
		Elapsed: contest.Duration(3 * time.Second), Planned: contest.Duration(time.Minute), Phase: "warmup,steady",
		Requests: 40, RPS: 15, P95: 50, Failures: 40, Dropped: 2, VUs: 4,
	}, output.Progress(now, before, plan))
	require.Equal(t, 10.0, output.Progress(before, nil, plan).RPS)
	require.Equal(t, contest.Progress{}, output.Progress(&metric.Snapshot{}, nil, output.Plan{}))
}
