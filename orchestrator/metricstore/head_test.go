package metricstore_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// oneLaunch are the series of a launch as a generator pushes them: counters of
// each request, and how long each took.
func oneLaunch(testid string, push int, requests int, at time.Time) (all []prompb.TimeSeries) {
	for request := range requests {
		more := []string{
			"team", "team-017", "test_scenario", "booking", "level", "1000", "instance_id", "0", "scenario", "steady",
			"name", fmt.Sprintf("POST /api/thing-%02d", request),
		}
		for _, name := range []string{"k6_http_reqs_total", "k6_http_req_failed_true_total", "k6_http_req_failed_false_total", "k6_checks_true_total", "k6_checks_false_total", "k6_data_received_total"} {
			all = append(all, counter(name, testid, float64(push+1), at, more...))
		}
		for _, name := range []string{"k6_http_req_duration_seconds", "k6_http_req_waiting_seconds"} {
			all = append(all, histogramSeries(name, testid, latencies(40*(push+1)), 3, at, more...))
		}
	}
	return all
}

// playLaunch has a launch push every five seconds from a moment on.
func playLaunch(t testing.TB, store *metricstore.Store, testid string, pushes, requests int, from time.Time) {
	t.Helper()
	require.NoError(t, store.Authorise(contest.TestID(testid), "token of "+testid))
	for n := range pushes {
		at := from.Add(time.Duration(n) * 5 * time.Second)
		require.NoError(t, push(t, store.WriteURL(), "token of "+testid, oneLaunch(testid, n, requests, at)...))
	}
	store.Revoke(contest.TestID(testid))
}

// seriesInMemory is how many series the head of the TSDB holds.
func seriesInMemory(t testing.TB, registry *prometheus.Registry) int {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_head_series" {
			return int(f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	t.Fatal("nobody says how many series are in memory")
	return 0
}

// An hour of launches, one a minute, leaves those of the last two minutes in
// memory, and all of them to be asked for, also after a restart.
func TestMemoryHoldsTheLastMinutes(t *testing.T) {
	t.Parallel()
	const launches, requests, perLaunch = 58, 1, 8
	dir, registry := t.TempDir(), prometheus.NewRegistry()
	store, stop := start(t, metricstore.Config{Dir: dir, Registry: registry})
	begun := time.Now().Add(-launches * time.Minute)
	for i := range launches {
		playLaunch(t, store, fmt.Sprintf("team-search-10-%02d", i), 3, requests, begun.Add(time.Duration(i)*time.Minute))
	}
	require.Eventually(t, func() bool { return seriesInMemory(t, registry) <= 4*perLaunch }, 2*time.Minute, 50*time.Millisecond,
		"%d series are still in memory, of %d", seriesInMemory(t, registry), launches*perLaunch)

	ask := func(store *metricstore.Store) {
		t.Helper()
		totals := vector(t, store.URL(), `sum by (testid) (last_over_time(k6_http_reqs_total[2h]))`)
		require.Len(t, totals, launches)
		counts := vector(t, store.URL(), `sum by (testid) (histogram_count(last_over_time(k6_http_req_duration_seconds[2h])))`)
		require.Len(t, counts, launches)
		for testid := range totals {
			require.Equal(t, "3", totals[testid], testid)
			require.Equal(t, "120", counts[testid], testid)
		}
		points := vector(t, store.URL(), `sum by (testid) (count_over_time(k6_http_reqs_total[2h]))`)
		for testid := range points {
			require.Equal(t, "3", points[testid], testid)
		}
	}
	ask(store)
	stop()
	again, _ := start(t, metricstore.Config{Dir: dir})
	ask(again)
}

// What a launch of a hundred series takes while it is in memory.
func BenchmarkLaunchInMemory(b *testing.B) {
	store, _ := start(b, metricstore.Config{})
	begun := time.Now()
	live := func() uint64 {
		runtime.GC()
		runtime.GC() // what pools held
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, n := live(), 0
	b.ReportMetric(float64(before)/(1<<20), "MiB/empty")
	for b.Loop() {
		playLaunch(b, store, "team-booking-1000-"+strconv.Itoa(n), 5, 12, begun)
		n++
	}
	b.ReportMetric(float64(live()-before)/float64(n)/1024, "KiB/launch")
}
