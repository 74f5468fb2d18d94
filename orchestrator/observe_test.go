package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// listeners is a trace collector, a Pushgateway and a Sentry at once.
type listeners struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []*spans.Span
	bodies map[string]string // what came last, by the first part of the path
}

func listen(t *testing.T) *listeners {
	t.Helper()
	l := &listeners{bodies: map[string]string{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if r.Header.Get("Content-Encoding") == "gzip" {
			zipped, err := gzip.NewReader(bytes.NewReader(body))
			if assert.NoError(t, err) {
				body, err = io.ReadAll(zipped)
				assert.NoError(t, err)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.bodies[r.URL.Path] += string(body)
		if r.URL.Path != "/v1/traces" {
			return
		}
		var batch otlp.ExportTraceServiceRequest
		assert.NoError(t, proto.Unmarshal(body, &batch))
		for _, rs := range batch.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				l.spans = append(l.spans, ss.GetSpans()...)
			}
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// variables switches everything on.
func (l *listeners) variables() []string {
	return []string{
		"TRACING_ENABLED=true", "OTEL_EXPORTER_OTLP_ENDPOINT=" + l.URL,
		"PROMETHEUS_PUSHGATEWAY_URL=" + l.URL, "SENTRY_DSN=" + strings.Replace(l.URL, "://", "://dsnkey0123@", 1) + "/42",
	}
}

// TestObservedRound follows a round in what a collector and a Pushgateway
// receive of it, and in the log.
func TestObservedRound(t *testing.T) {
	t.Parallel()
	o, l := standUp(t), listen(t)
	code, output := hackload(t, append(l.variables(), "LOG_LEVEL=debug"), "serve", "--once", "--config", o.config(t, t.TempDir()))
	require.Equal(t, exitDone, code, output)
	byName := map[string]*spans.Span{}
	for _, s := range l.spans {
		byName[s.GetName()] = s
		for _, kv := range s.GetAttributes() {
			assert.NotContains(t, kv.GetValue().GetStringValue(), "://", s.GetName())
		}
	}
	above := map[string]string{
		"plan": "round", "collect": "round", "run": "round",
		"prepare": "run", "launch": "run", "load": "run", "judge": "run", "hub request": "outbox flush",
	}
	for name, parent := range above {
		require.Contains(t, byName, name)
		require.Contains(t, byName, parent)
		if name != "hub request" {
			assert.Equal(t, byName["round"].GetTraceId(), byName[name].GetTraceId(), name)
		}
	}
	for name, parent := range above {
		if name == "hub request" { // teams are read from the Hub too
			continue
		}
		assert.Equal(t, byName[parent].GetSpanId(), byName[name].GetParentSpanId(), "%s is below %s", name, parent)
	}
	require.Len(t, byName["outbox flush"].GetLinks(), 1)
	assert.Equal(t, byName["round"].GetTraceId(), byName["outbox flush"].GetLinks()[0].GetTraceId())

	pushed := ""
	for path, body := range l.bodies {
		if strings.HasPrefix(path, "/metrics/job/hackload/") {
			assert.Contains(t, path, "/command/serve")
			pushed += body
		}
		assert.NotContains(t, body, o.key, path)
	}
	assert.Contains(t, pushed, "hackload_runs_total")
	requireLines(t, output)
	assert.NotContains(t, output, o.key)
}

// requireLines holds that a log is JSON, line by line, and tells the limits.
func requireLines(t *testing.T, output string) {
	t.Helper()
	told := false
	for line := range strings.Lines(output) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		if fields["msg"] == "limits of this process, generators not counted" {
			told = true
			assert.EqualValues(t, 512, fields["memory_mb"])
			assert.EqualValues(t, 144, fields["heap_mb"])
			assert.EqualValues(t, 1, fields["gomaxprocs"])
		}
	}
	assert.True(t, told, output)
}

// TestEndIsReported has a Hub refuse the key: that ends the session, and Sentry
// hears of it without the key.
func TestEndIsReported(t *testing.T) {
	t.Parallel()
	o, l := standUp(t), listen(t)
	o.key = "sk_canary0000000000000000000000000000000000000000000000000000000"
	code, output := hackload(t, l.variables(), "serve", "--once", "--config", o.config(t, t.TempDir()))
	require.Equal(t, exitTrouble, code, output)
	assert.Contains(t, l.bodies["/api/42/envelope/"], "Invalid API key")
	for path, body := range l.bodies {
		assert.NotContains(t, body, "canary", path)
	}
	assert.NotContains(t, output, "canary")
}

// TestLimitsByHand leaves Go's own variables alone.
func TestLimitsByHand(t *testing.T) {
	t.Parallel()
	o := standUp(t)
	o.key = "sk_0000000000000000000000000000000000000000000000000000000000000000" // it ends soon
	_, output := hackload(t, []string{"GOMEMLIMIT=300MiB", "GOMAXPROCS=2", "NODE_ENV=development"},
		"serve", "--once", "--config", o.config(t, t.TempDir()))
	assert.Contains(t, output, "heap_mb=300")
	assert.Contains(t, output, "gomaxprocs=2")
	assert.Contains(t, output, "level=INFO", "for people it is text")
}
