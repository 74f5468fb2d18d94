package evidence

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const millis = 1000 // in a second

// counts sums the counters by name, k6 scenario, and check or expected_response.
func (a *account) counts() []contest.Count {
	sums := map[contest.Count]float64{} // keyed by a count without its value
	for _, s := range a.counters {
		key := contest.Count{
			Name: metricOf(s), Scenario: s.Labels["scenario"],
			Label: cmp.Or(s.Labels["check"], s.Labels["expected_response"]),
		}
		sums[key] += s.Value
	}
	out := make([]contest.Count, 0, len(sums)+1)
	for key, value := range sums {
		key.Value = value
		out = append(out, key)
	}
	if a.peakRPS > 0 {
		out = append(out, contest.Count{Name: "peak_rps", Value: a.peakRPS})
	}
	slices.SortFunc(out, func(x, y contest.Count) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Scenario, y.Scenario), cmp.Compare(x.Label, y.Label))
	})
	return out
}

// metricOf is the name that the script knows a counter by.
func metricOf(s contest.Sample) string {
	return strings.TrimSuffix(strings.TrimPrefix(s.Labels["__name__"], "k6_"), "_total")
}

// thresholdCounts gives the exact account of each of the script's thresholds,
// in the script's order.
func (a *account) thresholdCounts() []contest.ThresholdCount {
	out := make([]contest.ThresholdCount, 0, len(a.subject.Script.Thresholds))
	for _, t := range a.subject.Script.Thresholds {
		count := contest.ThresholdCount{Threshold: t}
		exact := a.thresholds[t.String()]
		switch {
		case exact != nil: // knows tags that never become labels, too
			count.Within, count.Samples = exact.within, exact.samples
		case t.IsTrend() && a.subject.Launch.Inexact != "":
			continue // nobody counted: the judge decides by the distribution, where that can decide
		case t.IsTrend():
		case t.Method == "rate" || t.Method == "count":
			count.Within, count.Samples = a.counted(t)
		default:
			a.gap("threshold %s: %s cannot be had by counting over generators", t, t.Method)
		}
		if t.IsTrend() && count.Within > count.Samples {
			a.gap("threshold %s: %v samples within the bound of %v", t, count.Within, count.Samples)
		}
		out = append(out, count)
	}
	return out
}

// counted sums the series behind a rate (its true ones, and all) or a counter
// (its total, twice).
func (a *account) counted(t contest.Threshold) (within, samples float64) {
	for _, s := range a.counters {
		if !selects(t, s.Labels) {
			continue
		}
		switch metricOf(s) {
		case t.Metric, t.Metric + "_true":
			within += s.Value
			samples += s.Value
		case t.Metric + "_false":
			samples += s.Value
		}
	}
	return within, samples
}

func selects(t contest.Threshold, labels map[string]string) bool {
	for tag, value := range t.Tags {
		if labels[tag] != value {
			return false
		}
	}
	return true
}

// distribution turns the merged histogram into milliseconds.
func (a *account) distribution() *contest.Latency {
	if judgedPhase(a.subject.Script) == "" && len(a.subject.Script.Scenarios) > 0 {
		a.gap("the script has several k6 scenarios and none is called steady, so no latency was asked for")
	}
	h := a.histogram
	if h == nil || h.Count <= 0 {
		return nil
	}
	if !finite(h.Count) || !finite(h.Sum) {
		a.gap("the latency's histogram counts %v samples and sums to %v s", h.Count, h.Sum)
		return nil
	}
	buckets := make([]contest.Bucket, 0, len(h.Buckets))
	for _, b := range h.Buckets {
		// The bucket of zero reaches below it, and the last one has no end.
		buckets = append(buckets, contest.Bucket{
			Low: max(0, b.Low) * millis, High: min(b.High*millis, math.MaxFloat64), Count: b.Count,
		})
	}
	merged := contest.Histogram{Count: h.Count, Sum: h.Sum * millis, Buckets: buckets}
	l := &contest.Latency{
		Samples: h.Count, Mean: merged.Sum / h.Count, Buckets: buckets,
		P50: merged.Quantile(0.50), P95: merged.Quantile(0.95), P99: merged.Quantile(0.99),
	}
	if !finite(l.P50.Value) || !finite(l.P95.Value) || !finite(l.P99.Value) {
		a.gap("the latency's histogram counts %v samples, but its buckets hold fewer", h.Count)
		return nil
	}
	return l
}

// lookForLatency notes latencies that must exist, because requests were
// counted, but did not come: a store that drops native histograms, or a
// generator that does not count for thresholds. Zero would read as a failure of
// the team.
func (a *account) lookForLatency(e contest.Evidence) {
	phase := judgedPhase(e.Script)
	requests := e.Count("http_reqs", phase)
	if phase == "" || requests == 0 {
		return
	}
	if e.Latency == nil {
		a.gap("%v requests were counted in %s but no latency came: does the metric store keep native histograms?", requests, phase)
	}
	for _, c := range e.Thresholds {
		tags := c.Threshold.Tags
		about := c.Threshold.Metric == "http_req_duration" && (len(tags) == 0 || len(tags) == 1 && tags["scenario"] == phase)
		if about && c.Threshold.IsTrend() && c.Samples == 0 {
			a.gap("%v requests were counted in %s but no generator counted them for threshold %s", requests, phase, c.Threshold)
		}
	}
}
