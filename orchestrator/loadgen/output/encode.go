package output

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/prompb"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// maxLabelValue bounds a label's value, in bytes.
const maxLabelValue = 512

// account is everything that one flush says.
type account struct {
	snapshot *metric.Snapshot
	health   healthReading
	dropped  uint64
	finished bool
	at       int64 // milliseconds since 1970
}

// encoder collects the series of one flush, all at one timestamp.
type encoder struct {
	fixed  map[string]string // labels on every series
	at     int64
	series []prompb.TimeSeries
}

// encode writes an account as series: the metrics, the thresholds' counts, and
// at the very end the generator's health.
func encode(a account, fixed map[string]string) []prompb.TimeSeries {
	e := &encoder{fixed: fixed, at: a.at}
	for _, s := range e.distinct(a.snapshot.Series) {
		e.metric(s)
	}
	told := map[string]bool{} // a script may state a rule twice
	for _, r := range a.snapshot.Thresholds() {
		if name := r.Threshold.String(); !told[name] {
			told[name] = true
			e.threshold(r)
		}
	}
	e.health(a)
	return e.series
}

// labelled is a series with the labels it is sent under.
type labelled struct {
	metric.Series
	labels []prompb.Label
}

// distinct gives each series its labels, and merges series whose tags differ
// only in what labels cannot say. Prometheus would refuse the second of two.
func (e *encoder) distinct(all []metric.Series) []*labelled {
	var out []*labelled
	at := map[string]*labelled{}
	for i := range all {
		labels := e.labels(all[i].Tags.All)
		key := all[i].Metric.Name + "\xff" + labelKey(labels)
		if same := at[key]; same != nil {
			same.Merge(&all[i])
			continue
		}
		next := &labelled{Series: metric.Series{Metric: all[i].Metric}, labels: labels}
		next.Merge(&all[i])
		at[key] = next
		out = append(out, next)
	}
	return out
}

func labelKey(labels []prompb.Label) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(l.Name + "\xff" + l.Value + "\xff")
	}
	return b.String()
}

// metric writes a series under k6's names.
func (e *encoder) metric(s *labelled) {
	name := "k6_" + s.Metric.Name
	switch s.Metric.Kind {
	case metric.Counter:
		e.value(name+"_total", s.labels, s.Sum)
	case metric.Gauge:
		e.value(name, s.labels, s.Last)
	case metric.Rate:
		e.value(name+"_rate", s.labels, s.Value())
		e.value(name+"_true_total", s.labels, float64(s.True))
		e.value(name+"_false_total", s.labels, float64(s.False()))
	case metric.Trend:
		h := histogram(&s.Series)
		h.Timestamp = e.at
		e.series = append(e.series, prompb.TimeSeries{
			Labels: named(name+unit(s.Metric.Contains), s.labels), Histograms: []prompb.Histogram{h},
		})
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
	labels := e.labels(maps.All(map[string]string{"threshold": r.Threshold.String()}))
	e.value("k6_threshold_within_total", labels, r.Within)
	e.value("k6_threshold_samples_total", labels, r.Samples)
}

func (e *encoder) health(a account) {
	none := e.labels(maps.All(map[string]string(nil)))
	e.value("k6_generator_cpu_ratio", none, a.health.CPU)
	e.value("k6_generator_sched_latency_seconds", none, a.health.SchedLatency)
	e.value("k6_generator_heap_bytes", none, a.health.Heap)
	e.value("k6_generator_dropped_writes_total", none, float64(a.dropped))
	if a.health.HasThrottling {
		e.value("k6_generator_throttled_seconds_total", none, a.health.Throttled)
	}
	if a.finished {
		e.value("k6_generator_finished", none, 1)
	}
}

func (e *encoder) value(name string, labels []prompb.Label, v float64) {
	e.series = append(e.series, prompb.TimeSeries{
		Labels: named(name, labels), Samples: []prompb.Sample{{Value: v, Timestamp: e.at}},
	})
}

// labels turns tags into labels, without the metric's name. The fixed labels
// win: a script must not write under the name of another launch.
func (e *encoder) labels(tags func(yield func(k, v string) bool)) []prompb.Label {
	all := map[string]string{}
	for k, v := range tags {
		all[labelName(k)] = labelValue(v)
	}
	for k, v := range e.fixed {
		all[labelName(k)] = labelValue(v)
	}
	out := make([]prompb.Label, 0, len(all))
	for k, v := range all {
		if v != "" {
			out = append(out, prompb.Label{Name: k, Value: v})
		}
	}
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b prompb.Label) int { return cmp.Compare(a.Name, b.Name) }

// named returns the labels with the metric's name, in order.
func named(name string, labels []prompb.Label) []prompb.Label {
	out := append(make([]prompb.Label, 0, len(labels)+1), labels...)
	out = append(out, prompb.Label{Name: "__name__", Value: name})
	slices.SortFunc(out, byName)
	return out
}

// labelName makes any tag's key a label name that Prometheus accepts.
func labelName(key string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, key)
	if name == "" || name[0] >= '0' && name[0] <= '9' || strings.HasPrefix(name, "__") {
		return "tag_" + name
	}
	return cut(name, maxLabelValue)
}

func labelValue(v string) string { return cut(strings.ToValidUTF8(v, "\uFFFD"), maxLabelValue) }

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// histogram writes a trend as a native histogram in the base unit.
func histogram(s *metric.Series) prompb.Histogram {
	h := prompb.Histogram{
		Count:         &prompb.Histogram_CountInt{CountInt: s.Count},
		Sum:           s.Metric.Contains.Wire(s.Sum),
		Schema:        metric.Schema,
		ZeroThreshold: metric.ZeroThreshold,
		ZeroCount:     &prompb.Histogram_ZeroCountInt{ZeroCountInt: s.Histogram.Zero},
	}
	h.PositiveSpans, h.PositiveDeltas = spans(&s.Histogram.Positive)
	h.NegativeSpans, h.NegativeDeltas = spans(&s.Histogram.Negative)
	return h
}

// spans writes sparse counts as the protocol has them: runs of adjacent buckets,
// the first at its index and each later one at its distance from the run before,
// and each count as the difference to the one before.
func spans(buckets *metric.Buckets) (runs []prompb.BucketSpan, deltas []int64) {
	var next int
	var before int64
	for k, n := range buckets.All {
		if len(runs) == 0 || k != next {
			runs = append(runs, prompb.BucketSpan{Offset: int32(k - next)})
		}
		runs[len(runs)-1].Length++
		deltas = append(deltas, int64(n)-before)
		next, before = k+1, int64(n)
	}
	return runs, deltas
}
