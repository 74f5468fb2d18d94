package metric

import (
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Snapshot is everything counted since the start, at one moment. It is not
// shared with the aggregator and must not be changed.
type Snapshot struct {
	Time       time.Time
	Elapsed    time.Duration
	Series     []Series    // in order of metric name, then tags
	Submetrics []Submetric // in order of selector
	Overflowed uint64      // samples that were counted in an overflow series
	Refused    uint64      // samples that were not finite numbers
}

// Submetric is the part of a metric that thresholds select.
type Submetric struct {
	Selector   string // "http_req_duration{scenario:steady}", or a metric's name
	Tags       map[string]string
	Series     Series // Metric is nil while the metric does not exist
	Thresholds []ThresholdResult
}

// ThresholdResult says how one threshold stands.
type ThresholdResult struct {
	Threshold contest.Threshold
	Value     float64 // what the rule compares; for p(N) an estimate, while OK is exact
	// Within of Samples are on the good side of a trend's bound, exactly. For a
	// rate Within are the true samples, for a counter it is the total.
	Within  float64
	Samples float64
	OK      bool
	// NoSamples means that nothing was measured. OK is then as in k6 (a rate
	// always holds, anything else counts as 0), so whoever judges must look at
	// NoSamples first.
	NoSamples bool
}

// Merged returns all series of the metric called name as one, and whether there
// is any. Samples of every set of tags are in it.
func (s *Snapshot) Merged(name string) (Series, bool) {
	var out Series
	for i := range s.Series {
		if s.Series[i].Metric.Name == name {
			out.Metric = s.Series[i].Metric
			out.Merge(&s.Series[i])
		}
	}
	return out, out.Metric != nil
}

// Metrics returns the metrics that have samples, in order of name.
func (s *Snapshot) Metrics() []*Metric {
	var out []*Metric
	for i := range s.Series {
		out = append(out, s.Series[i].Metric)
	}
	return slices.Compact(out)
}

// Thresholds returns how every threshold stands, in order of selector.
func (s *Snapshot) Thresholds() []ThresholdResult {
	var out []ThresholdResult
	for _, sub := range s.Submetrics {
		out = append(out, sub.Thresholds...)
	}
	return out
}

// Check reports whether the threshold can be evaluated: its metric exists and
// has the method. The error says what is allowed.
func (r *Registry) Check(t contest.Threshold) error {
	m := r.Lookup(t.Metric)
	if m == nil {
		return fmt.Errorf("threshold %q: there is no metric %s", t, t.Metric)
	}
	allowed := map[Kind][]string{
		Counter: {"count", "rate"}, Gauge: {"value"}, Rate: {"rate"}, Trend: {"avg", "min", "max", "med"},
	}[m.Kind]
	if slices.Contains(allowed, t.Method) || m.Kind == Trend && t.IsTrend() {
		return nil
	}
	if m.Kind == Trend {
		allowed = append(allowed, "p(N)")
	}
	return fmt.Errorf("threshold %q: %s is a %s, which has only %v", t, m.Name, m.Kind, allowed)
}

// evaluate turns merged counts into submetrics with their thresholds decided.
func (a *Aggregator) evaluate(counts []subCount, elapsed time.Duration) []Submetric {
	out := make([]Submetric, len(a.subs))
	for i, sub := range a.subs {
		series := counts[i].series
		if series.Metric == nil {
			series.Metric = a.reg.Lookup(sub.metric)
		}
		out[i] = Submetric{Selector: sub.selector, Tags: sub.tags, Series: series}
		for j, t := range sub.thresholds {
			out[i].Thresholds = append(out[i].Thresholds, decide(t, &series, counts[i].within[j], elapsed))
		}
	}
	return out
}

// decide evaluates one threshold over the series that it selects.
func decide(t contest.Threshold, s *Series, within uint64, elapsed time.Duration) ThresholdResult {
	r := ThresholdResult{Threshold: t, Samples: float64(s.Count)}
	if s.Count == 0 {
		r.NoSamples = true
		r.OK = s.Metric == nil || s.Metric.Kind == Rate || t.Holds(0)
		return r
	}
	switch s.Metric.Kind {
	case Counter:
		r.Within, r.Value = s.Sum, s.Sum
		if t.Method == "rate" {
			r.Value = perSecond(s.Sum, elapsed)
		}
	case Gauge:
		r.Value = s.Last
	case Rate:
		r.Within, r.Value = float64(s.True), s.Value()
	case Trend:
		r.Within = float64(within)
		r.Value = trendStat(t, s)
		if t.IsTrend() && orderOp(t.Op) {
			r.OK = t.HoldsByCount(r.Within, r.Samples)
			return r
		}
	}
	r.OK = t.Holds(r.Value)
	return r
}

// orderOp reports whether a p(N) rule with op can be decided by counting.
// Equality with a percentile cannot: it is compared as k6 does.
func orderOp(op string) bool { return op == "<" || op == "<=" || op == ">" || op == ">=" }

func trendStat(t contest.Threshold, s *Series) float64 {
	switch t.Method {
	case "avg":
		return s.Value()
	case "min":
		return s.Min
	case "max":
		return s.Max
	}
	return s.Quantile(t.Percentile / 100)
}

func perSecond(total float64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return total / elapsed.Seconds()
}
