package output_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// The requests of a flush are made in the same memory, one after the other.
func TestManyTrendsKeepTheirBuckets(t *testing.T) {
	t.Parallel()
	const many = 4100
	r := newReceiver(t)
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 2)
	root := metric.NewTags(nil)
	for i := range many {
		for n := range i%5 + 1 {
			agg.Shard(n).Add(reg.Builtin().HTTPReqDuration, root.With("name", fmt.Sprint(i)), float64(i+1))
		}
	}
	require.NoError(t, flushLast(t, output.RemoteWriteConfig{URL: r.url}, agg.Snapshot))
	require.Equal(t, 3, r.count())
	sent := map[string]prompb.TimeSeries{}
	for _, req := range r.requests {
		for _, s := range req.Timeseries {
			sent[labelText(s)] = s
		}
	}
	for i := range many {
		s := sent[fmt.Sprintf(`k6_http_req_duration_seconds{name="%d"}`, i)]
		require.Len(t, s.Histograms, 1)
		h := s.Histograms[0].ToIntHistogram()
		require.NoError(t, h.Validate())
		count, value := uint64(i%5+1), float64(i+1)/1000
		require.Equal(t, count, h.Count)
		require.InDelta(t, float64(count)*value, h.Sum, 1e-9)
		it := h.PositiveBucketIterator()
		require.True(t, it.Next())
		bucket := it.At()
		require.Equal(t, count, bucket.Count)
		require.True(t, bucket.Lower < value && value <= bucket.Upper, "%g in %v", value, bucket)
		require.False(t, it.Next())
	}
}

func TestConnectionIsClosedAtTheEnd(t *testing.T) {
	t.Parallel()
	states := make(chan http.ConnState, 10)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) { states <- s }
	server.Start()
	defer server.Close()
	require.ErrorContains(t, flushLast(t, output.RemoteWriteConfig{URL: server.URL}, measured(t).Snapshot), "404")
	for s := http.StateNew; s != http.StateClosed; s = <-states {
	}
}

// BenchmarkFlush is what one flush costs, also in processor time of the whole
// process, the receiver's part included: ns/op says little on a busy machine.
func BenchmarkFlush(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	for _, sets := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("%d series", 9*sets), func(b *testing.B) {
			agg := busy(sets)
			w, err := output.NewRemoteWrite(output.RemoteWriteConfig{URL: server.URL}, agg.Snapshot)
			require.NoError(b, err)
			b.ReportAllocs()
			began := processorTime(b)
			for b.Loop() {
				require.NoError(b, w.Flush(b.Context()))
			}
			b.ReportMetric((processorTime(b)-began).Seconds()*1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

// busy is what a test has measured that made requests under so many sets of tags.
func busy(sets int) *metric.Aggregator {
	reg := metric.NewRegistry()
	builtin := reg.Builtin()
	agg := metric.NewAggregator(reg, nil, 2)
	root := metric.NewTags(map[string]string{"scenario": "steady", "method": "GET", "status": "200", "expected_response": "true"})
	random := rand.New(rand.NewPCG(1, 2))
	trends := []*metric.Metric{
		builtin.HTTPReqDuration, builtin.HTTPReqBlocked, builtin.HTTPReqConnecting, builtin.HTTPReqTLSHandshaking,
		builtin.HTTPReqSending, builtin.HTTPReqWaiting, builtin.HTTPReqReceiving,
	}
	for i := range sets {
		tags := root.With("name", fmt.Sprint("/api/events/", i))
		for n := range 2000 {
			shard := agg.Shard(n)
			shard.Add(builtin.HTTPReqs, tags, 1)
			shard.Add(builtin.HTTPReqFailed, tags, 0)
			for _, m := range trends {
				shard.Add(m, tags, 5*math.Exp(random.NormFloat64()/2))
			}
		}
	}
	return agg
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
