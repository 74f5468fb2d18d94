package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
)

// marks puts an annotation for each judged run on Grafana's dashboards. Nothing
// waits for it and nothing depends on it: while Grafana is away marks wait in a
// bounded queue, and those that find it full are lost.
type marks struct {
	put       func(ctx context.Context, a grafana.Annotation) (int64, error)
	dashboard string // uid
	log       *slog.Logger
	queue     chan grafana.Annotation
	lost      atomic.Int64
	down      bool // Run's own: the last try failed, which has been told
}

const (
	mostMarks  = 1000
	markTime   = 5 * time.Second // of one try, and of all that wait at the end
	markPause  = time.Second     // after the first failure; it doubles
	markPauses = time.Minute     // at most
)

// openMarks returns nil where runs are not to be marked, or nobody lets us.
func openMarks(c *config.Config, g *grafana.Client, log *slog.Logger) *marks {
	if g == nil || !c.Grafana.Annotations || !c.Grafana.Token.Set() && c.Grafana.Username == "" {
		return nil
	}
	_, run := boards(c)
	return newMarks(g.Annotate, run.plainUID(), log)
}

func newMarks(put func(context.Context, grafana.Annotation) (int64, error), dashboard string, log *slog.Logger) *marks {
	return &marks{put: put, dashboard: dashboard, log: log, queue: make(chan grafana.Annotation, mostMarks)}
}

// add marks a judged run, later. A run that put no load on anyone has no mark.
func (m *marks) add(r contest.Run) {
	if m == nil || r.LaunchedAt == nil || r.EndedAt == nil {
		return
	}
	select {
	case m.queue <- m.mark(r):
	default:
		m.lost.Add(1)
	}
}

// mark describes a run by what is public of it.
func (m *marks) mark(r contest.Run) grafana.Annotation {
	return grafana.Annotation{
		Key: "run:" + string(r.ID), Window: contest.Window{From: *r.LaunchedAt, To: *r.EndedAt}, Dashboard: m.dashboard,
		Tags: []string{
			"hackload", "team:" + string(r.Team.Slug), "criterion:" + string(r.Criterion), "scenario:" + r.Scenario,
			"outcome:" + string(r.Outcome), "testid:" + string(r.TestID),
		},
		Text: fmt.Sprintf("%s: %s", r, r.Outcome),
	}
}

// Run puts marks until ctx is done, and then, for a few seconds, those that wait.
func (m *marks) Run(ctx context.Context) error {
	for {
		select {
		case a := <-m.queue:
			m.insist(ctx, a)
		case <-ctx.Done():
			m.rest(ctx)
			return nil
		}
	}
}

// insist puts a mark, trying again while Grafana is away.
func (m *marks) insist(ctx context.Context, a grafana.Annotation) {
	for pause := markPause; ; pause = min(2*pause, markPauses) {
		// What has begun is not cut off by the end: the mark would be lost.
		try, stop := context.WithTimeout(context.WithoutCancel(ctx), markTime)
		again := m.try(try, a)
		stop()
		if !again {
			return
		}
		if wait(ctx, pause) != nil {
			m.lost.Add(1)
			return
		}
	}
}

// rest puts what waits while that succeeds.
func (m *marks) rest(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer stop()
	for len(m.queue) > 0 && !m.down {
		if m.try(ctx, <-m.queue) {
			m.lost.Add(1)
		}
	}
	if lost := m.lost.Load() + int64(len(m.queue)); lost > 0 {
		m.log.Warn("runs were left unmarked in grafana", "runs", lost)
	}
}

// try puts a mark once. Only the first failure of an outage is told, and its end.
// A mark that Grafana refuses is lost; again means that it did not come to that.
func (m *marks) try(ctx context.Context, a grafana.Annotation) (again bool) {
	_, err := m.put(ctx, a)
	if err == nil {
		if m.down {
			m.log.Info("grafana takes annotations again")
		}
		m.down = false
		return false
	}
	if !m.down {
		m.log.Warn("runs cannot be marked in grafana; verdicts do not need it", "error", err)
	}
	m.down = true
	e, ok := errors.AsType[*grafana.Error](err)
	if again = ok && e.Temporary(); !again {
		m.lost.Add(1)
	}
	return again
}
