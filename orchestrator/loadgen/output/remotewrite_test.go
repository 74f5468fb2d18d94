package output_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// measured is a small test that was run: a metric of every kind.
func measured(t testing.TB) *metric.Aggregator {
	t.Helper()
	reg := metric.NewRegistry()
	b := reg.Builtin()
	size, err := reg.New("answer_size", metric.Trend, metric.Data)
	require.NoError(t, err)
	drift, err := reg.New("drift", metric.Trend, metric.Default)
	require.NoError(t, err)
	var rules []contest.Threshold
	for _, row := range [][2]string{
		{"http_req_duration{scenario:steady}", "p(95)<2000"},
		{"http_req_duration{scenario:never}", "med<5"},
		{"http_req_duration", "avg<1"},
		{"checks", "rate>0.95"},
		{"http_reqs", "count>1"},
		{"dropped_iterations", "count<1"},
		{"vus", "value>0"},
		{"vus", "value>0"},
		{"checks", "rate>0.95"},
	} {
		rule, err := contest.ParseThreshold(row[0], row[1])
		require.NoError(t, err)
		rules = append(rules, rule)
	}
	agg := metric.NewAggregator(reg, rules, 2)
	steady := metric.NewTags(map[string]string{"scenario": "steady", "testid": "forged", "group": ""})
	for i, ms := range []float64{1000, 1000, 1500, 2500, 0, 4000} {
		s, tags := agg.Shard(i), steady.With("expected_response", "true").With("status", "200")
		s.Add(b.HTTPReqDuration, tags, ms)
		s.Add(b.HTTPReqs, tags, 1)
		s.Add(b.HTTPReqFailed, tags, 0)
		s.Add(b.Checks, steady.With("check", "status is 200"), float64(min(i, 1)))
		s.Add(b.Checks, steady.With("group", "::list").With("check", "has \"body\""), 1)
		s.Add(size, steady, 512)
		s.Add(drift, steady, float64(i-2))
		s.Add(b.DataReceived, steady, 1536)
	}
	agg.Shard(0).Add(b.HTTPReqs, steady.With("odd-key", "1").With("9", "\xff"), 1)
	agg.Shard(0).Add(b.HTTPReqs, steady.With("odd_key", "1").With("tag_9", "\xff"), 1)
	agg.Shard(0).Add(b.VUs, steady.With("scenario", ""), 5)
	agg.Shard(1).Add(b.VUs, steady.With("scenario", ""), 3)
	return agg
}

func labels() map[string]string {
	return map[string]string{"testid": "good-search-10-01", "team": "good", "instance_id": "1"}
}

// flushLast runs an output that is told to end at once, so it sends one flush.
func flushLast(t *testing.T, cfg output.RemoteWriteConfig, source func() *metric.Snapshot) error {
	t.Helper()
	w, err := output.NewRemoteWrite(cfg, source)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return w.Run(ctx)
}

func TestExposition(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	err := flushLast(t, output.RemoteWriteConfig{URL: r.url, Token: "tok", Labels: labels()}, measured(t).Snapshot)
	require.NoError(t, err)
	require.Equal(t, 1, r.count())

	var b strings.Builder
	for _, s := range r.requests[0].Timeseries {
		require.True(t, slices.IsSortedFunc(s.Labels, func(x, y prompb.Label) int { return strings.Compare(x.Name, y.Name) }), labelText(s))
		if value := valueText(t, s); !strings.HasPrefix(labelText(s), "k6_generator_throttled") { // only where control groups are
			fmt.Fprintf(&b, "%s %s\n", labelText(s), value)
		}
	}
	golden(t, "exposition.golden", b.String())

	h := r.headers[0]
	require.Equal(t, "Bearer tok", h.Get("Authorization"))
	require.Equal(t, "snappy", h.Get("Content-Encoding"))
	require.Equal(t, "application/x-protobuf", strings.Split(h.Get("Content-Type"), ";")[0])
	require.Equal(t, "0.1.0", h.Get("X-Prometheus-Remote-Write-Version"))
}

