package metric_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

func TestSnapshotMergesShards(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	b := reg.Builtin()
	agg := metric.NewAggregator(reg, nil, 3)
	root := metric.NewTags(nil)
	get, post := root.With("method", "GET"), root.With("method", "POST")

	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s := agg.Shard(i)
			for j := range 1000 {
				s.Add(b.HTTPReqs, get, 1)
				s.Add(b.HTTPReqFailed, post, float64(j%2))
				s.Add(b.HTTPReqDuration, get, float64(j+1))
				agg.Shard(j).Add(b.VUs, root, float64(j))
				if j%100 == 0 {
					agg.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	agg.Shard(-1).Add(b.VUs, root, 7)

	s := agg.Snapshot()
	var names []string
	for _, m := range s.Metrics() {
		names = append(names, m.Name)
	}
	require.Equal(t, []string{"http_req_duration", "http_req_failed", "http_reqs", "vus"}, names)

	reqs, ok := s.Merged("http_reqs")
	require.True(t, ok)
	require.Equal(t, 6000.0, reqs.Value())
	failed, _ := s.Merged("http_req_failed")
	require.Equal(t, [2]uint64{3000, 3000}, [2]uint64{failed.True, failed.False()})
	require.Equal(t, 0.5, failed.Value())
	duration, _ := s.Merged("http_req_duration")
	require.Equal(t, uint64(6000), duration.Histogram.Count())
	require.Equal(t, [3]float64{1, 1000, 500.5}, [3]float64{duration.Min, duration.Max, duration.Value()})
	vus, _ := s.Merged("vus")
	require.Equal(t, [3]float64{7, 0, 999}, [3]float64{vus.Value(), vus.Min, vus.Max}, "the newest value of a gauge wins")
	_, ok = s.Merged("iterations")
	require.False(t, ok)
}

func TestSnapshotOfSomeMetrics(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	b := reg.Builtin()
	agg := metric.NewAggregator(reg, nil, 2)
	root := metric.NewTags(nil)
	for i := range 200 {
		tags := root.With("name", strconv.Itoa(i))
		agg.Shard(i).Add(b.HTTPReqs, tags, 1)
		agg.Shard(i).Add(b.HTTPReqDuration, tags, float64(i))
		agg.Shard(i).Add(b.Iterations, root, 1)
	}
	s := agg.SnapshotOf("http_reqs", "iterations", "vus")
	require.Len(t, s.Series, 201)
	require.Empty(t, s.Submetrics)
	reqs, _ := s.Merged("http_reqs")
	require.Equal(t, 200.0, reqs.Value())
	iterations, _ := s.Merged("iterations")
	require.Equal(t, 200.0, iterations.Value())
	for _, name := range []string{"http_req_duration", "vus"} {
		_, ok := s.Merged(name)
		require.False(t, ok, name)
	}
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		selector, expression string
		ok                   bool
		value                float64
		within, samples      float64
		noSamples            bool
	}{
		{selector: "http_req_duration", expression: "p(90)<=90", ok: true, value: 90, within: 90, samples: 100},
		{selector: "http_req_duration", expression: "p(90)<90", ok: false, value: 90, within: 89, samples: 100},
		{selector: "http_req_duration", expression: "med>50", ok: false, value: 50, within: 50, samples: 100},
		{selector: "http_req_duration", expression: "med>=50", ok: true, value: 50, within: 51, samples: 100},
		{selector: "http_req_duration", expression: "p(100)<=100", ok: true, value: 100, within: 100, samples: 100},
		{selector: "http_req_duration", expression: "avg==50.5", ok: true, value: 50.5, within: 0, samples: 100},
		{selector: "http_req_duration", expression: "min>0", ok: true, value: 1, within: 100, samples: 100},
		{selector: "http_req_duration", expression: "max<100", ok: false, value: 100, within: 99, samples: 100},
		{selector: "http_req_duration{scenario:steady}", expression: "p(95)<50", ok: true, value: 38, within: 40, samples: 40},
		{selector: "http_req_duration{scenario:none}", expression: "p(95)<50", ok: true, noSamples: true},
		{selector: "checks", expression: "rate>0.95", ok: false, value: 0.95, within: 95, samples: 100},
		{selector: "checks", expression: "rate>=0.95", ok: true, value: 0.95, within: 95, samples: 100},
		{selector: "http_reqs", expression: "count==100", ok: true, value: 100, within: 100, samples: 100},
		{selector: "http_reqs", expression: "rate>10", ok: false, value: 10, within: 100, samples: 100},
		{selector: "vus", expression: "value>99", ok: true, value: 100, samples: 100},
		{selector: "not_yet_there", expression: "count>0", ok: true, noSamples: true},
	} {
		t.Run(row.selector+" "+row.expression, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := metric.NewRegistry()
				b := reg.Builtin()
				rule := threshold(t, row.selector, row.expression)
				agg := metric.NewAggregator(reg, []contest.Threshold{rule}, 2)
				root := metric.NewTags(nil)
				for i := range 100 {
					tags := root.With("scenario", "warmup")
					if i < 40 {
						tags = root.With("scenario", "steady")
					}
					s := agg.Shard(i)
					s.Add(b.HTTPReqDuration, tags, float64(i+1))
					s.Add(b.HTTPReqs, tags, 1)
					s.Add(b.VUs, tags, float64(i+1))
					ok := 1.0
					if i >= 95 {
						ok = 0
					}
					s.Add(b.Checks, tags, ok)
				}
				time.Sleep(10 * time.Second)
				results := agg.Evaluate()
				require.Len(t, results, 1)
				got := results[0]
				require.Equal(t, rule, got.Threshold)
				require.Equal(t, row.ok, got.OK, "%+v", got)
				require.InEpsilon(t, row.value+1, got.Value+1, 0.011)
				require.Equal(t, [2]float64{row.within, row.samples}, [2]float64{got.Within, got.Samples})
				require.Equal(t, row.noSamples, got.NoSamples)
				require.Equal(t, results, agg.Snapshot().Thresholds())
			})
		})
	}
}

