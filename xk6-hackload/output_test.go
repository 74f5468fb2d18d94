package hackload

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"
)

func params(t *testing.T, env map[string]string) output.Params {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	return output.Params{Logger: log, Environment: env, ScriptOptions: lib.Options{
		RunTags:    map[string]string{"testid": "mine"},
		Thresholds: map[string]metrics.Thresholds{"http_req_duration": metrics.NewThresholds([]string{"p(95)<2000"})},
	}}
}

func TestSamplesAreCounted(t *testing.T) {
	var writes atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer t" {
			writes.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	p := params(t, map[string]string{"K6_PROMETHEUS_RW_SERVER_URL": receiver.URL})
	p.JSONConfig = []byte(`{"bearerToken":"t"}`)
	o, err := newOutput(p, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Start(); err != nil {
		t.Fatal(err)
	}
	registry := metrics.NewRegistry()
	m := metrics.RegisterBuiltinMetrics(registry)
	tags := registry.RootTagSet().With("scenario", "steady")
	for _, ms := range []float64{10, 20, 3000} {
		for metric, v := range map[*metrics.Metric]float64{m.HTTPReqDuration: ms, m.HTTPReqs: 1, m.HTTPReqFailed: 0, m.VUs: 2} {
			o.AddMetricSamples([]metrics.SampleContainer{metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: time.Now(), Value: v}})
		}
	}
	outcome, err := o.session.Close()
	if err != nil {
		t.Fatal(err)
	}
	if writes.Load() == 0 {
		t.Error("nothing was written with the token")
	}
	if outcome.Requests != 3 || len(outcome.Results) != 1 || outcome.Results[0].Within != 2 || outcome.Results[0].OK {
		t.Errorf("got %+v, want 3 requests of which 2 are within the bound", outcome)
	}
}

func TestOneSegmentPublishesNothing(t *testing.T) {
	p := params(t, map[string]string{"HACKLOAD_PUBLISH": "true"})
	segment, err := lib.NewExecutionSegmentFromString("0:1/2")
	if err != nil {
		t.Fatal(err)
	}
	p.ScriptOptions.ExecutionSegment = segment
	o, err := newOutput(p, "")
	if err != nil {
		t.Fatal(err)
	}
	if o.publication != nil {
		t.Error("one segment would judge the whole")
	}
}

func TestPublishingNeedsAKey(t *testing.T) {
	env := map[string]string{"HACKLOAD_PUBLISH": "true", "HACKLOAD_TEAM": "good", "HACKLOAD_CRITERION": "EVENT_SEARCH", "API_BASE_URL": "http://127.0.0.1:1"}
	_, err := newOutput(params(t, env), "")
	if err == nil || !strings.Contains(err.Error(), keyFileVariable) {
		t.Errorf("got %v, want an error that names %s", err, keyFileVariable)
	}
	if _, ok := os.LookupEnv(keyFileVariable); ok {
		t.Errorf("%s is left for scripts to see", keyFileVariable)
	}
}
