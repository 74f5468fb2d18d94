package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	mostPoints  = 60   // of one run
	mostMoments = 2000 // of one query, however long ago its first run was
)

// Ranged evaluates PromQL at from, from+step, … up to to. Warnings come as with
// Query.
type Ranged func(ctx context.Context, promql string, from, to time.Time, step time.Duration) ([]contest.Series, error)

// Span is the time that a launch took, so far or in all.
type Span struct {
	TestID   contest.TestID
	From, To time.Time
}

// Courses asks how runs went over time, all of them with the same queries. push
// is how often the generators flush; zero means k6's default. A run of which
// nothing came in has no course. The queries are those of all runs together.
func Courses(ctx context.Context, ranged Ranged, push time.Duration, spans []Span) (map[contest.TestID]contest.Course, error) {
	out := make(map[contest.TestID]contest.Course, len(spans))
	if len(spans) == 0 {
		return out, nil
	}
	r, err := newRaster(push, spans)
	if err != nil {
		return nil, fmt.Errorf("ask for courses: %w", err)
	}
	for chunk := range slices.Chunk(spans, chunkSize) {
		if err := r.ask(ctx, ranged, chunk, out); err != nil {
			return nil, fmt.Errorf("ask for courses: %w", err)
		}
	}
	return out, nil
}

// courseQueries are the files of queries that a course is made of.
func courseQueries() []string { return []string{"course_requests", "course_latency", "course_vus"} }

// raster is at which moments the runs are looked at.
type raster struct {
	templates    *template.Template
	from, to     time.Time
	step, window time.Duration
}

func newRaster(push time.Duration, spans []Span) (raster, error) {
	templates, err := template.New("").Option("missingkey=error").ParseFS(queryFiles, "queries/course_*.promql")
	if err != nil {
		return raster{}, err
	}
	push = cmp.Or(push, usualPush)
	r := raster{templates: templates, from: spans[0].From, to: spans[0].To, window: max(shortestWindow, flushesInWindow*push)}
	longest := time.Duration(0)
	for _, s := range spans {
		if !s.TestID.Valid() || s.From.IsZero() || s.To.Before(s.From) {
			return raster{}, fmt.Errorf("%.200q from %s to %s is no launch", s.TestID, s.From, s.To)
		}
		if s.From.Before(r.from) {
			r.from = s.From
		}
		if s.To.After(r.to) {
			r.to = s.To
		}
		longest = max(longest, s.To.Sub(s.From))
	}
	step := max(push, longest/mostPoints, r.to.Sub(r.from)/mostMoments)
	r.step = time.Duration(math.Ceil(step.Seconds())) * time.Second
	return r, nil
}

func (r raster) ask(ctx context.Context, ranged Ranged, spans []Span, out map[contest.TestID]contest.Course) error {
	ids := make([]string, 0, len(spans))
	sketches := make(map[contest.TestID]*sketch, len(spans))
	for _, s := range spans {
		ids = append(ids, string(s.TestID))
		sketches[s.TestID] = &sketch{span: s, points: map[int64]*contest.CoursePoint{}}
	}
	for _, name := range courseQueries() {
		text, err := r.write(name, ids)
		if err != nil {
			return err
		}
		series, err := ranged(ctx, text, r.from, r.to, r.step)
		var warning interface{ Warnings() []string }
		if err != nil && !errors.As(err, &warning) {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, s := range series {
			if k := sketches[contest.TestID(s.Labels["testid"])]; k != nil {
				k.enter(name, s)
			}
		}
	}
	for id, k := range sketches {
		if len(k.points) == 0 {
			continue
		}
		course, err := r.course(k)
		if err != nil {
			return err
		}
		out[id] = course
	}
	return nil
}

func (r raster) write(name string, ids []string) (string, error) {
	var text strings.Builder
	err := r.templates.ExecuteTemplate(&text, name+".promql", map[string]string{
		"TestIDs": strings.Join(ids, "|"), // no character of a valid testid means anything in a regex
		"Window":  inSeconds(r.window), "Seconds": strings.TrimSuffix(inSeconds(r.window), "s"),
	})
	if err != nil {
		return "", fmt.Errorf("write query %s: %w", name, err)
	}
	return strings.TrimSpace(text.String()), nil
}

// course puts a run's points in order. Its queries are cut down to itself: they
// give the same, and do not carry the testids of all others.
func (r raster) course(k *sketch) (contest.Course, error) {
	c := contest.Course{From: k.span.From.UTC(), Step: contest.Duration(r.step), Window: contest.Duration(r.window)}
	for _, p := range k.points {
		c.Points = append(c.Points, *p)
	}
	slices.SortFunc(c.Points, func(a, b contest.CoursePoint) int { return cmp.Compare(a.At, b.At) })
	for _, name := range courseQueries() {
		text, err := r.write(name, []string{string(k.span.TestID)})
		if err != nil {
			return c, err
		}
		c.Queries = append(c.Queries, contest.AskedQuery{Name: name, PromQL: text, At: k.span.To.UTC()})
	}
	return c, nil
}

// sketch gathers the points of one run, by their time in milliseconds.
type sketch struct {
	span   Span
	points map[int64]*contest.CoursePoint
}

func (k *sketch) enter(query string, s contest.Series) {
	for _, p := range s.Points {
		if p.Histogram != nil || !finite(p.Value) || !p.At.After(k.span.From) || p.At.After(k.span.To) {
			continue
		}
		at := p.At.UnixMilli()
		if k.points[at] == nil {
			k.points[at] = &contest.CoursePoint{At: rounded(p.At.Sub(k.span.From).Seconds())}
		}
		take(k.points[at], query, s.Labels, p.Value)
	}
}

// take enters one number into the moment.
func take(p *contest.CoursePoint, query string, labels map[string]string, v float64) {
	switch {
	case query == "course_vus":
		p.VUs = rounded(v)
	case query == "course_requests":
		p.RPS = rounded(p.RPS + v)
		if labels["expected_response"] == "false" {
			p.Failed = rounded(p.Failed + v)
		}
	case labels["quantile"] == "0.5":
		p.P50 = rounded(v * millis)
	case labels["quantile"] == "0.95":
		p.P95 = rounded(v * millis)
	}
}

// rounded keeps three decimals: a course is looked at.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
