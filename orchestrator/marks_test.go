package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
)

// moody is a Grafana that takes marks or does not.
type moody struct {
	err   atomic.Pointer[error]
	tries atomic.Int32
	taken atomic.Int32
}

func (g *moody) put(ctx context.Context, _ grafana.Annotation) (int64, error) {
	g.tries.Add(1)
	if err := g.err.Load(); err != nil {
		return 0, *err
	}
	g.taken.Add(1)
	return 1, ctx.Err()
}

func (g *moody) answer(err error) {
	if err == nil {
		g.err.Store(nil)
		return
	}
	g.err.Store(&err)
}

func judged() contest.Run {
	began := time.Date(2025, 8, 16, 10, 0, 0, 0, time.UTC)
	ended := began.Add(time.Minute)
	return contest.Run{
		ID: "01J8", Team: contest.Team{Slug: "alem", Endpoint: "https://alem.example.org"}, Criterion: contest.EventSearch, Scenario: "search",
		LevelNo: 1, Level: contest.Level{Users: 5000}, TestID: "alem-search-5000-01j8", LaunchedAt: &began, EndedAt: &ended,
		Outcome: contest.OutcomePassed,
	}
}

// marking runs marks in a bubble and returns what they logged until end.
func marking(g *moody) (m *marks, end func() string) {
	var log bytes.Buffer
	m = newMarks(g.put, "hackload-run", slog.New(slog.NewTextHandler(&log, nil)))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	return m, func() string {
		stop()
		<-done
		return log.String()
	}
}

func TestMarkOfARun(t *testing.T) {
	t.Parallel()
	r := judged()
	m := newMarks(nil, "hackload-run", slog.New(slog.DiscardHandler))
	require.Equal(t, grafana.Annotation{
		Key: "run:01J8", Window: contest.Window{From: *r.LaunchedAt, To: *r.EndedAt}, Dashboard: "hackload-run",
		Tags: []string{"hackload", "team:alem", "criterion:EVENT_SEARCH", "scenario:search", "outcome:passed", "testid:alem-search-5000-01j8"},
		Text: "alem search level 2 (5000 users): passed",
	}, m.mark(r))
}

func TestMarksOutliveAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g moody
		g.answer(&grafana.Error{Op: "annotate", Status: 503})
		m, end := marking(&g)
		for range 3 {
			m.add(judged())
		}
		time.Sleep(5 * time.Minute)
		require.Zero(t, g.taken.Load())
		require.Less(t, g.tries.Load(), int32(13), "it is asked less and less often")
		g.answer(nil)
		time.Sleep(2 * markPauses)
		require.Equal(t, int32(3), g.taken.Load())
		log := end()
		require.Equal(t, 1, strings.Count(log, "cannot be marked"), log)
		require.Equal(t, 1, strings.Count(log, "takes annotations again"), log)
		require.NotContains(t, log, "unmarked")
	})
}

func TestMarkThatIsRefusedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"by Grafana": &grafana.Error{Op: "annotate", Status: 403}, "by us": errors.New("no request can be made of it"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var g moody
				g.answer(err)
				m, end := marking(&g)
				m.add(judged())
				m.add(judged())
				synctest.Wait()
				require.Equal(t, int32(2), g.tries.Load())
				log := end()
				require.Equal(t, 1, strings.Count(log, "cannot be marked"), log)
				require.Contains(t, log, "runs=2")
			})
		})
	}
}

func TestFullQueueHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g moody
		g.answer(&grafana.Error{Op: "annotate"})
		m, end := marking(&g)
		m.add(judged())
		synctest.Wait() // it is in hand, the queue is empty
		begun := time.Now()
		for range mostMarks + 10 {
			m.add(judged())
		}
		require.Zero(t, time.Since(begun))
		log := end()
		require.Contains(t, log, "runs=1011", "ten found no place, one was in hand, the rest waited")
	})
}

func TestMarksThatWaitAreSetAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g moody
		m := newMarks(g.put, "hackload-run", slog.New(slog.DiscardHandler))
		for range 3 {
			m.add(judged())
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		require.NoError(t, m.Run(ctx))
		require.Equal(t, int32(3), g.taken.Load())
	})
}

func TestRunWithoutLoadHasNoMark(t *testing.T) {
	t.Parallel()
	m := newMarks(nil, "hackload-run", slog.New(slog.DiscardHandler))
	r := judged()
	r.LaunchedAt = nil
	m.add(r)
	require.Empty(t, m.queue)
	(*marks)(nil).add(judged()) // where nothing is marked
}
