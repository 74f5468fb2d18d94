package metricstore

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// answer is the envelope of Prometheus' HTTP API.
type answer struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

type answerFunc func(*http.Request) (answer, error)

// apiError is an error as Prometheus' API tells it.
type apiError struct {
	code int
	kind string
	text string
}

func (e *apiError) Error() string { return e.text }

func badData(text string) error { return &apiError{http.StatusBadRequest, "bad_data", text} }

// reader checks who asks, bounds the body and writes the answer.
func (s *Store) reader(ask answerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.mayRead(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.write(w, answer{}, &apiError{http.StatusUnauthorized, "unauthorized", "a bearer token is needed to read from another machine"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, queryMaxBody)
		if err := r.ParseForm(); err != nil {
			s.write(w, answer{}, badData("read the parameters: "+err.Error()))
			return
		}
		a, err := ask(r)
		s.write(w, a, err)
	})
}

func (s *Store) mayRead(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() {
		return true
	}
	token, ok := bearer(r)
	return ok && s.readToken != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.readToken)) == 1
}

func (s *Store) write(w http.ResponseWriter, a answer, err error) {
	code := http.StatusOK
	a.Status = "success"
	if err != nil {
		var known *apiError
		if !errors.As(err, &known) {
			known = &apiError{http.StatusInternalServerError, "internal", err.Error()}
		}
		code, a = known.code, answer{Status: "error", ErrorType: known.kind, Error: known.text}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(a); err != nil {
		s.log.Debug("an answer was not read to its end", "error", err)
	}
}

type resultData struct {
	Type   parser.ValueType `json:"resultType"`
	Result any              `json:"result"`
}

// convert copies an engine's value into the types whose JSON is the API's.
func convert(value parser.Value) (resultData, error) {
	data := resultData{Type: value.Type()}
	switch v := value.(type) {
	case promql.Vector:
		out := make(model.Vector, 0, len(v))
		for _, sample := range v {
			out = append(out, &model.Sample{
				Metric: metric(sample.Metric), Timestamp: model.Time(sample.T),
				Value: model.SampleValue(sample.F), Histogram: sampleHistogram(sample.H),
			})
		}
		data.Result = out
	case promql.Matrix:
		out := make(model.Matrix, 0, len(v))
		for _, stream := range v {
			out = append(out, sampleStream(stream))
		}
		data.Result = out
	case promql.Scalar:
		data.Result = &model.Scalar{Timestamp: model.Time(v.T), Value: model.SampleValue(v.V)}
	case promql.String:
		data.Result = &model.String{Timestamp: model.Time(v.T), Value: v.V}
	default:
		return data, fmt.Errorf("a result of type %q cannot be answered", value.Type())
	}
	return data, nil
}

func sampleStream(series promql.Series) *model.SampleStream {
	out := &model.SampleStream{Metric: metric(series.Metric)}
	for _, p := range series.Floats {
		out.Values = append(out.Values, model.SamplePair{Timestamp: model.Time(p.T), Value: model.SampleValue(p.F)})
	}
	for _, p := range series.Histograms {
		out.Histograms = append(out.Histograms, model.SampleHistogramPair{Timestamp: model.Time(p.T), Histogram: sampleHistogram(p.H)})
	}
	return out
}

func metric(ls labels.Labels) model.Metric {
	out := make(model.Metric, ls.Len())
	ls.Range(func(l labels.Label) { out[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	return out
}

func sampleHistogram(h *histogram.FloatHistogram) *model.SampleHistogram {
	if h == nil {
		return nil
	}
	out := &model.SampleHistogram{Count: model.FloatString(h.Count), Sum: model.FloatString(h.Sum)}
	for it := h.AllBucketIterator(); it.Next(); {
		if b := it.At(); b.Count != 0 {
			out.Buckets = append(out.Buckets, &model.HistogramBucket{
				Boundaries: boundaries(b.LowerInclusive, b.UpperInclusive),
				Lower:      model.FloatString(b.Lower), Upper: model.FloatString(b.Upper), Count: model.FloatString(b.Count),
			})
		}
	}
	return out
}

// boundaries encodes which bounds belong to a bucket: 0 the upper, 1 the lower,
// 2 neither, 3 both.
func boundaries(lower, upper bool) int32 {
	switch {
	case lower && upper:
		return 3
	case lower:
		return 1
	case upper:
		return 0
	}
	return 2
}
