package evidence_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
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

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/prom"
)

// startStore runs a real store and a client of it.
func startStore(t testing.TB, dir string) (store *metricstore.Store, client *prom.Client, stop func()) {
	t.Helper()
	store, err := metricstore.Open(metricstore.Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	client, err = prom.New(prom.Config{URL: store.URL(), Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(t, err)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return store, client, stop
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// generator writes one load generator's series in the form that all of ours do.
type generator struct {
	testid   contest.TestID
	instance string
	push     func(...prompb.TimeSeries)
}

func newGenerator(t testing.TB, store *metricstore.Store, testid contest.TestID, instance string) *generator {
	t.Helper()
	token := "token of " + string(testid)
	require.NoError(t, store.Authorise(testid, token))
	client, err := remote.NewAPI(store.WriteURL(), remote.WithAPIPath(""), remote.WithAPILogger(slog.New(slog.DiscardHandler)),
		remote.WithAPIHTTPClient(&http.Client{Transport: bearer{token, &http.Transport{DisableKeepAlives: true}}}))
	require.NoError(t, err)
	return &generator{testid: testid, instance: instance, push: func(series ...prompb.TimeSeries) {
		_, err := client.Write(t.Context(), remote.WriteV1MessageType, &prompb.WriteRequest{Timeseries: series})
		require.NoError(t, err)
	}}
}

func (g *generator) series(name string, labels ...string) prompb.TimeSeries {
	all := map[string]string{
		"__name__": name, "testid": string(g.testid), "team": "good", "test_scenario": "search", "level": "10", "instance_id": g.instance,
	}
	for pair := range slices.Chunk(labels, 2) {
		all[pair[0]] = pair[1]
	}
	var ts prompb.TimeSeries
	for name, value := range all {
		ts.Labels = append(ts.Labels, prompb.Label{Name: name, Value: value})
	}
	return ts
}

func (g *generator) float(name string, value float64, at time.Time, labels ...string) prompb.TimeSeries {
	ts := g.series(name, labels...)
	ts.Samples = []prompb.Sample{{Value: value, Timestamp: at.UnixMilli()}}
	return ts
}

func (g *generator) histogram(name string, values []float64, at time.Time, labels ...string) prompb.TimeSeries {
	ts := g.series(name, labels...)
	ts.Histograms = []prompb.Histogram{prompb.FromIntHistogram(at.UnixMilli(), observe(values))}
	return ts
}

// observe puts values in client_golang's native histogram of schema 6.
func observe(values []float64) *histogram.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", NativeHistogramBucketFactor: 1.011})
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

// byTag is a rate over a tag that is no label, so that only the generator can
// count for it.
const byTag = "checks{url:http://127.0.0.1:1/api/events}: rate>0.95"

// load is what one generator saw in its steady phase, cumulative values as of
// the end.
type load struct {
	seconds []float64 // of each request
	failed  int
	checks  [2]int // failed, passed
}

func randomLoad(seed uint64, n int) load {
	random := rand.New(rand.NewPCG(seed, 1))
	l := load{failed: random.IntN(n / 4)}
	for range n {
		l.seconds = append(l.seconds, 0.05*math.Exp(random.NormFloat64()*1.5))
	}
	l.checks[1] = random.IntN(n)
	l.checks[0] = n - l.checks[1]
	return l
}

// write pushes the load as of two moments, the second with the final values.
func (g *generator) write(l load, from time.Time, threshold string) {
	half := len(l.seconds) / 2
	midway := []prompb.TimeSeries{
		g.float("k6_http_reqs_total", float64(half), from.Add(time.Second), "scenario", "steady", "expected_response", "true"),
		g.histogram("k6_http_req_duration_seconds", l.seconds[:half], from.Add(time.Second), "scenario", "steady"),
		g.float("k6_generator_cpu_ratio", 0.7, from.Add(time.Second)),
		g.float("k6_vus", 9, from.Add(time.Second)),
	}
	end := from.Add(6 * time.Second)
	n, within := float64(len(l.seconds)), 0.0
	for _, s := range l.seconds {
		if s*1000 < 2000 {
			within++
		}
	}
	g.push(append(midway,
		g.float("k6_http_reqs_total", 5, end, "scenario", "warmup", "expected_response", "true"),
		g.float("k6_http_reqs_total", n-float64(l.failed), end, "scenario", "steady", "expected_response", "true"),
		g.float("k6_http_reqs_total", float64(l.failed), end, "scenario", "steady", "expected_response", "false"),
		g.float("k6_http_req_failed_true_total", float64(l.failed), end, "scenario", "steady"),
		g.float("k6_http_req_failed_false_total", n-float64(l.failed), end, "scenario", "steady"),
		g.float("k6_http_req_failed_true_total", 5, end, "scenario", "warmup"),
		g.float("k6_checks_true_total", float64(l.checks[1]), end, "scenario", "steady", "check", `статус "200"`, "kind", "статус"),
		g.float("k6_checks_false_total", float64(l.checks[0]), end, "scenario", "steady", "check", `статус "200"`, "kind", "статус"),
		g.float("k6_checks_false_total", 50, end, "scenario", "steady", "check", "other", "kind", "body"),
		g.float("k6_iterations_total", n, end, "scenario", "steady"),
		g.float("k6_dropped_iterations_total", 1, end, "scenario", "steady"),
		g.float("k6_successful_bookings_total", 3, end, "scenario", "steady"),
		g.float("k6_threshold_within_total", within, end, "threshold", threshold),
		g.float("k6_threshold_samples_total", n, end, "threshold", threshold),
		g.float("k6_threshold_within_total", 7, end, "threshold", byTag),
		g.float("k6_threshold_samples_total", 9, end, "threshold", byTag),
		g.histogram("k6_http_req_duration_seconds", l.seconds, end, "scenario", "steady"),
		g.histogram("k6_http_req_duration_seconds", []float64{60, 60, 60}, end, "scenario", "warmup"),
		g.float("k6_generator_cpu_ratio", 0.2, end),
		g.float("k6_generator_sched_latency_seconds", 0.004, end),
		g.float("k6_generator_heap_bytes", 5e7, end),
		g.float("k6_generator_dropped_writes_total", 0, end),
		g.float("k6_vus", 2, end), g.float("k6_vus_max", 12, end),
		g.float("k6_generator_finished", 1, end),
	)...)
}

func teamID(i int) contest.TestID { return contest.TestID(fmt.Sprintf("team_%d-search-10-01JD", i)) }