func TestCheckThreshold(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	for _, row := range []struct{ selector, expression, want string }{
		{"http_req_duration", "p(95)<1", ""},
		{"http_req_duration", "med<1", ""},
		{"http_req_duration{a:b}", "avg<1", ""},
		{"http_reqs", "rate<1", ""},
		{"http_reqs", "p(95)<1", "http_reqs is a counter, which has only [count rate]"},
		{"http_req_duration", "count<1", "which has only [avg min max med p(N)]"},
		{"checks", "value<1", "which has only [rate]"},
		{"vus", "rate<1", "which has only [value]"},
		{"typo_metric", "rate<1", "there is no metric typo_metric"},
	} {
		err := reg.Check(threshold(t, row.selector, row.expression))
		if row.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, row.want)
	}
}

func TestNotFiniteIsRefused(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	tags := metric.NewTags(nil)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 5} {
		agg.Shard(0).Add(reg.Builtin().HTTPReqDuration, tags, v)
	}
	s := agg.Snapshot()
	require.Equal(t, uint64(3), s.Refused)
	got, _ := s.Merged("http_req_duration")
	require.Equal(t, uint64(1), got.Count)
}

// A script that gives each request a tag of its own must not eat the memory,
// and must still be counted exactly.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	const samples = 70_000 // more than one root remembers sets
	reg := metric.NewRegistry()
	b := reg.Builtin()
	rule := threshold(t, "http_req_duration{scenario:steady}", "p(50)<100")
	agg := metric.NewAggregator(reg, []contest.Threshold{rule}, 2)
	steady := metric.NewTags(nil).With("scenario", "steady")
	for i := range samples {
		tags := steady.With("id", fmt.Sprint(i))
		agg.Shard(i).Add(b.HTTPReqDuration, tags, float64(i%200))
		agg.Shard(i).Add(b.HTTPReqDuration, tags.With("id", ""), float64(i%200))
	}
	s := agg.Snapshot()
	require.LessOrEqual(t, len(s.Series), 10_100)
	require.Greater(t, s.Overflowed, uint64(samples-10_001))
	merged, _ := s.Merged("http_req_duration")
	require.Equal(t, uint64(2*samples), merged.Count)
	got := s.Thresholds()[0]
	require.Equal(t, [2]float64{samples, 2 * samples}, [2]float64{got.Within, got.Samples})
	at := slices.IndexFunc(s.Series, func(x metric.Series) bool { return len(x.Tags.Map()) == 1 })
	require.GreaterOrEqual(t, at, 0)
	require.Equal(t, map[string]string{"scenario": "steady"}, s.Series[at].Tags.Map(), "the scenario stays")
}

func TestOverflowOfTheClosedSet(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	root := metric.NewTags(nil)
	for i := range 12_000 {
		agg.Shard(0).Add(reg.Builtin().HTTPReqs, root.With("scenario", fmt.Sprint(i)), 1)
	}
	s := agg.Snapshot()
	require.Len(t, s.Series, 10_101)
	require.Empty(t, s.Series[0].Tags.Map())
	require.Equal(t, 1900.0, s.Series[0].Value())
}

func BenchmarkAdd(b *testing.B) {
	reg := metric.NewRegistry()
	rule := threshold(b, "http_req_duration{scenario:steady}", "p(95)<2000")
	for _, m := range []*metric.Metric{reg.Builtin().HTTPReqs, reg.Builtin().HTTPReqDuration} {
		b.Run(m.Kind.String(), func(b *testing.B) {
			agg := metric.NewAggregator(reg, []contest.Threshold{rule}, 8)
			tags := metric.NewTags(map[string]string{"scenario": "steady"})
			var next int
			var mu sync.Mutex
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				mu.Lock()
				s := agg.Shard(next)
				next++
				mu.Unlock()
				for v := 1.0; pb.Next(); v++ {
					s.Add(m, tags, v)
				}
			})
		})
	}
}

func BenchmarkTagsWith(b *testing.B) {
	tags := metric.NewTags(map[string]string{"scenario": "steady"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tags.With("method", "GET").With("status", "200").With("name", "/api/events")
		}
	})
}
