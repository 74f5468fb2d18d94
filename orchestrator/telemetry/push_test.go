package telemetry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/telemetry"
)

func registry(t *testing.T) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	runs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runs_total", Help: "Runs."}, []string{"outcome"})
	runs.WithLabelValues("passed").Add(3)
	require.NoError(t, reg.Register(runs))
	return reg
}

func TestPushIsAnExposition(t *testing.T) {
	t.Parallel()
	got := make(chan map[string]*dto.MetricFamily, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodPut, r.Method, "what was pushed before is replaced")
		assert.Contains(t, []string{
			"/metrics/job/hackload/command/run/instance/host-1",
			"/metrics/job/hackload/instance/host-1/command/run",
		}, r.URL.Path, "a gateway reads a group's labels in any order")
		user, password, _ := r.BasicAuth()
		assert.Equal(t, []string{"pusher", "pass-canary"}, []string{user, password})
		families := map[string]*dto.MetricFamily{}
		from := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header))
		for {
			var family dto.MetricFamily
			if from.Decode(&family) != nil {
				break
			}
			families[family.GetName()] = &family
		}
		got <- families
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(gateway.Close)
	at := strings.Replace(gateway.URL, "http://", "http://pusher:pass-canary@", 1)
	c := telemetry.PushConfig{URL: at, Command: "run", Instance: "host-1"}
	require.NoError(t, telemetry.Push(t.Context(), c, registry(t)))
	family := (<-got)["runs_total"]
	require.NotNil(t, family)
	assert.Equal(t, 3.0, family.GetMetric()[0].GetCounter().GetValue())
}

func TestPushThatFailsNamesTheHostAlone(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no "+canary, http.StatusBadRequest)
	}))
	t.Cleanup(refusing.Close)
	moving := httptest.NewServer(http.RedirectHandler("http://elsewhere.example/canary", http.StatusTemporaryRedirect))
	t.Cleanup(moving.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx       context.Context
		url, want string
	}{
		"refused":   {t.Context(), refusing.URL, "it answered 400"},
		"elsewhere": {t.Context(), moving.URL, "it answered 307"},
		"gone":      {t.Context(), gone.URL, "refused"},
		"stopped":   {stopped, refusing.URL, "canceled"},
		"no URL":    {t.Context(), "::canary", "PROMETHEUS_PUSHGATEWAY_URL"},
		"no host":   {t.Context(), "/canary", "PROMETHEUS_PUSHGATEWAY_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := strings.Replace(row.url, "http://", "http://pusher:pass-canary@", 1)
			err := telemetry.Push(row.ctx, telemetry.PushConfig{URL: at, Command: "run", Instance: "host-1"}, registry(t))
			require.ErrorContains(t, err, row.want)
			assert.NotContains(t, err.Error(), "canary")
		})
	}
}
