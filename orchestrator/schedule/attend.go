package schedule

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// lateAfter is how long after its time a firing counts as missed while a process
// is there: its machine slept, or the database took nothing. One of the replicas
// fires, the leader that they elect; when it dies, the next one is elected within
// a quarter of a minute, and does not know what its predecessor still did.
const lateAfter = time.Minute

// attend returns when ctx is done. Meanwhile it sees to what this process alone
// would not notice: firings that nobody could put into the database, and
// intervals that were changed in another replica.
func (q *Queue) attend(ctx context.Context) {
	if q.config.NoPeriods {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(q.config.Attend)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := q.followOthers(ctx); err != nil && ctx.Err() == nil {
			q.config.Log.WarnContext(ctx, "schedule could not be read again", "error", err)
		}
	}
}

func (q *Queue) followOthers(ctx context.Context) error {
	services, err := q.inForce(ctx)
	if err != nil {
		return err
	}
	for _, s := range services {
		if err := q.firesAt(s); err != nil {
			return err
		}
	}
	return q.catchUp(ctx, services, time.Now().Add(-lateAfter))
}

// works notes which client fires now, and when, so that a new interval reaches it.
func (q *Queue) works(client *river.Client[*sql.Tx], services []Service) {
	q.working.Lock()
	defer q.working.Unlock()
	q.client, q.fires = client, map[contest.ServiceKey]string{}
	for _, s := range services {
		q.fires[s.Key] = s.Cron
	}
}

// firesAt has the working client fire at a service's interval from now on.
func (q *Queue) firesAt(s Service) error {
	q.working.Lock()
	defer q.working.Unlock()
	if q.client == nil || q.config.NoPeriods || s.Cron == "" || q.fires[s.Key] == s.Cron {
		return nil
	}
	job, err := q.config.period(s)
	if err != nil {
		return err
	}
	q.client.PeriodicJobs().RemoveByID(string(s.Key))
	if _, err := q.client.PeriodicJobs().AddSafely(job); err != nil {
		return fmt.Errorf("reschedule %s: %w", s.Key, err)
	}
	q.fires[s.Key] = s.Cron
	return nil
}
