package evidence_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// A round of a hundred runs with two generators each, one of them ended longer
// ago than an instant query looks back, against the real store over sockets.
func TestRoundOfHundredRuns(t *testing.T) {
	t.Parallel()
	store, client, _ := startStore(t, t.TempDir())
	at := time.Now()
	subjects, loads := writeRound(t, store, at, 100)

	before := store.Queries()
	got, err := evidence.Collect(t.Context(), client.Query, at, subjects)
	require.NoError(t, err)
	require.EqualValues(t, questionsPerRound, store.Queries()-before)
	require.Len(t, got, 100)
	for i, s := range subjects {
		requireExact(t, got[s.Run.TestID], s, loads[i])
	}
}

// writeRound writes the series of n runs and returns what was written.
func writeRound(t *testing.T, store *metricstore.Store, at time.Time, n int) (subjects []evidence.Subject, loads [][2]load) {
	t.Helper()
	for i := range n {
		from := at.Add(-time.Minute)
		if i == 0 {
			from = at.Add(-25 * time.Minute)
		}
		s := subject(t, string(teamID(i)), from, 2)
		subjects = append(subjects, s)
		pair := [2]load{randomLoad(uint64(2*i), 300), randomLoad(uint64(2*i+1), 200)}
		loads = append(loads, pair)
		for k, l := range pair {
			newGenerator(t, store, teamID(i), string(rune('0'+k))).write(l, from, s.Script.Thresholds[0].String())
		}
	}
	return subjects, loads
}

