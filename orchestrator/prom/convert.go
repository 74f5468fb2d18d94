package prom

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var errHollow = errors.New("a series of the answer has neither a value nor a histogram")

// samplesOf converts the result of an instant query at at.
func samplesOf(value model.Value, at time.Time) ([]contest.Sample, error) {
	switch v := value.(type) {
	case model.Vector:
		out := make([]contest.Sample, 0, len(v))
		for _, s := range v {
			// A series without a value is read as 0 at 1970, which must not pass
			// for a measured 0.
			if s == nil || (s.Timestamp == 0 && at.UnixMilli() != 0) {
				return nil, errors.Join(ErrBadAnswer, errHollow)
			}
			h, err := histogramOf(s.Histogram)
			if err != nil {
				return nil, err
			}
			out = append(out, contest.Sample{Labels: labelsOf(s.Metric), Value: float64(s.Value), Histogram: h})
		}
		return out, nil
	case *model.Scalar:
		return []contest.Sample{{Labels: map[string]string{}, Value: float64(v.Value)}}, nil
	case model.Matrix:
		return nil, errors.Join(ErrBadQuery, errors.New("the result is a matrix, want a vector or a scalar"))
	}
	return nil, errors.Join(ErrBadAnswer, fmt.Errorf("the result is %s, want a vector or a scalar", kind(value)))
}

func kind(value model.Value) string {
	if value == nil {
		return "nothing"
	}
	return "a " + value.Type().String()
}

func seriesOf(value model.Value) ([]contest.Series, error) {
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, errors.Join(ErrBadAnswer, fmt.Errorf("the result is %s, want a matrix", kind(value)))
	}
	out := make([]contest.Series, 0, len(matrix))
	for _, stream := range matrix {
		if stream == nil {
			return nil, errors.Join(ErrBadAnswer, errHollow)
		}
		s := contest.Series{Labels: labelsOf(stream.Metric)}
		for _, p := range stream.Values {
			s.Points = append(s.Points, contest.Point{At: timeOf(p.Timestamp), Value: float64(p.Value)})
		}
		for _, p := range stream.Histograms {
			h, err := histogramOf(p.Histogram)
			if err != nil {
				return nil, err
			}
			s.Points = append(s.Points, contest.Point{At: timeOf(p.Timestamp), Histogram: h})
		}
		slices.SortStableFunc(s.Points, func(a, b contest.Point) int { return a.At.Compare(b.At) })
		out = append(out, s)
	}
	return out, nil
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
func histogramOf(h *model.SampleHistogram) (*contest.Histogram, error) {
	if h == nil {
		return nil, nil
	}
	out := &contest.Histogram{Count: float64(h.Count), Sum: float64(h.Sum)}
	for _, b := range h.Buckets {
		if b == nil {
			return nil, errors.Join(ErrBadAnswer, errors.New("a histogram of the answer has an empty bucket"))
		}
		out.Buckets = append(out.Buckets, contest.Bucket{Low: float64(b.Lower), High: float64(b.Upper), Count: float64(b.Count)})
	}
	slices.SortStableFunc(out.Buckets, func(a, b contest.Bucket) int {
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
	return out, nil
}
