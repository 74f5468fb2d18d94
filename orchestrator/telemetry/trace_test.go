package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
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
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
)

// receiver is a collector that takes OTLP over HTTP.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*spans.Span
	about map[string]string // the resource's attributes
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{about: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body io.Reader = req.Body
		if req.Header.Get("Content-Encoding") == "gzip" {
			zipped, err := gzip.NewReader(body)
			if !assert.NoError(t, err) {
				return
			}
			body = zipped
		}
		raw, err := io.ReadAll(body)
		assert.NoError(t, err)
		var batch collector.ExportTraceServiceRequest
		assert.Equal(t, "/v1/traces", req.URL.Path)
		assert.NoError(t, proto.Unmarshal(raw, &batch))
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, rs := range batch.GetResourceSpans() {
			for _, kv := range rs.GetResource().GetAttributes() {
				r.about[kv.GetKey()] = kv.GetValue().GetStringValue()
			}
			for _, ss := range rs.GetScopeSpans() {
				r.spans = append(r.spans, ss.GetSpans()...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) named(t *testing.T, name string) *spans.Span {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var found *spans.Span
	for _, s := range r.spans {
		if s.GetName() == name {
			require.Nil(t, found, "there is one span %s", name)
			found = s
		}
	}
	require.NotNil(t, found, name)
	return found
}

// process is one life of the orchestrator: what it traces is sent when it ends.
func process(t *testing.T, r *receiver, work func(ctx context.Context)) {
	t.Helper()
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceConfig{Endpoint: r.URL, Version: "abc"})
	require.NoError(t, err)
	work(tracing.Into(t.Context()))
	require.NoError(t, tracing.Close(t.Context()))
}

func attrsOf(s *spans.Span) map[string]string {
	all := map[string]string{}
	for _, kv := range s.GetAttributes() {
		all[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	return all
}

func TestOneTraceOverTwoProcesses(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	ended := began.Add(40 * time.Second)
	run := contest.Run{
		ID: "run-1", Round: "round-1", Service: contest.SearchTesting, Criterion: contest.EventSearch, Team: contest.Team{Slug: "good"},
		Scenario: "search", PlannedAt: began, JudgedAt: &ended, Outcome: contest.OutcomePassed, Target: "http://team.example",
	}
	process(t, r, func(ctx context.Context) {
		planning, done := observe.Start(observe.About(ctx, observe.Subject{Round: "round-1", Service: contest.SearchTesting}), "plan")
		assert.NotEmpty(t, observe.TraceID(planning))
		done(nil)
		_, done = observe.Start(observe.About(ctx, observe.Run(run)), "prepare")
		done(nil)
	})
	process(t, r, func(ctx context.Context) { // the first one was killed
		collecting, done := observe.Start(observe.About(ctx, observe.Subject{Round: "round-1"}), "collect")
		_, judged := observe.Start(observe.About(collecting, observe.Run(run)), "judge")
		judged(errors.New("http://team.example refused " + canary))
		done(nil)
		observe.RunJudged(ctx, run)
		observe.RoundEnded(ctx, contest.Round{ID: "round-1", Service: contest.SearchTesting, StartedAt: began, EndedAt: &ended, Teams: 7})
	})

	round, whole := r.named(t, "round"), r.named(t, "run")
	for name, parent := range map[string]*spans.Span{"plan": round, "collect": round, "run": round, "prepare": whole, "judge": whole} {
		s := r.named(t, name)
		assert.Equal(t, hex.EncodeToString(round.GetTraceId()), hex.EncodeToString(s.GetTraceId()), name)
		assert.Equal(t, hex.EncodeToString(parent.GetSpanId()), hex.EncodeToString(s.GetParentSpanId()), name)
	}
	assert.Empty(t, round.GetParentSpanId())
	assert.EqualValues(t, began.UnixNano(), whole.GetStartTimeUnixNano())
	assert.EqualValues(t, ended.UnixNano(), whole.GetEndTimeUnixNano())
	assert.Equal(t, map[string]string{
		"round": "round-1", "run": "run-1", "service": "k6-search-testing", "team": "good", "criterion": "EVENT_SEARCH",
		"scenario": "search", "users": "", "outcome": "passed",
	}, attrsOf(whole), "no address is among them")
	assert.Equal(t, spans.Status_STATUS_CODE_ERROR, r.named(t, "judge").GetStatus().GetCode())
	assert.Equal(t, "failed, see the log", r.named(t, "judge").GetStatus().GetMessage())
	assert.Equal(t, "hackload", r.about["service.name"])
	assert.Equal(t, "abc", r.about["service.version"])
}

func TestFlushLeadsToItsRounds(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	process(t, r, func(ctx context.Context) {
		_, done := observe.Start(observe.About(ctx, observe.Subject{Round: "round-1"}), "plan")
		done(nil)
		flushing, done := observe.Apart(ctx, "outbox flush", []contest.RoundID{"round-1", "round-2"})
		_, asked := observe.Start(flushing, "hub request")
		asked(context.DeadlineExceeded)
		done(nil)
	})
	plan, flush, request := r.named(t, "plan"), r.named(t, "outbox flush"), r.named(t, "hub request")
	assert.NotEqual(t, plan.GetTraceId(), flush.GetTraceId())
	assert.Empty(t, flush.GetParentSpanId())
	require.Len(t, flush.GetLinks(), 2)
	assert.Equal(t, plan.GetTraceId(), flush.GetLinks()[0].GetTraceId())
	assert.Equal(t, flush.GetSpanId(), request.GetParentSpanId())
	assert.Equal(t, "out of time", request.GetStatus().GetMessage())
}

func TestCollectorThatIsGoneIsToldOfOnce(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)
	var out bytes.Buffer
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceConfig{Endpoint: gone.URL, Log: slog.New(slog.NewTextHandler(&out, nil))})
	require.NoError(t, err)
	for range 2000 { // several batches
		_, done := observe.Start(tracing.Into(t.Context()), "work")
		done(nil)
	}
	require.NoError(t, tracing.Close(t.Context()))
	assert.Equal(t, 1, strings.Count(out.String(), "takes no spans"), out.String())
}

func TestWithoutTracingNothingHappens(t *testing.T) { // counts allocations, so not in parallel
	var off *telemetry.Tracing
	ctx := off.Into(t.Context())
	assert.Equal(t, t.Context(), ctx)
	ctx = observe.About(ctx, observe.Subject{Round: "r", Run: "x"})
	working, done := observe.Start(ctx, "work")
	done(nil)
	assert.Equal(t, ctx, working)
	assert.Empty(t, observe.TraceID(working))
	assert.False(t, observe.Traced(working))
	require.NoError(t, off.Close(t.Context()))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, done := observe.Start(ctx, "work")
		done(nil)
	}))
}
