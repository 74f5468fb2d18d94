package prom

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func samplesOf(value model.Value) ([]contest.Sample, error) {
	switch v := value.(type) {
	case model.Vector:
		out := make([]contest.Sample, 0, len(v))
		for _, s := range v {
			out = append(out, contest.Sample{
				Labels: labelsOf(s.Metric), Value: float64(s.Value), Histogram: histogramOf(s.Histogram),
			})
		}
		return out, nil
	case *model.Scalar:
		return []contest.Sample{{Labels: map[string]string{}, Value: float64(v.Value)}}, nil
	}
	return nil, fmt.Errorf("the result is a %s, want a vector or a scalar", kind(value))
}

func kind(value model.Value) string {
	if value == nil {
		return "nothing"
	}
	return value.Type().String()
}

func seriesOf(matrix model.Matrix) []Series {
	out := make([]Series, 0, len(matrix))
	for _, stream := range matrix {
		s := Series{Labels: labelsOf(stream.Metric)}
		for _, p := range stream.Values {
			s.Points = append(s.Points, Point{At: timeOf(p.Timestamp), Value: float64(p.Value)})
		}
		for _, p := range stream.Histograms {
			s.Points = append(s.Points, Point{At: timeOf(p.Timestamp), Histogram: histogramOf(p.Histogram)})
		}
		slices.SortStableFunc(s.Points, func(a, b Point) int { return a.At.Compare(b.At) })
		out = append(out, s)
	}
	return out
}

func timeOf(t model.Time) time.Time { return t.Time().UTC() }

func labelsOf(metric model.Metric) map[string]string {
	out := make(map[string]string, len(metric))
	for name, value := range metric {
		out[string(name)] = string(value)
	}
	return out
}

// histogramOf copies a histogram and puts its buckets in order: Prometheus
// gives them so, other stores of the same API need not.
func histogramOf(h *model.SampleHistogram) *contest.Histogram {
	if h == nil {
		return nil
	}
	out := &contest.Histogram{Count: float64(h.Count), Sum: float64(h.Sum)}
	for _, b := range h.Buckets {
		out.Buckets = append(out.Buckets, contest.Bucket{Low: float64(b.Lower), High: float64(b.Upper), Count: float64(b.Count)})
	}
	slices.SortStableFunc(out.Buckets, func(a, b contest.Bucket) int {
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
	return out
}
