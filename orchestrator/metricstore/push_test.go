package metricstore_test

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
)

// bearer adds a token to each request of the remote-write client.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// push writes series with the client that Prometheus itself offers.
func push(t testing.TB, writeURL, token string, series ...prompb.TimeSeries) error {
	t.Helper()
	return pushMessage(t, writeURL, token, remote.WriteV1MessageType, &prompb.WriteRequest{Timeseries: series})
}

func pushMessage(t testing.TB, writeURL, token string, kind remote.WriteMessageType, message any) error {
	t.Helper()
	client, err := remote.NewAPI(writeURL, remote.WithAPIPath(""), remote.WithAPILogger(slog.New(slog.DiscardHandler)),
		remote.WithAPIBackoff(remote.BackoffConfig{MaxRetries: 1}),
		remote.WithAPIHTTPClient(&http.Client{Transport: bearer{token, &http.Transport{DisableKeepAlives: true}}}))
	require.NoError(t, err)
	_, err = client.Write(context.WithoutCancel(t.Context()), kind, message)
	return err
}

func labelsOf(name, testid string, more ...string) []prompb.Label {
	ls := []prompb.Label{{Name: "__name__", Value: name}, {Name: "testid", Value: testid}}
	for pair := range slices.Chunk(more, 2) {
		ls = append(ls, prompb.Label{Name: pair[0], Value: pair[1]})
	}
	return ls
}

func counter(name, testid string, value float64, at time.Time, more ...string) prompb.TimeSeries {
	return prompb.TimeSeries{
		Labels:  labelsOf(name, testid, more...),
		Samples: []prompb.Sample{{Value: value, Timestamp: at.UnixMilli()}},
	}
}

// histogramSeries observes values in client_golang's native histogram, as the
// generators do.
func histogramSeries(name, testid string, values []float64, schema int32, at time.Time, more ...string) prompb.TimeSeries {
	return prompb.TimeSeries{
		Labels:     labelsOf(name, testid, more...),
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(at.UnixMilli(), observe(values, schema))},
	}
}

func observe(values []float64, schema int32) *histogram.Histogram {
	// A factor just above the schema's growth selects it.
	factor := math.Pow(2, math.Pow(2, -float64(schema))) * 1.00001
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", NativeHistogramBucketFactor: factor})
	for _, v := range values {
		h.Observe(v)
	}
	var m dto.Metric
	if err := h.Write(&m); err != nil {
		panic(err)
	}
	out := &histogram.Histogram{
		Schema: m.Histogram.GetSchema(), ZeroThreshold: m.Histogram.GetZeroThreshold(),
		ZeroCount: m.Histogram.GetZeroCount(), Count: m.Histogram.GetSampleCount(), Sum: m.Histogram.GetSampleSum(),
		PositiveBuckets: m.Histogram.GetPositiveDelta(),
	}
	for _, s := range m.Histogram.GetPositiveSpan() {
		out.PositiveSpans = append(out.PositiveSpans, histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()})
	}
	return out
}

// latencies are n values spread as latencies are: most short, a long tail.
func latencies(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		u := (float64((i*7919)%n) + 0.5) / float64(n) // in no order
		out[i] = 0.02 - 0.3*math.Log(1-u)
	}
	return out
}

// quantileOf is the exact quantile of values.
func quantileOf(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}
