package metricstore

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

const (
	nameLabel     = "__name__"
	maxLabels     = 64
	maxLabelBytes = 4 << 10
)

// series is one time series of a body, whichever version of the protocol it
// came in.
type series struct {
	labels labels.Labels
	points []point
}

// point is a float sample, or a native histogram of integers or floats.
type point struct {
	at     int64 // Unix milliseconds
	value  float64
	ints   *histogram.Histogram
	floats *histogram.FloatHistogram
}

func decode(kind remote.WriteMessageType, body []byte) ([]series, error) {
	if kind == remote.WriteV2MessageType {
		return decodeV2(body)
	}
	var request prompb.WriteRequest
	if err := request.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("decode remote write 1.0: %w", err)
	}
	builder := labels.NewScratchBuilder(16)
	batch := make([]series, 0, len(request.Timeseries))
	for _, ts := range request.Timeseries {
		s := series{labels: ts.ToLabels(&builder, nil)}
		for _, sample := range ts.Samples {
			s.points = append(s.points, point{at: sample.Timestamp, value: sample.Value})
		}
		for _, h := range ts.Histograms {
			s.points = append(s.points, histogramPoint(h, h.Timestamp))
		}
		batch = append(batch, s)
	}
	return batch, nil
}

func decodeV2(body []byte) ([]series, error) {
	var request writev2.Request
	if err := request.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("decode remote write 2.0: %w", err)
	}
	builder := labels.NewScratchBuilder(16)
	batch := make([]series, 0, len(request.Timeseries))
	for _, ts := range request.Timeseries {
		ls, err := ts.ToLabels(&builder, request.Symbols)
		if err != nil {
			return nil, fmt.Errorf("decode labels: %w", err)
		}
		s := series{labels: ls}
		for _, sample := range ts.Samples {
			s.points = append(s.points, point{at: sample.Timestamp, value: sample.Value})
		}
		for _, h := range ts.Histograms {
			s.points = append(s.points, histogramPoint(h, h.Timestamp))
		}
		batch = append(batch, s)
	}
	return batch, nil
}

func histogramPoint(h interface {
	IsFloatHistogram() bool
	ToIntHistogram() *histogram.Histogram
	ToFloatHistogram() *histogram.FloatHistogram
}, at int64) point {
	if h.IsFloatHistogram() {
		return point{at: at, floats: h.ToFloatHistogram()}
	}
	return point{at: at, ints: h.ToIntHistogram()}
}

// check refuses what would make the store grow without bound or what it could
// not answer later.
func (s series) check() error {
	name := s.labels.Get(nameLabel)
	if name == "" {
		return errors.New("a series has no __name__")
	}
	if !s.labels.IsValid(model.UTF8Validation) {
		return fmt.Errorf("the series %s has a label that is no valid UTF-8", short(name))
	}
	if label, twice := s.labels.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("the series %s has the label %q twice", short(name), short(label))
	}
	if s.labels.Len() > maxLabels {
		return fmt.Errorf("the series %s has %d labels, at most %d are taken", short(name), s.labels.Len(), maxLabels)
	}
	err := s.labels.Validate(func(l labels.Label) error {
		if len(l.Name)+len(l.Value) > maxLabelBytes {
			return fmt.Errorf("the series %s has a label of over %d bytes", short(name), maxLabelBytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range s.points {
		if schema, ok := p.schema(); ok && !histogram.IsExponentialSchema(schema) {
			return fmt.Errorf("the series %s has a histogram of schema %d, only -4 to 8 are taken", short(name), schema)
		}
	}
	return nil
}

func (p point) schema() (int32, bool) {
	switch {
	case p.ints != nil:
		return p.ints.Schema, true
	case p.floats != nil:
		return p.floats.Schema, true
	}
	return 0, false
}

// short cuts a name that somebody else chose to what fits in a sentence.
func short(name string) string {
	const most = 100
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}
