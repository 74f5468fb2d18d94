package output

import (
	"maps"
	"slices"

	"github.com/prometheus/prometheus/prompb"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// account is everything that one flush says.
type account struct {
	snapshot *metric.Snapshot
	health   healthReading
	dropped  uint64
	finished bool
	at       int64 // milliseconds since 1970
}

// encoder writes accounts as series, each account at one timestamp. A test with
// many series is flushed hundreds of times, so an encoder makes the labels once,
// and all requests in the same memory.
type encoder struct {
	book *labelBook
	at   int64
	send func(*prompb.WriteRequest) error
	err  error // of send; nothing is sent after it

	seen     map[seriesKey]int // places in distinct
	distinct []labelled

	// The request that is being made.
	series  []prompb.TimeSeries
	samples []prompb.Sample
	trends  []prompb.Histogram
	spans   []prompb.BucketSpan
	deltas  []int64
}

// labelled is a series with the labels that it is sent under.
type labelled struct {
	*metric.Series
	labels *labelSet
}

type seriesKey struct {
	metric *metric.Metric
	labels *labelSet
}

func newEncoder(fixed map[string]string) *encoder {
	return &encoder{book: newLabelBook(fixed), seen: map[seriesKey]int{}}
}

// encode writes an account as series: the metrics, the thresholds' counts, and
// at the very end the generator's health. It has send called with requests of at
// most maxPerRequest of them, which are good until send returns, and stops when
// send fails.
func (e *encoder) encode(a account, send func(*prompb.WriteRequest) error) error {
	e.at, e.send, e.err = a.at, send, nil
	e.gather(a.snapshot.Series)
	for _, s := range e.distinct {
		e.metric(s)
	}
	clear(e.distinct)         // the snapshot is to be garbage until the next one
	told := map[string]bool{} // a script may state a rule twice
	for _, r := range a.snapshot.Thresholds() {
		if name := r.Threshold.String(); !told[name] {
			told[name] = true
			e.threshold(r)
		}
	}
	e.health(a)
	e.flush()
	return e.err
}

// flush sends the series that were written since the last time.
func (e *encoder) flush() {
	if e.err == nil {
		e.err = e.send(&prompb.WriteRequest{Timeseries: e.series})
	}
	e.series, e.samples, e.trends = e.series[:0], e.samples[:0], e.trends[:0]
	e.spans, e.deltas = e.spans[:0], e.deltas[:0]
}

// room makes room for one more series.
func (e *encoder) room() {
	if len(e.series) == maxPerRequest {
		e.flush()
	}
}

// gather gives each series its labels, and merges series that have the same.
// Prometheus would refuse the second of two.
func (e *encoder) gather(all []metric.Series) {
	e.distinct = e.distinct[:0]
	clear(e.seen)
	for i := range all {
		next := labelled{&all[i], e.book.of(all[i].Tags)}
		key := seriesKey{next.Metric, next.labels}
		if at, ok := e.seen[key]; ok {
			both := &metric.Series{Metric: next.Metric}
			both.Merge(e.distinct[at].Series)
			both.Merge(next.Series)
			e.distinct[at].Series = both
			continue
		}
		e.seen[key] = len(e.distinct)
		e.distinct = append(e.distinct, next)
	}
}

// metric writes a series under k6's names.
func (e *encoder) metric(s labelled) {
	name := s.Metric.Name
	switch s.Metric.Kind {
	case metric.Counter:
		e.value(metricName{name, "_total"}, s.labels, s.Sum)
	case metric.Gauge:
		e.value(metricName{name, ""}, s.labels, s.Last)
	case metric.Rate:
		e.value(metricName{name, "_rate"}, s.labels, s.Value())
		e.value(metricName{name, "_true_total"}, s.labels, float64(s.True))
		e.value(metricName{name, "_false_total"}, s.labels, float64(s.False()))
	case metric.Trend:
		e.trend(s)
	}
}

func unit(c metric.Contains) string {
	switch c {
	case metric.Time:
		return "_seconds"
	case metric.Data:
		return "_bytes"
	}
	return ""
}

// threshold writes the exact counts of a rule that sums over generators can
// decide. They are there from the start, as zero, so that "no samples" can be
// told from "no generator".
func (e *encoder) threshold(r metric.ThresholdResult) {
	if !r.Threshold.IsTrend() && r.Threshold.Method != "rate" && r.Threshold.Method != "count" {
		return
	}
	labels := e.book.from(maps.All(map[string]string{"threshold": r.Threshold.String()}))
	e.value(metricName{"threshold", "_within_total"}, labels, r.Within)
	e.value(metricName{"threshold", "_samples_total"}, labels, r.Samples)
}

func (e *encoder) health(a account) {
	none := e.book.from(maps.All(map[string]string(nil)))
	e.value(metricName{"generator", "_cpu_ratio"}, none, a.health.CPU)
	e.value(metricName{"generator", "_sched_latency_seconds"}, none, a.health.SchedLatency)
	e.value(metricName{"generator", "_heap_bytes"}, none, a.health.Heap)
	e.value(metricName{"generator", "_dropped_writes_total"}, none, float64(a.dropped))
	if a.health.HasThrottling {
		e.value(metricName{"generator", "_throttled_seconds_total"}, none, a.health.Throttled)
	}
	if a.finished {
		e.value(metricName{"generator", "_finished"}, none, 1)
	}
}

func (e *encoder) value(name metricName, labels *labelSet, v float64) {
	e.room()
	e.samples = append(e.samples, prompb.Sample{Value: v, Timestamp: e.at})
	e.series = append(e.series, prompb.TimeSeries{Labels: labels.with(name), Samples: newest(e.samples)})
}

// trend writes a trend as a native histogram in the base unit.
func (e *encoder) trend(s labelled) {
	e.room()
	h := prompb.Histogram{
		Count:         &prompb.Histogram_CountInt{CountInt: s.Count},
		Sum:           s.Metric.Contains.Wire(s.Sum),
		Schema:        metric.Schema,
		ZeroThreshold: metric.ZeroThreshold,
		ZeroCount:     &prompb.Histogram_ZeroCountInt{ZeroCountInt: s.Histogram.Zero},
		Timestamp:     e.at,
	}
	h.PositiveSpans, h.PositiveDeltas = e.buckets(&s.Histogram.Positive)
	h.NegativeSpans, h.NegativeDeltas = e.buckets(&s.Histogram.Negative)
	e.trends = append(e.trends, h)
	name := metricName{s.Metric.Name, unit(s.Metric.Contains)}
	e.series = append(e.series, prompb.TimeSeries{Labels: s.labels.with(name), Histograms: newest(e.trends)})
}

// newest is the last of a list, as a list that cannot grow into what follows.
func newest[T any](list []T) []T { return list[len(list)-1 : len(list) : len(list)] }

// buckets writes sparse counts as the protocol has them: runs of adjacent
// buckets, the first at its index and each later one at its distance from the
// run before, and each count as the difference to the one before.
func (e *encoder) buckets(b *metric.Buckets) ([]prompb.BucketSpan, []int64) {
	run, delta := len(e.spans), len(e.deltas)
	var next int
	var before int64
	for k, n := range b.All {
		if len(e.spans) == run || k != next {
			e.spans = append(e.spans, prompb.BucketSpan{Offset: int32(k - next)})
		}
		e.spans[len(e.spans)-1].Length++
		e.deltas = append(e.deltas, int64(n)-before)
		next, before = k+1, int64(n)
	}
	return slices.Clip(e.spans[run:]), slices.Clip(e.deltas[delta:])
}
