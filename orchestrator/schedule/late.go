package schedule

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// lookBack is how far back a missed firing is still made up for.
const lookBack = 24 * time.Hour

// missed returns when a service should have fired between from and now. A firing
// of more than lookBack ago is forgotten.
func missed(spec zoned, from, now time.Time) (due time.Time, ok bool) {
	if earliest := now.Add(-lookBack); from.Before(earliest) {
		from = earliest
	}
	due = spec.Next(from)
	return due, !due.IsZero() && due.Before(now)
}

// catchUp fires, once each, the services that should have fired before now while
// no process was there to do it. Two replicas that notice the same give the round
// the same identity, so it is one.
func (q *Queue) catchUp(ctx context.Context, services []Service, now time.Time) error {
	for _, s := range services {
		if s.Cron == "" || q.config.NoPeriods {
			continue
		}
		due, late, err := q.late(ctx, s, now)
		if err != nil {
			return err
		}
		if !late || !q.config.Running(now) || !q.config.Running(due) {
			continue
		}
		q.config.Log.InfoContext(ctx, "a firing was missed and is made up for", "service", s.Key)
		args := roundArgs{Service: s.Key, Round: missedRound(s.Key, due)}
		if _, err := q.insert.Insert(ctx, args, q.config.roundOptions(s.Key)); err != nil {
			return fmt.Errorf("fire %s: %w", s.Key, err)
		}
	}
	return nil
}

// missedRound names the round of a missed firing: as if it had begun in time.
func missedRound(service contest.ServiceKey, due time.Time) contest.RoundID {
	sum := sha256.Sum256([]byte(fmt.Sprint(service, due.Unix())))
	id := ulid.ULID(sum[:16])
	if err := id.SetTime(ulid.Timestamp(due)); err != nil { // a year that no clock shows
		return newRound(service, false).Round
	}
	return contest.RoundID(id.String())
}

// late returns when a service should have fired before now, if it did not and
// nothing makes up for it yet. One that never had a round has missed none, and
// what came while a round was under way was skipped, not missed.
func (q *Queue) late(ctx context.Context, s Service, now time.Time) (due time.Time, is bool, err error) {
	o, err := q.order(ctx, s.Key)
	if err != nil {
		return time.Time{}, false, err
	}
	_, from, err := q.config.Last(ctx, s.Key)
	if err != nil || o.Paused || from.IsZero() {
		return time.Time{}, false, err
	}
	if o.Since.After(from) {
		from = o.Since
	}
	spec, err := parse(s)
	if err != nil {
		return time.Time{}, false, err
	}
	due, is = missed(spec, from, now)
	if !is {
		return due, false, nil
	}
	waiting, err := q.waiting(ctx, s.Key, missedRound(s.Key, due))
	return due, !waiting, err
}
