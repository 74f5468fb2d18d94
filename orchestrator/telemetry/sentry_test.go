package telemetry_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
)

// inbox is a Sentry that takes envelopes.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	raw    bytes.Buffer
	events []event
}

type event struct {
	Level, Message, Release string
	Tags                    map[string]string
	Contexts                map[string]map[string]any
	Exception               []struct{ Type, Value string }
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "/api/42/envelope/", r.URL.Path)
		in.mu.Lock()
		defer in.mu.Unlock()
		in.raw.Write(body)
		lines := bufio.NewScanner(bytes.NewReader(body))
		lines.Buffer(nil, 1<<20)
		lines.Scan() // the envelope's header
		for lines.Scan() {
			var item struct{ Type string }
			assert.NoError(t, json.Unmarshal(lines.Bytes(), &item))
			lines.Scan()
			if item.Type == "event" {
				var e event
				assert.NoError(t, json.Unmarshal(lines.Bytes(), &e))
				in.events = append(in.events, e)
			}
		}
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) dsn() string {
	return strings.Replace(in.URL, "http://", "http://dsnkey0123@", 1) + "/42"
}

// reporting returns a logger that reports to in, and what ends it.
func reporting(t *testing.T, in *inbox) (*telemetry.Sentry, *slog.Logger) {
	t.Helper()
	redact := telemetry.NewRedactor([]string{canary})
	s, err := telemetry.NewSentry(telemetry.SentryConfig{DSN: in.dsn(), Release: "abc", Environment: "production", Redact: redact})
	require.NoError(t, err)
	return s, telemetry.NewLogger(telemetry.LogConfig{Out: io.Discard, JSON: true, Level: "error", Redact: redact, Further: s})
}

func closed(t *testing.T, s *telemetry.Sentry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.Close(ctx))
}

func TestErrorsAreReported(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	s, log := reporting(t, in)
	ctx := observe.About(t.Context(), observe.Subject{Round: "round-1", Run: "run-1", Team: "good"})
	log.InfoContext(ctx, "all is well")
	log.WarnContext(ctx, "not quite")
	log.With("attempt", 3).ErrorContext(ctx, "step failed for good "+canary, "error", fmt.Errorf("call: %w", errors.New(canary)),
		canary, "a key", "body", []string{canary}, slog.Group("g", "inner", canary))
	s.Report(ctx, "the program ends", errors.New("no room "+canary))
	closed(t, s)
	require.Len(t, in.events, 2)
	assert.NotContains(t, in.raw.String(), "canary")
	e := in.events[0]
	assert.Equal(t, "step failed for good <secret>", e.Message)
	assert.Equal(t, "error", e.Level)
	assert.Equal(t, "abc", e.Release)
	assert.Equal(t, map[string]string{"round": "round-1", "run": "run-1", "team": "good"}, e.Tags)
	assert.Equal(t, "call: <secret>", e.Exception[0].Value)
	assert.Equal(t, "3", e.Contexts["log"]["attempt"])
	assert.Equal(t, "fatal", in.events[1].Level)
	assert.Equal(t, "no room <secret>", in.events[1].Exception[0].Value)
}

func TestAStormIsOneStory(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	s, log := reporting(t, in)
	for range 500 {
		log.Error("again")
	}
	closed(t, s)
	assert.GreaterOrEqual(t, len(in.events), 1)
	assert.LessOrEqual(t, len(in.events), 40)
}

func TestPanicOfAPageIsReported(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	s, log := reporting(t, in)
	pages := httptest.NewServer(telemetry.Recovering(log, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("in a page " + canary) })))
	t.Cleanup(pages.Close)
	resp, err := http.Get(pages.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	closed(t, s)
	require.Len(t, in.events, 1)
	assert.Equal(t, "in a page <secret>", in.events[0].Exception[0].Value)
	assert.Contains(t, in.events[0].Contexts["log"]["stack"], "TestPanicOfAPageIsReported")
	assert.NotContains(t, in.raw.String(), "canary")
}

func TestSentryThatHangsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	s, log := reporting(t, &inbox{Server: hanging})
	log.Error("is anybody there?")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, s.Close(ctx), "did not reach Sentry in time")
}

func TestSentryIsOff(t *testing.T) {
	t.Parallel()
	var off *telemetry.Sentry
	off.Report(t.Context(), "nobody hears", errors.New("x"))
	require.NoError(t, off.Close(t.Context()))
	assert.False(t, off.Enabled(t.Context(), slog.LevelError))
	for _, dsn := range []string{"canary", "http://canary.example/1", "ftp://canary@host/1"} {
		_, err := telemetry.NewSentry(telemetry.SentryConfig{DSN: dsn})
		require.ErrorContains(t, err, "SENTRY_DSN", dsn)
		assert.NotContains(t, err.Error(), "canary")
	}
}
