package output

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// SampleFile writes every single sample to a file, in one of k6's formats. It is
// for people and their tools: an aggregation costs far less. Add may be called
// from any goroutine and waits for the disk when the disk is slower than the
// test, so no sample is ever left out. The first error ends the writing and
// comes back from Close.
type SampleFile struct {
	encode func(w io.Writer, m *metric.Metric, t *metric.TagSet, v float64) error

	mu      sync.Mutex
	buffer  *bufio.Writer
	closers []io.Closer // the innermost first
	err     error
}

// openSamples creates the file, compressed when its name ends in ".gz". An empty
// path or "-" is stdout, which stays open.
func openSamples(path string, stdout io.Writer) (*SampleFile, error) {
	s := &SampleFile{}
	var w io.Writer = stdout
	if path != "" && path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return nil, fmt.Errorf("create file of samples: %w", err)
		}
		w, s.closers = f, []io.Closer{f}
		if strings.HasSuffix(path, ".gz") {
			z := gzip.NewWriter(f)
			w, s.closers = z, []io.Closer{z, f}
		}
	}
	s.buffer = bufio.NewWriterSize(w, 64<<10)
	return s, nil
}

// Add writes one sample, with the present time.
func (s *SampleFile) Add(m *metric.Metric, t *metric.TagSet, v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.encode(s.buffer, m, t, v)
	}
}

// Close writes what is buffered, closes the file, and returns the first error of
// all that went before.
func (s *SampleFile) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.buffer.Flush()
	}
	errs := []error{s.err}
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return nil
}

// NewJSONFile writes samples as k6's --out json does: a line that declares each
// metric before its first sample, and a line for each sample.
func NewJSONFile(path string, stdout io.Writer, thresholds []contest.Threshold) (*SampleFile, error) {
	s, err := openSamples(path, stdout)
	if err != nil {
		return nil, err
	}
	known := map[*metric.Metric]bool{}
	s.encode = func(w io.Writer, m *metric.Metric, t *metric.TagSet, v float64) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		if !known[m] {
			known[m] = true
			if err := e.Encode(declared(m, thresholds)); err != nil {
				return err
			}
		}
		return e.Encode(jsonSample{m.Name, "Point", jsonPoint{time.Now(), v, t.Map()}})
	}
	return s, nil
}

type (
	jsonSample struct {
		Metric string    `json:"metric"`
		Type   string    `json:"type"`
		Data   jsonPoint `json:"data"`
	}
	jsonPoint struct {
		Time  time.Time         `json:"time"`
		Value float64           `json:"value"`
		Tags  map[string]string `json:"tags"`
	}
	jsonMetric struct {
		Type   string        `json:"type"`
		Data   jsonDescribed `json:"data"`
		Metric string        `json:"metric"`
	}
	jsonDescribed struct {
		Name       string          `json:"name"`
		Type       string          `json:"type"`
		Contains   string          `json:"contains"`
		Thresholds []string        `json:"thresholds"`
		Submetrics []jsonSubmetric `json:"submetrics"`
	}
	jsonSubmetric struct {
		Name   string            `json:"name"`
		Suffix string            `json:"suffix"`
		Tags   map[string]string `json:"tags"`
	}
)

func declared(m *metric.Metric, thresholds []contest.Threshold) jsonMetric {
	d := jsonDescribed{Name: m.Name, Type: m.Kind.String(), Contains: m.Contains.String(), Thresholds: []string{}}
	seen := map[string]bool{}
	for _, t := range thresholds {
		if t.Metric != m.Name {
			continue
		}
		selector := t.Selector()
		_, suffix, selects := strings.Cut(strings.TrimSuffix(selector, "}"), "{")
		switch {
		case !selects:
			d.Thresholds = append(d.Thresholds, t.Expression())
		case !seen[selector]:
			seen[selector] = true
			d.Submetrics = append(d.Submetrics, jsonSubmetric{selector, suffix, t.Tags})
		}
	}
	return jsonMetric{"Metric", d, m.Name}
}

// csvTags are the tags that have a column of their own, in k6's order.
func csvTags() []string {
	return []string{
		"check", "error", "error_code", "expected_response", "group", "method", "name", "proto", "scenario",
		"service", "status", "subproto", "tls_version", "url",
	}
}

// NewCSVFile writes samples as k6's --out csv does. timeFormat is that of
// K6_CSV_TIME_FORMAT: unix (also when empty), unix_milli, unix_micro, unix_nano,
// rfc3339 or rfc3339_nano.
func NewCSVFile(path string, stdout io.Writer, timeFormat string) (*SampleFile, error) {
	stamp, err := csvTime(timeFormat)
	if err != nil {
		return nil, err
	}
	s, err := openSamples(path, stdout)
	if err != nil {
		return nil, err
	}
	columns := csvTags()
	w := csv.NewWriter(s.buffer) // which it takes as its own, so Close flushes both
	s.encode = func(_ io.Writer, m *metric.Metric, t *metric.TagSet, v float64) error {
		row := []string{m.Name, stamp(time.Now()), strconv.FormatFloat(v, 'f', 6, 64)}
		var extra []string
		for _, column := range columns {
			value, _ := t.Get(column)
			row = append(row, value)
		}
		for k, v := range t.All {
			if !slices.Contains(columns, k) {
				extra = append(extra, k+"="+v)
			}
		}
		return w.Write(append(row, strings.Join(extra, "&"), ""))
	}
	head := append([]string{"metric_name", "timestamp", "metric_value"}, columns...)
	if err := w.Write(append(head, "extra_tags", "metadata")); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func csvTime(format string) (func(time.Time) string, error) {
	whole := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch format {
	case "", "unix":
		return func(t time.Time) string { return whole(t.Unix()) }, nil
	case "unix_milli":
		return func(t time.Time) string { return whole(t.UnixMilli()) }, nil
	case "unix_micro":
		return func(t time.Time) string { return whole(t.UnixMicro()) }, nil
	case "unix_nano":
		return func(t time.Time) string { return whole(t.UnixNano()) }, nil
	case "rfc3339":
		return func(t time.Time) string { return t.Format(time.RFC3339) }, nil
	case "rfc3339_nano":
		return func(t time.Time) string { return t.Format(time.RFC3339Nano) }, nil
	}
	return nil, fmt.Errorf("K6_CSV_TIME_FORMAT %.40q: want unix, unix_milli, unix_micro, unix_nano, rfc3339 or rfc3339_nano", format)
}
