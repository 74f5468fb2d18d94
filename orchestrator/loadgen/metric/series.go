package metric

import (
	"math"
	"slices"
)

// fewSamples is how many samples of a trend a series keeps one by one. Up to as
// many, percentiles are exact, as those of a short test by hand should be.
const fewSamples = 100

// Series is what is known of one metric under one set of tags, or of several
// such series merged. Values are in the unit of scripts (milliseconds for Time).
type Series struct {
	Metric *Metric
	Tags   *TagSet // nil for merged series

	Count     uint64  // samples
	Sum       float64 // of all samples: the total of a counter
	Last      float64 // newest sample: the value of a gauge
	Min, Max  float64 // of all samples; zero when Count is
	True      uint64  // samples of a rate that are not zero
	Histogram *Histogram

	// few holds all samples of a trend, or fewer than Count when there are too many.
	few []float64

	First int // rank by first sample among all series; zero for merged ones

	order uint64 // of the newest sample of a gauge
}

// Value returns what the metric stands at: the total of a counter, the newest
// value of a gauge, the share of true samples of a rate (0 to 1), the mean of a
// trend. It is 0 without samples.
func (s *Series) Value() float64 {
	switch {
	case s.Count == 0:
		return 0
	case s.Metric.Kind == Gauge:
		return s.Last
	case s.Metric.Kind == Rate:
		return float64(s.True) / float64(s.Count)
	case s.Metric.Kind == Trend:
		return s.Sum / float64(s.Count)
	}
	return s.Sum
}

// False returns the number of a rate's samples that are zero.
func (s *Series) False() uint64 { return s.Count - s.True }

// Quantile returns the q-quantile (0 to 1) of a trend. Of up to 100 samples in
// each shard it is k6's, interpolated between the two samples around it; of more
// it is an estimate, to within the bucket that holds it (1.1 %), and never beyond
// what was seen. It is 0 without samples.
func (s *Series) Quantile(q float64) float64 {
	switch {
	case s.Count == 0 || s.Histogram == nil:
		return 0
	case q <= 0:
		return s.Min
	case q >= 1:
		return s.Max
	case s.complete():
		return interpolate(slices.Sorted(slices.Values(s.few)), q)
	}
	v := s.Metric.Contains.Script(s.Histogram.Ascending().Quantile(q).Value)
	if math.Abs(v) <= s.Metric.Contains.Script(ZeroThreshold) {
		v = 0
	}
	return min(max(v, s.Min), s.Max)
}

// complete reports whether few holds every sample.
func (s *Series) complete() bool { return uint64(len(s.few)) == s.Count }

// interpolate returns the q-quantile of sorted values.
func interpolate(sorted []float64, q float64) float64 {
	place := q * float64(len(sorted)-1)
	low, high := sorted[int(math.Floor(place))], sorted[int(math.Ceil(place))]
	return low + (high-low)*(place-math.Floor(place))
}

// Merge adds what other knows of the same metric.
func (s *Series) Merge(other *Series) {
	if other.Count == 0 {
		return
	}
	if s.Count == 0 {
		s.Min, s.Max = other.Min, other.Max
	}
	s.Min, s.Max = min(s.Min, other.Min), max(s.Max, other.Max)
	if s.complete() && other.complete() {
		s.few = append(s.few, other.few...)
	} else {
		s.few = nil
	}
	s.Count += other.Count
	s.Sum += other.Sum
	s.True += other.True
	if other.order >= s.order {
		s.Last, s.order = other.Last, other.order
	}
	if other.Histogram != nil {
		if s.Histogram == nil {
			s.Histogram = &Histogram{}
		}
		s.Histogram.Merge(other.Histogram)
	}
}

// add counts one finite sample; order is that of a gauge's sample.
func (s *Series) add(v float64, order uint64) {
	if s.Count == 0 || v < s.Min {
		s.Min = v
	}
	if s.Count == 0 || v > s.Max {
		s.Max = v
	}
	s.Count++
	s.Sum += v
	switch s.Metric.Kind {
	case Gauge:
		s.Last, s.order = v, order
	case Rate:
		if v != 0 {
			s.True++
		}
	case Trend:
		if s.Histogram == nil {
			s.Histogram = &Histogram{}
		}
		s.Histogram.Observe(s.Metric.Contains.Wire(v))
		if s.Count <= fewSamples {
			s.few = append(s.few, v)
		} else {
			s.few = nil
		}
	}
}
