// Package observe is what the parts of the line know of being observed: what a
// piece of work is about, and when it begins and ends.
//
// A part says what it works on with About, in the context, and begins a span
// with Start. Log lines that are written with that context carry the same
// round, run, service, team and criterion. Without a tracer in the context
// spans cost one look-up; the SDK that sends them is known to main alone.
//
// A round's trace is named by the round: its id, and the ids of the spans of
// the round and of each run, are hashes of theirs. The steps of a run are jobs
// of their own, done by whichever process is there; they all find the same
// parent with nothing to carry along or to keep, also after a kill.
package observe

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Subject is what a piece of work is about. Empty fields are not known, or do
// not apply.
type Subject struct {
	Round     contest.RoundID
	Run       contest.RunID
	Service   contest.ServiceKey
	Team      contest.Slug
	Criterion contest.Criterion
}

// Run is the subject of work on a run.
func Run(r contest.Run) Subject {
	return Subject{Round: r.Round, Run: r.ID, Service: r.Service, Team: r.Team.Slug, Criterion: r.Criterion}
}

type subjectKey struct{}

// About returns a context of work on s. What s leaves empty stays as it was.
// Spans that begin in it belong to the trace of its round, below its run.
func About(ctx context.Context, s Subject) context.Context {
	before := SubjectOf(ctx)
	s = s.or(before)
	ctx = context.WithValue(ctx, subjectKey{}, s)
	if s.Round != before.Round || s.Run != before.Run {
		ctx = inTrace(ctx, s)
	}
	return ctx
}

// SubjectOf returns what the work in ctx is about.
func SubjectOf(ctx context.Context) Subject {
	s, _ := ctx.Value(subjectKey{}).(Subject)
	return s
}

func (s Subject) or(other Subject) Subject {
	s.Round = either(s.Round, other.Round)
	s.Run = either(s.Run, other.Run)
	s.Service = either(s.Service, other.Service)
	s.Team = either(s.Team, other.Team)
	s.Criterion = either(s.Criterion, other.Criterion)
	return s
}

func either[T ~string](first, second T) T {
	if first != "" {
		return first
	}
	return second
}

// field is one known field by its name in logs and traces.
type field struct{ name, value string }

func (s Subject) fields() []field {
	all := []field{
		{"round", string(s.Round)}, {"run", string(s.Run)}, {"service", string(s.Service)},
		{"team", string(s.Team)}, {"criterion", string(s.Criterion)},
	}
	known := all[:0]
	for _, f := range all {
		if f.value != "" {
			known = append(known, f)
		}
	}
	return known
}

// LogAttrs returns what is known, for a log line.
func (s Subject) LogAttrs() []slog.Attr {
	var attrs []slog.Attr
	for _, f := range s.fields() {
		attrs = append(attrs, slog.String(f.name, f.value))
	}
	return attrs
}

// spanAttrs returns what is known, for a span.
func (s Subject) spanAttrs() []attribute.KeyValue {
	var attrs []attribute.KeyValue
	for _, f := range s.fields() {
		attrs = append(attrs, attribute.String(f.name, f.value))
	}
	return attrs
}
