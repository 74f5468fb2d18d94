package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	courseTime   = 3 * time.Second // that a page waits for the metric store
	courseFresh  = 1500 * time.Millisecond
	coursePause  = 5 * time.Second // after a failure nobody asks
	courseAsks   = 2               // at once
	mostCourses  = 64              // that are kept
	courseSilent = "the metric store is left alone for a moment after it failed"
)

// courses asks how runs go over time for all readers together: the store is
// asked seldom, by few at once, and not for long.
type courses struct {
	ask    func(ctx context.Context, run contest.Run) (*contest.Course, error)
	places chan struct{}

	mu     sync.Mutex
	kept   map[contest.RunID]kept[*contest.Course]
	silent time.Time // nobody asks until then
}

func newCourses(ask func(context.Context, contest.Run) (*contest.Course, error)) *courses {
	return &courses{ask: ask, places: make(chan struct{}, courseAsks), kept: map[contest.RunID]kept[*contest.Course]{}}
}

// of returns the run's course, nil where there is none.
func (c *courses) of(ctx context.Context, run contest.Run) (*contest.Course, error) {
	if c.ask == nil || run.LaunchedAt == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, courseTime)
	defer cancel()
	if course, known, err := c.known(run.ID); known {
		return course, err
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if course, known, err := c.known(run.ID); known { // somebody else has asked meanwhile
		return course, err
	}
	course, err := c.ask(ctx, run)
	c.keep(run.ID, course, err)
	return course, err
}

// known is what can be said without asking.
func (c *courses) known(id contest.RunID) (course *contest.Course, known bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if k, ok := c.kept[id]; ok && now.Before(k.until) {
		return k.value, true, nil
	}
	if now.Before(c.silent) {
		return nil, true, errors.New(courseSilent)
	}
	return nil, false, nil
}

func (c *courses) keep(id contest.RunID, course *contest.Course, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.silent = time.Now().Add(coursePause)
		return
	}
	if len(c.kept) >= mostCourses {
		clear(c.kept)
	}
	c.kept[id] = kept[*contest.Course]{course, time.Now().Add(courseFresh)}
}