func requireExact(t *testing.T, e contest.Evidence, s evidence.Subject, loads [2]load) {
	t.Helper()
	var all []float64
	failed, passed, notPassed, within := 0, 0, 0, 0
	for _, l := range loads {
		all = append(all, l.seconds...)
		failed, passed, notPassed = failed+l.failed, passed+l.checks[1], notPassed+l.checks[0]
	}
	for _, v := range all {
		if v*1000 < 2000 {
			within++
		}
	}
	require.Empty(t, e.Gaps)
	require.Equal(t, s.Run.ID, e.Run)
	require.Equal(t, s.ConfigHash, e.ConfigHash)
	require.Equal(t, []contest.ThresholdCount{
		{Threshold: s.Script.Thresholds[0], Within: float64(within), Samples: 500},
		{Threshold: s.Script.Thresholds[1], Within: float64(failed), Samples: 500},
		{Threshold: s.Script.Thresholds[2], Within: float64(passed), Samples: float64(passed + notPassed)},
		{Threshold: s.Script.Thresholds[3]},
		{Threshold: s.Script.Thresholds[4], Within: 6, Samples: 6},
		{Threshold: s.Script.Thresholds[5], Within: 14, Samples: 18},
	}, e.Thresholds)

	require.EqualValues(t, 500, e.Count("http_reqs", "steady"))
	require.EqualValues(t, 510, e.Count("http_reqs"))
	require.EqualValues(t, failed, e.Count("http_req_failed_true", "steady"))
	require.EqualValues(t, 500, e.Count("iterations"))
	require.EqualValues(t, 2, e.Count("dropped_iterations"))
	require.EqualValues(t, 0, e.Count("double_sold_seats"))
	require.Contains(t, e.Counts, contest.Count{Name: "http_reqs", Scenario: "steady", Label: "false", Value: float64(failed)})
	require.Contains(t, e.Counts, contest.Count{Name: "checks_true", Scenario: "steady", Label: `статус "200"`, Value: float64(passed)})
	require.Positive(t, e.Count("peak_rps"))

	require.EqualValues(t, 500, e.Latency.Samples)
	require.InEpsilon(t, mean(all)*1000, e.Latency.Mean, 1e-9)
	for q, got := range map[float64]contest.Quantile{0.50: e.Latency.P50, 0.95: e.Latency.P95, 0.99: e.Latency.P99} {
		sorted := slices.Sorted(slices.Values(all))
		want := sorted[int(math.Ceil(q*500))-1] * 1000
		require.GreaterOrEqual(t, want, got.Low)
		require.LessOrEqual(t, want, got.High)
		require.InEpsilon(t, want, got.Value, 0.011, "within one bucket of schema 6")
	}
	require.Equal(t, []contest.GeneratorHealth{
		{Instance: "0", Finished: true, CPU: 0.7, SchedLatency: 0.004, Heap: 5e7, VUs: 9, MaxVUs: 12},
		{Instance: "1", Finished: true, CPU: 0.7, SchedLatency: 0.004, Heap: 5e7, VUs: 9, MaxVUs: 12},
	}, e.Generators)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// The recorded queries are cut down to one run; asked again they give the same.
func TestRecordedQueriesGiveTheSame(t *testing.T) {
	t.Parallel()
	store, client, _ := startStore(t, t.TempDir())
	at := time.Now()
	subjects, loads := writeRound(t, store, at, 2)
	got, err := evidence.Collect(t.Context(), client.Query, at, subjects)
	require.NoError(t, err)
	e := got[subjects[1].Run.TestID]
	require.Len(t, e.Queries, questionsPerRound)
	for _, q := range e.Queries {
		require.NotContains(t, q.PromQL, string(subjects[0].Run.TestID))
		samples, err := client.Query(t.Context(), q.PromQL, q.At)
		require.NoError(t, err, q.PromQL)
		require.NotEmpty(t, samples, q.PromQL)
		if q.Name == "thresholds" {
			for _, s := range samples {
				if s.Labels["__name__"] == "k6_threshold_samples_total" && s.Labels["threshold"] != byTag {
					require.EqualValues(t, len(loads[1][0].seconds)+len(loads[1][1].seconds), s.Value)
				}
			}
		}
	}
}

// Evidence can be had after the store was killed: the copy of its directory,
// taken while it is open, is what a kill -9 leaves.
func TestAfterTheStoreWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, client, _ := startStore(t, dir)
	at := time.Now()
	subjects, _ := writeRound(t, store, at, 3)
	before, err := evidence.Collect(t.Context(), client.Query, at, subjects)
	require.NoError(t, err)

	left := filepath.Join(t.TempDir(), "left")
	require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
	_, again, _ := startStore(t, left)
	after, err := evidence.Collect(t.Context(), again.Query, at, subjects)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	store, client, _ := startStore(t, t.TempDir())
	at := time.Now()
	s := subject(t, "team-search-10-hostile", at.Add(-time.Minute), 1)
	s.Script.Thresholds = thresholds(t,
		`http_req_duration{name:"a\"} or up{x=\""}`, "p(95)<2000",
		`checks{моя метка:да}`, "rate>0.5",
		`checks{check:100% "ok" \ {{.}}}`, "rate>0.5")
	s.Script.Scenarios = []contest.ScriptScenario{{Name: `de.ault"`}}
	name := s.Script.Thresholds[0].String()
	g := newGenerator(t, store, s.Run.TestID, "0")
	g.push(
		g.float("k6_threshold_within_total", 3, at, "threshold", name),
		g.float("k6_threshold_samples_total", 4, at, "threshold", name),
		g.float("k6_checks_true_total", 5, at, "моя метка", "да"),
		g.float("k6_checks_false_total", 7, at, "check", `100% "ok" \ {{.}}`),
		g.histogram("k6_http_req_duration_seconds", []float64{1, 1}, at, "scenario", `de.ault"`),
		g.float("k6_generator_finished", 1, at),
	)
	got, err := evidence.Collect(t.Context(), client.Query, at, []evidence.Subject{s})
	require.NoError(t, err)
	e := got[s.Run.TestID]
	require.Empty(t, e.Gaps)
	require.Equal(t, []contest.ThresholdCount{
		{Threshold: s.Script.Thresholds[0], Within: 3, Samples: 4},
		{Threshold: s.Script.Thresholds[1], Within: 5, Samples: 5},
		{Threshold: s.Script.Thresholds[2], Within: 0, Samples: 7},
	}, e.Thresholds)
	require.EqualValues(t, 2, e.Latency.Samples)
	require.True(t, strings.Contains(e.Queries[1].PromQL, `"моя метка"`), e.Queries[1].PromQL)
}
