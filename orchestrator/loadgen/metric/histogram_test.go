package metric_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

func TestHistogramBuckets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		v    float64
		k    int
	}{
		{"one is an upper bound", 1, 0},
		{"just above one", math.Nextafter(1, 2), 1},
		{"two is an upper bound", 2, 64},
		{"a half", 0.5, -64},
		{"between", 1.5, 38},
		{"the largest number", math.MaxFloat64, 1024 * 64},
		{"tiny", 0x1p-127, -127 * 64},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var h metric.Histogram
			h.Observe(row.v)
			h.Observe(-row.v)
			want := map[int]uint64{row.k: 1}
			require.Equal(t, want, collect(&h.Positive))
			require.Equal(t, want, collect(&h.Negative))
			require.LessOrEqual(t, row.v, metric.UpperBound(row.k))
			require.Greater(t, row.v, metric.UpperBound(row.k-1))
		})
	}
}

func collect(b *metric.Buckets) map[int]uint64 {
	out := map[int]uint64{}
	for k, n := range b.All {
		out[k] = n
	}
	return out
}

func TestHistogramZero(t *testing.T) {
	t.Parallel()
	var h metric.Histogram
	for _, v := range []float64{0, 0x1p-128, -0x1p-128, math.SmallestNonzeroFloat64} {
		h.Observe(v)
	}
	require.Equal(t, uint64(4), h.Zero)
	require.Equal(t, uint64(4), h.Count())
}

func TestHistogramMergeIsTheSameAsOne(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var whole metric.Histogram
	parts := make([]metric.Histogram, 3)
	for i := range 3000 {
		v := random.NormFloat64() * math.Exp2(float64(random.IntN(60)-30))
		whole.Observe(v)
		parts[i%3].Observe(v)
	}
	var merged metric.Histogram
	for i := range parts {
		merged.Merge(&parts[i])
	}
	require.Equal(t, whole.Ascending(), merged.Ascending())
	buckets := whole.Ascending().Buckets
	for i := 1; i < len(buckets); i++ {
		require.LessOrEqual(t, buckets[i-1].High, buckets[i].Low)
	}
}

func TestQuantileIsWithinABucket(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	random := rand.New(rand.NewPCG(3, 4))
	var all []float64
	for range 10_000 {
		v := math.Exp(random.NormFloat64()*2) * 10
		all = append(all, v)
		agg.Shard(0).Add(reg.Builtin().HTTPReqDuration, metric.NewTags(nil), v)
	}
	slices.Sort(all)
	s, _ := agg.Snapshot().Merged("http_req_duration")
	for _, q := range []float64{0.01, 0.5, 0.9, 0.95, 0.99, 0.999} {
		exact := all[int(math.Ceil(q*float64(len(all))))-1]
		require.InEpsilon(t, exact, s.Quantile(q), 0.011, "q = %g", q)
	}
	require.Equal(t, [2]float64{all[0], all[len(all)-1]}, [2]float64{s.Quantile(0), s.Quantile(1)})
}

func TestQuantilesOfFewAreExact(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		shards, count int // values 1, 2, 3, … over the shards
		exact         bool
	}{
		{"one", 1, 1, true}, {"two", 1, 2, true}, {"as many as are kept", 1, 100, true}, {"one too many", 1, 101, false},
		{"as many in each shard", 2, 200, true}, {"too many in one shard", 2, 201, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := metric.NewRegistry()
			agg := metric.NewAggregator(reg, nil, tc.shards)
			for n := range tc.count {
				agg.Shard(n).Add(reg.Builtin().HTTPReqDuration, metric.NewTags(nil), float64(n+1))
			}
			s, _ := agg.Snapshot().Merged("http_req_duration")
			for _, q := range []float64{0.1, 0.5, 0.9, 0.333, 0.999} {
				// Between the two values around it, as k6 has it.
				want := 1 + q*float64(tc.count-1)
				if tc.exact {
					require.InDelta(t, want, s.Quantile(q), 1e-9, "q = %g", q)
				} else {
					require.NotEqual(t, want, s.Quantile(q))
					require.InEpsilon(t, want, s.Quantile(q), 0.05)
				}
			}
		})
	}
}

func TestQuantileOfOneSampleIsExact(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	agg.Shard(0).Add(reg.Builtin().HTTPReqDuration, metric.NewTags(nil), 12.345)
	s, _ := agg.Snapshot().Merged("http_req_duration")
	require.Equal(t, 12.345, s.Quantile(0.95))
	require.Zero(t, (&metric.Series{}).Quantile(0.5))
}
