package hackload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/extension"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

var _ output.WithStopWithTestError = (*Output)(nil)

// Output counts samples and sends the account by remote write. k6 calls its
// methods from one goroutine at a time.
type Output struct {
	settings    extension.Settings
	publication *extension.Publication // nil: nothing is to be published
	session     *extension.Session
	tags        map[*metrics.TagSet]*metric.TagSet
	log         logrus.FieldLogger
}

func newOutput(p output.Params, keyFile string) (*Output, error) {
	getenv := func(name string) string {
		if name == keyFileVariable {
			return keyFile
		}
		return p.Environment[name]
	}
	s, err := extension.ReadSettings(p.JSONConfig, getenv)
	if err != nil {
		return nil, err
	}
	if s.URL == "" {
		s.URL = "http://localhost:9090/api/v1/write"
	}
	all := map[string][]string{}
	for selector, thresholds := range p.ScriptOptions.Thresholds {
		for _, t := range thresholds.Thresholds {
			all[selector] = append(all[selector], t.Source)
		}
	}
	var unknown []string
	s.Thresholds, unknown = extension.Thresholds(all)
	for _, t := range unknown {
		p.Logger.Warnf("threshold %s cannot be counted over several generators", t)
	}
	s.Labels, s.Log = p.ScriptOptions.RunTags, slog.New(&handler{p.Logger})
	segment := p.ScriptOptions.ExecutionSegment
	publication, err := extension.NewPublication(getenv, segment == nil || segment.FloatLength() == 1)
	if errors.Is(err, extension.ErrPart) {
		p.Logger.Warn(err)
	} else if err != nil {
		return nil, err
	}
	return &Output{settings: s, publication: publication, tags: map[*metrics.TagSet]*metric.TagSet{}, log: p.Logger}, nil
}

// Description says where samples go.
func (o *Output) Description() string { return "hackload (" + o.settings.URL + ")" }

// Start begins to flush.
func (o *Output) Start() (err error) {
	o.session, err = extension.Open(o.settings)
	return err
}

// AddMetricSamples counts samples. It keeps none of them.
func (o *Output) AddMetricSamples(containers []metrics.SampleContainer) {
	for _, c := range containers {
		for _, s := range c.GetSamples() {
			o.session.Add(extension.Sample{
				Metric: s.Metric.Name, Kind: kind(s.Metric.Type), Contains: contains(s.Metric.Contains), Tags: o.tagSet(s.Tags), Value: s.Value,
			})
		}
	}
}

// mostTags bounds the sets of tags that are remembered. k6 gives equal sets the
// same pointer.
const mostTags = 1 << 16

func (o *Output) tagSet(tags *metrics.TagSet) *metric.TagSet {
	set := o.tags[tags]
	if set == nil {
		set = o.session.Tags(tags.Map())
		if len(o.tags) < mostTags {
			o.tags[tags] = set
		}
	}
	return set
}

func kind(t metrics.MetricType) metric.Kind {
	switch t {
	case metrics.Gauge:
		return metric.Gauge
	case metrics.Rate:
		return metric.Rate
	case metrics.Trend:
		return metric.Trend
	}
	return metric.Counter
}

func contains(v metrics.ValueType) metric.Contains {
	switch v {
	case metrics.Time:
		return metric.Time
	case metrics.Data:
		return metric.Data
	}
	return metric.Default
}

// Stop sends the last account.
func (o *Output) Stop() error { return o.StopWithTestError(nil) }

// StopWithTestError sends the last account and, where that was asked for and the
// test came to its end, writes the verdict to the Hub.
func (o *Output) StopWithTestError(testErr error) error {
	outcome, err := o.session.Close()
	if err != nil {
		return fmt.Errorf("the final account was not delivered: %w", err)
	}
	if o.publication == nil {
		return nil
	}
	if testErr != nil {
		o.log.Warn("the test did not come to its end, so no verdict is published")
		return nil
	}
	update := o.publication.Judge(outcome)
	if err := o.publication.Publish(context.Background(), update); err != nil {
		return err
	}
	o.log.Infof("published: %s of %s is %s", update.CriteriaType, update.TeamSlug, update.Status)
	return nil
}

// handler hands what our packages log to k6's log.
type handler struct{ to logrus.FieldLogger }

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	fields := logrus.Fields{}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value.String()
		return true
	})
	if r.Level >= slog.LevelWarn {
		h.to.WithFields(fields).Warn(r.Message)
	} else {
		h.to.WithFields(fields).Info(r.Message)
	}
	return nil
}

func (h *handler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *handler) WithGroup(string) slog.Handler { return h }
