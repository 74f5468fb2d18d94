package observe

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

type (
	tracerKey struct{}
	chosenKey struct{}
)

// WithTracer returns a context whose work is traced; with nil it is not.
func WithTracer(ctx context.Context, t trace.Tracer) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, tracerKey{}, t)
}

func tracer(ctx context.Context) trace.Tracer {
	t, _ := ctx.Value(tracerKey{}).(trace.Tracer)
	return t
}

// Start begins a span of what ctx is about. The function that it returns ends
// it with the work's outcome, of which only the kind is told: error texts may
// hold a team's address.
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, func(error)) {
	t := tracer(ctx)
	if t == nil {
		return ctx, func(error) {}
	}
	attrs = append(attrs, SubjectOf(ctx).spanAttrs()...)
	ctx, span := t.Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, kind(err))
		}
		span.End()
	}
}

// Apart begins a span like Start, in a trace of its own that is linked with the
// rounds that it serves. At most 100 rounds are linked.
func Apart(ctx context.Context, name string, rounds []contest.RoundID) (context.Context, func(error)) {
	t := tracer(ctx)
	if t == nil {
		return ctx, func(error) {}
	}
	var links []trace.Link
	for _, id := range rounds[:min(len(rounds), 100)] {
		links = append(links, trace.Link{SpanContext: spanContext(Subject{Round: id})})
	}
	ctx, span := t.Start(ctx, name, trace.WithNewRoot(), trace.WithLinks(links...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, kind(err))
		}
		span.End()
	}
}

// Traced reports whether the work in ctx is traced, for what is only found out
// for a span.
func Traced(ctx context.Context) bool { return tracer(ctx) != nil }

// TraceID returns the trace that the work in ctx belongs to, empty where it is
// not traced.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

// Past records a span of work that is over, about what ctx is about.
func Past(ctx context.Context, name string, from, to time.Time, attrs ...attribute.KeyValue) {
	t := tracer(ctx)
	if t == nil {
		return
	}
	attrs = append(attrs, SubjectOf(ctx).spanAttrs()...)
	_, span := t.Start(ctx, name, trace.WithTimestamp(from), trace.WithAttributes(attrs...))
	span.End(trace.WithTimestamp(to))
}

// RoundEnded records the span of a whole round, which its other spans have had
// for their parent all along. A process that is killed just before it leaves
// a trace without that span; the trace is whole otherwise.
func RoundEnded(ctx context.Context, r contest.Round) {
	if tracer(ctx) == nil || r.EndedAt == nil {
		return
	}
	s := Subject{Round: r.ID, Service: r.Service}
	ctx = trace.ContextWithSpanContext(context.WithValue(ctx, subjectKey{}, s), trace.SpanContext{})
	Past(choose(ctx, s), "round", r.StartedAt, *r.EndedAt, attribute.Int("teams", r.Teams))
}

// RunJudged records the span of a whole run, below that of its round.
func RunJudged(ctx context.Context, r contest.Run) {
	if tracer(ctx) == nil || r.JudgedAt == nil {
		return
	}
	ctx = inTrace(context.WithValue(ctx, subjectKey{}, Run(r)), Subject{Round: r.Round})
	Past(choose(ctx, Run(r)), "run", r.PlannedAt, *r.JudgedAt,
		attribute.String("scenario", r.Scenario), attribute.Int("users", r.Level.Users), attribute.String("outcome", string(r.Outcome)))
}

// choose gives the next span in ctx the ids of its subject.
func choose(ctx context.Context, s Subject) context.Context {
	return context.WithValue(ctx, chosenKey{}, spanContext(s))
}

// Chosen returns the ids that the next span in ctx is to have. A generator of
// ids asks for them.
func Chosen(ctx context.Context) (trace.TraceID, trace.SpanID, bool) {
	sc, ok := ctx.Value(chosenKey{}).(trace.SpanContext)
	return sc.TraceID(), sc.SpanID(), ok
}

// inTrace makes the span of s the parent of what begins in ctx.
func inTrace(ctx context.Context, s Subject) context.Context {
	if tracer(ctx) == nil || s.Round == "" {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, spanContext(s))
}

// spanContext derives the ids of a round's span, or of a run's.
func spanContext(s Subject) trace.SpanContext {
	round := sha256.Sum256([]byte("round " + s.Round))
	c := trace.SpanContextConfig{TraceID: trace.TraceID(round[:16]), SpanID: trace.SpanID(round[16:24]), TraceFlags: trace.FlagsSampled, Remote: true}
	if s.Run != "" {
		run := sha256.Sum256([]byte("run " + s.Run))
		c.SpanID = trace.SpanID(run[:8])
	}
	return trace.NewSpanContext(c)
}

// kind is what may be told of an error.
func kind(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "out of time"
	}
	return "failed, see the log"
}