// valueText writes the one sample of a series. What the machine decides is
// replaced by a word.
func valueText(t *testing.T, s prompb.TimeSeries) string {
	t.Helper()
	if len(s.Histograms) == 1 {
		return histogramText(t, s.Histograms[0])
	}
	require.Len(t, s.Samples, 1)
	require.WithinDuration(t, time.Now(), time.UnixMilli(s.Samples[0].Timestamp), time.Minute)
	name := labelText(s)
	for _, measured := range []string{"k6_generator_cpu", "k6_generator_sched", "k6_generator_heap", "k6_generator_throttled"} {
		if strings.HasPrefix(name, measured) {
			require.GreaterOrEqual(t, s.Samples[0].Value, 0.0)
			return "MEASURED"
		}
	}
	return fmt.Sprint(s.Samples[0].Value)
}

func histogramText(t *testing.T, h prompb.Histogram) string {
	t.Helper()
	decoded := h.ToIntHistogram()
	require.NoError(t, decoded.Validate())
	require.Equal(t, int32(6), decoded.Schema)
	text := fmt.Sprintf("count=%d sum=%g zero=%d", decoded.Count, decoded.Sum, decoded.ZeroCount)
	for _, it := range []histogram.BucketIterator[uint64]{decoded.NegativeBucketIterator(), decoded.PositiveBucketIterator()} {
		for it.Next() {
			if b := it.At(); b.Count > 0 {
				text += fmt.Sprintf(" (%.4g,%.4g]=%d", b.Lower, b.Upper, b.Count)
			}
		}
	}
	return text
}

// Every sample must lie in the bucket that the receiver decodes for it.
func TestHistogramsDecodeToTheSamples(t *testing.T) {
	t.Parallel()
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	var samples []float64
	for i := range 400 {
		ms := float64(i*i) / 7
		samples = append(samples, ms/1000)
		agg.Shard(0).Add(reg.Builtin().HTTPReqDuration, metric.NewTags(nil), ms)
	}
	r := newReceiver(t)
	require.NoError(t, flushLast(t, output.RemoteWriteConfig{URL: r.url}, agg.Snapshot))
	h := r.newest()["k6_http_req_duration_seconds{}"].Histograms[0].ToIntHistogram()
	require.Equal(t, uint64(1), h.ZeroCount)
	it := h.PositiveBucketIterator()
	var total uint64
	for it.Next() {
		b := it.At()
		total += b.Count
		var want uint64
		for _, s := range samples {
			if s > b.Lower && s <= b.Upper {
				want++
			}
		}
		require.Equal(t, want, b.Count, "(%g,%g]", b.Lower, b.Upper)
		require.InDelta(t, 1.0109, b.Upper/b.Lower, 0.0001)
	}
	require.Equal(t, uint64(399), total)
}

func TestFlushesAreCumulativeAndComplete(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	add := func() { agg.Shard(0).Add(reg.Builtin().HTTPReqs, metric.NewTags(nil), 1) }
	add()
	w, err := output.NewRemoteWrite(output.RemoteWriteConfig{URL: r.url, Interval: 5 * time.Millisecond}, agg.Snapshot)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	require.Eventually(t, func() bool { return r.count() >= 3 }, 10*time.Second, time.Millisecond)
	require.Contains(t, r.newest(), "k6_http_reqs_total{}", "an idle series is sent too")
	require.NotContains(t, r.newest(), "k6_generator_finished{}")
	add()
	cancel()
	require.NoError(t, <-ended)

	require.Equal(t, 2.0, r.newest()["k6_http_reqs_total{}"].Samples[0].Value)
	require.Equal(t, 1.0, r.newest()["k6_generator_finished{}"].Samples[0].Value)
	require.NotContains(t, r.newest(), "k6_dropped_iterations_total{}")
	var before int64
	for _, req := range r.requests {
		at := req.Timeseries[0].Samples[0].Timestamp
		require.Greater(t, at, before)
		before = at
	}
}

