package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ErrNotScheduled means that a service does not take part, so its schedule
// cannot be changed.
var ErrNotScheduled = errors.New("the service is not enabled")

// ErrBadInterval means that a text is no cron expression, or one that never fires.
var ErrBadInterval = errors.New("bad interval")

// Book keeps what operators changed, so that it survives a restart.
type Book interface {
	Meta(ctx context.Context, name string) (string, error) // empty: never set
	// ChangeMeta changes a value in one transaction: nobody changes it between
	// its being read and written, here or in another process.
	ChangeMeta(ctx context.Context, name string, change func(value string) (string, error)) error
}

// LastRound tells when a service's last round began (zero: never) and when it
// ended (zero: it is under way).
type LastRound func(ctx context.Context, service contest.ServiceKey) (began, ended time.Time, err error)

// JobStatus is where a service stands.
type JobStatus struct {
	Service   contest.ServiceKey `json:"service"`
	Criterion contest.Criterion  `json:"criterion"`
	Enabled   bool               `json:"enabled"`
	Paused    bool               `json:"paused"`
	Interval  string             `json:"interval"` // cron; empty: only when asked
	NextRun   *time.Time         `json:"nextRun"`  // null: not by itself
	LastRun   *time.Time         `json:"lastRun"`  // null: never
	Running   bool               `json:"running"`
	Skipped   int                `json:"skipped"` // firings that its pauses have swallowed
}

// order is what operators said of a service.
type order struct {
	Cron    string    `json:"interval,omitempty"` // empty: as configured
	Paused  bool      `json:"paused,omitempty"`
	Skipped int       `json:"skipped,omitempty"`
	Since   time.Time `json:"since"` // of the last change; nothing before it counts as missed
}

func bookName(s contest.ServiceKey) string { return "schedule." + string(s) }

func (q *Queue) order(ctx context.Context, s contest.ServiceKey) (order, error) {
	text, err := q.config.Book.Meta(ctx, bookName(s))
	if err != nil {
		return order{}, err
	}
	return readOrder(s, text)
}

func readOrder(s contest.ServiceKey, text string) (o order, err error) {
	if text == "" {
		return order{}, nil
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return order{}, fmt.Errorf("read schedule of %s: %w", s, err)
	}
	return o, nil
}

// change changes what is kept of a service, one change at a time.
func (q *Queue) change(ctx context.Context, s contest.ServiceKey, do func(o *order)) error {
	return q.config.Book.ChangeMeta(ctx, bookName(s), func(text string) (string, error) {
		o, err := readOrder(s, text)
		if err != nil {
			return "", err
		}
		do(&o)
		changed, err := json.Marshal(o)
		if err != nil {
			return "", fmt.Errorf("keep schedule of %s: %w", s, err)
		}
		return string(changed), nil
	})
}

// Pause keeps the service's cron from firing until it is resumed. What is under
// way goes on, and Fire works all the same.
func (q *Queue) Pause(ctx context.Context, s contest.ServiceKey) error { return q.pause(ctx, s, true) }

// Resume lets a paused service fire again, from its next time on.
func (q *Queue) Resume(ctx context.Context, s contest.ServiceKey) error {
	return q.pause(ctx, s, false)
}

func (q *Queue) pause(ctx context.Context, s contest.ServiceKey, paused bool) error {
	if _, ok := q.service(s); !ok {
		return fmt.Errorf("%w: %s", ErrNotScheduled, s)
	}
	return q.change(ctx, s, func(o *order) {
		if o.Paused != paused {
			o.Paused, o.Since = paused, time.Now()
		}
	})
}

// swallowed reports whether the service is paused, and counts the firing then, or
// whether the contest is not on, when nothing is to be counted.
func (q *Queue) swallowed(ctx context.Context, s contest.ServiceKey) (bool, error) {
	if !q.config.Running(time.Now()) {
		return true, nil
	}
	o, err := q.order(ctx, s)
	if err != nil || !o.Paused {
		return false, err
	}
	if err := q.change(ctx, s, func(o *order) { o.Skipped++ }); err != nil {
		return false, err
	}
	q.config.Log.InfoContext(ctx, "firing skipped: the service is paused", "service", s)
	if q.config.Skipped != nil {
		q.config.Skipped(s)
	}
	return true, nil
}

// Reschedule gives the service another cron expression, in its own time zone, at
// once and for the processes that follow. An expression that is wrong or never
// fires is ErrBadInterval.
func (q *Queue) Reschedule(ctx context.Context, key contest.ServiceKey, cron string) error {
	s, ok := q.service(key)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNotScheduled, key)
	}
	s.Cron = cron
	if _, err := parse(s); err != nil {
		return fmt.Errorf("%w %q of %s: %w", ErrBadInterval, cron, key, err)
	}
	if err := q.change(ctx, key, func(o *order) { o.Cron, o.Since = cron, time.Now() }); err != nil {
		return err
	}
	return q.firesAt(s)
}

func (q *Queue) service(key contest.ServiceKey) (Service, bool) {
	for _, s := range q.config.Services {
		if s.Key == key {
			return s, true
		}
	}
	return Service{}, false
}

// inForce returns the services with the intervals that operators gave them. One
// that can no longer be read yields to the configured one.
func (q *Queue) inForce(ctx context.Context) ([]Service, error) {
	all := make([]Service, 0, len(q.config.Services))
	for _, s := range q.config.Services {
		o, err := q.order(ctx, s.Key)
		if err != nil {
			return nil, err
		}
		if changed := s; o.Cron != "" {
			changed.Cron = o.Cron
			if _, err := parse(changed); err == nil {
				s = changed
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// Status tells of every service of the contest, also of those that take no part.
func (q *Queue) Status(ctx context.Context) ([]JobStatus, error) {
	inForce, err := q.inForce(ctx)
	if err != nil {
		return nil, err
	}
	byKey := map[contest.ServiceKey]Service{}
	for _, s := range inForce {
		byKey[s.Key] = s
	}
	var all []JobStatus
	for _, known := range contest.Services() {
		s, enabled := byKey[known.Key]
		st := JobStatus{Service: known.Key, Criterion: known.Criterion, Enabled: enabled, Interval: s.Cron}
		if err := q.tell(ctx, s, &st); err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, nil
}

func (q *Queue) tell(ctx context.Context, s Service, st *JobStatus) error {
	o, err := q.order(ctx, st.Service)
	if err != nil {
		return err
	}
	began, ended, err := q.config.Last(ctx, st.Service)
	if err != nil {
		return err
	}
	st.Paused, st.Skipped, st.Running = o.Paused, o.Skipped, !began.IsZero() && ended.IsZero()
	if !began.IsZero() {
		st.LastRun = &began
	}
	if !st.Enabled || s.Cron == "" || o.Paused || q.config.NoPeriods {
		return nil
	}
	spec, err := parse(s)
	if err != nil {
		return err
	}
	next := spec.Next(time.Now())
	st.NextRun = &next
	return nil
}

// memory is the book of a queue that was given none: it forgets with the process.
type memory struct {
	mu     *sync.Mutex
	values map[string]string
}

func newMemory() memory { return memory{&sync.Mutex{}, map[string]string{}} }

// Meta returns what was kept.
func (m memory) Meta(_ context.Context, name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[name], nil
}

// ChangeMeta changes a value.
func (m memory) ChangeMeta(_ context.Context, name string, change func(value string) (string, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := change(m.values[name])
	if err == nil {
		m.values[name] = v
	}
	return err
}

func noRounds(context.Context, contest.ServiceKey) (began, ended time.Time, err error) {
	return time.Time{}, time.Time{}, nil
}
