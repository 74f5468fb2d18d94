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
	KeepMeta(ctx context.Context, name, value string) error
}

// LastRound tells when a service's last round began (zero: never) and whether it
// is still under way.
type LastRound func(ctx context.Context, service contest.ServiceKey) (began time.Time, underWay bool, err error)

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

func (q *Queue) order(ctx context.Context, s contest.ServiceKey) (o order, err error) {
	text, err := q.config.Book.Meta(ctx, bookName(s))
	if err != nil || text == "" {
		return order{}, err
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return order{}, fmt.Errorf("read schedule of %s: %w", s, err)
	}
	return o, nil
}

// change changes what is kept of a service.
func (q *Queue) change(ctx context.Context, s contest.ServiceKey, do func(o *order)) error {
	q.book.Lock()
	defer q.book.Unlock()
	o, err := q.order(ctx, s)
	if err != nil {
		return err
	}
	do(&o)
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("keep schedule of %s: %w", s, err)
	}
	return q.config.Book.KeepMeta(ctx, bookName(s), string(text))
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

// swallowed reports whether the service is paused, and counts the firing then.
func (q *Queue) swallowed(ctx context.Context, s contest.ServiceKey) (bool, error) {
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
	q.working.Lock()
	defer q.working.Unlock()
	if q.client == nil || q.config.NoPeriods {
		return nil
	}
	job, err := q.config.period(s)
	if err != nil {
		return err
	}
	q.client.PeriodicJobs().RemoveByID(string(key))
	if _, err := q.client.PeriodicJobs().AddSafely(job); err != nil {
		return fmt.Errorf("reschedule %s: %w", key, err)
	}
	return nil
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
	began, underWay, err := q.config.Last(ctx, st.Service)
	if err != nil {
		return err
	}
	st.Paused, st.Skipped, st.Running = o.Paused, o.Skipped, underWay
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

// lookBack is how far back a missed firing is still made up for.
const lookBack = 24 * time.Hour

// missed reports whether a service should have fired between from and now. A
// firing of more than lookBack ago is forgotten.
func missed(spec zoned, from, now time.Time) bool {
	if earliest := now.Add(-lookBack); from.Before(earliest) {
		from = earliest
	}
	due := spec.Next(from)
	return !due.IsZero() && due.Before(now)
}

// catchUp fires, once each, the services that should have fired while no process
// was there.
func (q *Queue) catchUp(ctx context.Context, services []Service) error {
	for _, s := range services {
		if s.Cron == "" || q.config.NoPeriods {
			continue
		}
		late, err := q.late(ctx, s)
		if err != nil {
			return err
		}
		if !late {
			continue
		}
		q.config.Log.InfoContext(ctx, "a firing was missed and is made up for", "service", s.Key)
		if err := q.Fire(ctx, s.Key); err != nil {
			return err
		}
	}
	return nil
}

// late reports whether a service has missed a firing that nothing makes up for
// yet. One that never had a round has missed none.
func (q *Queue) late(ctx context.Context, s Service) (bool, error) {
	o, err := q.order(ctx, s.Key)
	if err != nil {
		return false, err
	}
	began, underWay, err := q.config.Last(ctx, s.Key)
	if err != nil || o.Paused || underWay || began.IsZero() {
		return false, err
	}
	if o.Since.After(began) {
		began = o.Since
	}
	spec, err := parse(s)
	if err != nil || !missed(spec, began, time.Now()) {
		return false, err
	}
	waiting, err := q.waiting(ctx, s.Key)
	return !waiting, err
}

// memory is the book of a queue that was given none: it forgets with the process.
type memory struct{ values *sync.Map }

// Meta returns what was kept.
func (m memory) Meta(_ context.Context, name string) (string, error) {
	v, _ := m.values.Load(name)
	text, _ := v.(string)
	return text, nil
}

// KeepMeta keeps a value.
func (m memory) KeepMeta(_ context.Context, name, value string) error {
	m.values.Store(name, value)
	return nil
}

func noRounds(context.Context, contest.ServiceKey) (time.Time, bool, error) {
	return time.Time{}, false, nil
}
