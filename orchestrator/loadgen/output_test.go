package loadgen_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// receiver keeps the newest value of each series by name and instance.
type receiver struct {
	mu     sync.Mutex
	token  string
	values map[string]float64
	labels map[string]map[string]string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	packed, _ := io.ReadAll(req.Body)
	text, err := snappy.Decode(nil, packed)
	var write prompb.WriteRequest
	if err != nil || proto.Unmarshal(text, &write) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = req.Header.Get("Authorization")
	for _, series := range write.Timeseries {
		labels := map[string]string{}
		for _, l := range series.Labels {
			labels[l.Name] = l.Value
		}
		key := labels["__name__"] + "/" + labels["scenario"]
		r.labels[key] = labels
		for _, s := range series.Samples {
			r.values[key] = s.Value
		}
	}
}

func TestSeriesArriveByRemoteWrite(t *testing.T) {
	t.Parallel()
	target, _ := counted(t, nil)
	got := &receiver{values: map[string]float64{}, labels: map[string]map[string]string{}}
	srv := httptest.NewServer(got)
	t.Cleanup(srv.Close)
	r := newRun(t, twoPhases)
	r.env = []string{"K6_PROMETHEUS_RW_SERVER_URL=" + srv.URL, "K6_PROMETHEUS_RW_BEARER_TOKEN=tok", "K6_PROMETHEUS_RW_PUSH_INTERVAL=200ms"}
	code := r.command(t.Context(), "run", "test.js", "-q", "-e", "API_URL="+target, "--out", "prometheus-rw", "--tag", "testid=t-1", "--tag", "team=good", "--instance-id", "7")
	require.Equal(t, 0, code, r.log.String())
	got.mu.Lock()
	defer got.mu.Unlock()
	assert.Equal(t, "Bearer tok", got.token)
	assert.InDelta(t, 40, got.values["k6_http_reqs_total/steady"], 0)
	assert.InDelta(t, 10, got.values["k6_iterations_total/warmup"], 0)
	assert.InDelta(t, 40, got.values["k6_checks_true_total/steady"], 0)
	assert.InDelta(t, 1, got.values["k6_generator_finished/"], 0)
	labels := got.labels["k6_http_reqs_total/steady"]
	assert.Equal(t, map[string]string{
		"__name__": "k6_http_reqs_total", "expected_response": "true", "extra": "e", "instance_id": "7", "method": "GET",
		"proto": "HTTP/1.1", "scenario": "steady", "status": "200", "team": "good", "testid": "t-1",
	}, labels)
	assert.NotContains(t, r.log.String()+r.out.String(), "tok")

	for _, env := range []string{"K6_PROMETHEUS_RW_SERVER_URL=nonsense", "K6_PROMETHEUS_RW_PUSH_INTERVAL=soon"} {
		r := newRun(t, twoPhases)
		r.env = []string{env}
		assert.Equal(t, 104, r.command(t.Context(), "run", "test.js", "-q", "--out", "prometheus-rw"), env)
	}
}
