package metric_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func threshold(t testing.TB, selector, expression string) contest.Threshold {
	t.Helper()
	th, err := contest.ParseThreshold(selector, expression)
	require.NoError(t, err)
	return th
}

func TestRegistryNames(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, metric string
		want         string // part of the error; empty for none
	}{
		{"plain", "bookings", ""},
		{"two characters", "_1", ""},
		{"129 characters", strings.Repeat("a", 129), ""},
		{"one character", "a", "want 2 to 129"},
		{"130 characters", strings.Repeat("a", 130), "want 2 to 129"},
		{"digit first", "1st", "want 2 to 129"},
		{"dash", "my-metric", "want 2 to 129"},
		{"empty", "", "want 2 to 129"},
		{"line break after", "bookings\n", "want 2 to 129"},
		{"built-in of another kind", "http_reqs", "exists as a counter"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := metric.NewRegistry()
			m, err := r.New(row.metric, metric.Trend, metric.Time)
			if row.want != "" {
				require.ErrorContains(t, err, row.want)
				return
			}
			require.NoError(t, err)
			again, err := r.New(row.metric, metric.Trend, metric.Time)
			require.NoError(t, err)
			require.Same(t, m, again)
			require.Same(t, m, r.Lookup(row.metric))
			_, err = r.New(row.metric, metric.Trend, metric.Default)
			require.ErrorContains(t, err, "of time values")
		})
	}
}

func TestRegistryHoldsEveryBuiltin(t *testing.T) {
	t.Parallel()
	r := metric.NewRegistry()
	require.Same(t, r.Builtin().HTTPReqDuration, r.Lookup("http_req_duration"))
	require.Equal(t, metric.Time, r.Lookup("http_req_waiting").Contains)
	require.Equal(t, metric.Data, r.Builtin().DataSent.Contains)
	require.Equal(t, metric.Gauge, r.Builtin().VUs.Kind)
	_, err := r.New("unknown_kind", 9, metric.Default)
	require.ErrorContains(t, err, "kind 9")
}

func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	r := metric.NewRegistry()
	var wg sync.WaitGroup
	made := make([]*metric.Metric, 8)
	for i := range made {
		wg.Go(func() {
			for j := range 50 {
				_, _ = r.New(fmt.Sprintf("metric_%d", j), metric.Counter, metric.Default)
				made[i] = r.Lookup("metric_0")
			}
		})
	}
	wg.Wait()
	for _, m := range made {
		require.Same(t, made[0], m)
	}
}

func TestTagsAreInterned(t *testing.T) {
	t.Parallel()
	root := metric.NewTags(map[string]string{"scenario": "steady", "group": ""})
	require.Equal(t, map[string]string{"scenario": "steady"}, root.Map())

	ab := root.With("a", "1").With("b", "2")
	require.Same(t, ab, root.With("b", "2").With("a", "1"))
	require.Same(t, root, ab.With("a", "").With("b", ""))
	require.Same(t, root, root.With("absent", ""))
	require.Same(t, ab, ab.With("a", "3").With("a", "1"))

	v, ok := ab.Get("b")
	require.Equal(t, "2", v)
	require.True(t, ok)
	_, ok = ab.Get("c")
	require.False(t, ok)

	require.NotSame(t, root.With("k", "v\x00w\x00x"), root.With("k", "v").With("w", "x"))
}

func TestTagsWithAllocatesNothing(t *testing.T) {
	root := metric.NewTags(nil)
	status := string([]byte("200")) // not the constant that filled the cache
	root.With("method", "GET").With("status", "200")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		root.With("method", "GET").With("status", status)
	}))
}

func TestMatches(t *testing.T) {
	t.Parallel()
	set := metric.NewTags(map[string]string{"scenario": "steady", "status": "200"})
	for _, row := range []struct {
		name string
		want map[string]string
		ok   bool
	}{
		{"nothing wanted", nil, true},
		{"one tag", map[string]string{"scenario": "steady"}, true},
		{"another value", map[string]string{"scenario": "warmup"}, false},
		{"absent tag", map[string]string{"method": "GET"}, false},
		{"wanted absent", map[string]string{"method": ""}, true},
		{"wanted absent but there", map[string]string{"status": ""}, false},
	} {
		require.Equal(t, row.ok, set.Matches(row.want), row.name)
	}
}

func ExampleAggregator() {
	reg := metric.NewRegistry()
	rule, _ := contest.ParseThreshold("http_req_duration{scenario:steady}", "p(95)<2000")
	agg := metric.NewAggregator(reg, []contest.Threshold{rule}, 1)

	steady := metric.NewTags(nil).With("scenario", "steady")
	for ms := 1; ms <= 100; ms++ {
		agg.Shard(0).Add(reg.Builtin().HTTPReqDuration, steady, float64(ms)*21)
	}
	for _, r := range agg.Evaluate() {
		fmt.Printf("%s: %.0f of %.0f within, holds: %v\n", r.Threshold, r.Within, r.Samples, r.OK)
	}
	// Output: http_req_duration{scenario:steady}: p(95)<2000: 95 of 100 within, holds: true
}