func TestLostFlushesAreCountedAndRepaired(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.refuse = func(n int) int {
		if n <= 2 {
			return http.StatusBadRequest
		}
		return 0
	}
	var log bytes.Buffer
	w, err := output.NewRemoteWrite(output.RemoteWriteConfig{
		URL: r.url, Token: "s3cret", Interval: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil)),
	}, measured(t).Snapshot)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	require.Eventually(t, func() bool { return r.count() >= 1 }, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.Equal(t, uint64(2), w.Dropped())
	require.Equal(t, 2.0, r.newest()["k6_generator_dropped_writes_total{}"].Samples[0].Value)
	require.Contains(t, log.String(), "400 Bad Request")
	require.NotContains(t, log.String(), "s3cret")
}

func TestLastFlushIsRetried(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.refuse = func(n int) int {
		if n <= 2 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	require.NoError(t, flushLast(t, output.RemoteWriteConfig{URL: r.url}, measured(t).Snapshot))
	require.Equal(t, 1, r.count())
	require.Equal(t, 3, r.seen)
}

func TestLastFlushGivesUp(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		status int
		want   string
	}{
		{"refused for good", http.StatusForbidden, "403 Forbidden"},
		{"down", http.StatusBadGateway, "502 Bad Gateway"},
		{"sent elsewhere", http.StatusTemporaryRedirect, "307 Temporary Redirect"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t)
			r.refuse = func(int) int { return row.status }
			err := flushLast(t, output.RemoteWriteConfig{URL: r.url, Token: "s3cret", Last: 300 * time.Millisecond}, measured(t).Snapshot)
			require.ErrorContains(t, err, "send the last metrics")
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestManySeriesAreSplitAndTheMarkerIsLast(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	root := metric.NewTags(nil)
	for i := range 4500 {
		agg.Shard(0).Add(reg.Builtin().HTTPReqs, root.With("name", fmt.Sprint(i)), 1)
	}
	require.NoError(t, flushLast(t, output.RemoteWriteConfig{URL: r.url}, agg.Snapshot))
	require.Equal(t, 3, r.count())
	last := r.requests[2].Timeseries
	require.Equal(t, "k6_generator_finished{}", labelText(last[len(last)-1]))

	r.refuse = func(n int) int { return map[int]int{5: http.StatusBadRequest}[n] }
	err := flushLast(t, output.RemoteWriteConfig{URL: r.url}, agg.Snapshot)
	require.Error(t, err)
	require.Equal(t, 4, r.count(), "after a lost part nothing claims to be finished")
}

func TestRemoteWriteRefusesAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:9090", "/api/v1/write", "ftp://host/x", "http://", "http://a b/", "http://user:s3cret@ho\nst"} {
		_, err := output.NewRemoteWrite(output.RemoteWriteConfig{URL: address}, nil)
		require.ErrorContains(t, err, "must be a URL", address)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestLongLabelsAreCut(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	agg.Shard(0).Add(reg.Builtin().HTTPReqs, metric.NewTags(map[string]string{"name": strings.Repeat("я", 1000)}), 1)
	require.NoError(t, flushLast(t, output.RemoteWriteConfig{URL: r.url}, agg.Snapshot))
	require.Contains(t, r.newest(), `k6_http_reqs_total{name="`+strings.Repeat("я", 256)+`"}`)
}

func ExampleNewRemoteWrite() {
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, nil, 1)
	_, err := output.NewRemoteWrite(output.RemoteWriteConfig{URL: "localhost:9090"}, agg.Snapshot)
	fmt.Println(err)
	// Output: remote write: the address must be a URL like http://localhost:9090/api/v1/write
}
