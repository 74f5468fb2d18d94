package schedule

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestMissed(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return moment
	}
	rows := []struct {
		name, cron, from, now string
		want                  bool
	}{
		{"nothing was due", "0 */6 * * *", "2026-11-24T06:00:01Z", "2026-11-24T11:59:59Z", false},
		{"one was due", "0 */6 * * *", "2026-11-24T06:00:01Z", "2026-11-24T12:00:01Z", true},
		{"many were due", "*/5 * * * *", "2026-11-24T06:00:01Z", "2026-11-24T12:00:01Z", true},
		{"due this instant: the cron itself fires", "0 */6 * * *", "2026-11-24T06:00:01Z", "2026-11-24T12:00:00Z", false},
		{"due longer ago than is made up for", "0 0 1 * *", "2026-10-15T00:00:00Z", "2026-11-24T12:00:00Z", false},
		{"due long ago and also of late", "0 0 * * *", "2026-10-15T00:00:00Z", "2026-11-24T12:00:00Z", true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			spec, err := parse(Service{Cron: row.cron, Timezone: time.UTC})
			require.NoError(t, err)
			_, is := missed(spec, at(row.from), at(row.now))
			require.Equal(t, row.want, is)
		})
	}
}

func TestMissedRoundsAreMadeUpForOnce(t *testing.T) {
	t.Parallel()
	long := time.Now().Add(-20 * time.Hour)
	last := func(_ context.Context, s contest.ServiceKey) (began, ended time.Time, err error) {
		switch s {
		case contest.CostTracking:
			return time.Time{}, time.Time{}, nil // never
		case contest.SearchTesting:
			return long, time.Time{}, nil // still under way
		case contest.AuthTesting:
			return long, time.Now(), nil // it took long, and what came meanwhile was skipped
		}
		return long, long, nil
	}
	var services []Service
	for _, key := range []contest.ServiceKey{contest.GitMonitor, contest.CostTracking, contest.SearchTesting, contest.AuthTesting, contest.ArchiveTesting} {
		services = append(services, Service{Key: key, Cron: "0 * * * *"})
	}
	q, db := freshQueue(t, Config{Services: services, Last: last})
	require.NoError(t, q.Pause(t.Context(), contest.ArchiveTesting))
	for range 2 { // the second finds the first's job waiting
		require.NoError(t, q.catchUp(t.Context(), services, time.Now()))
	}
	require.Equal(t, map[string]int{"available 0": 1}, jobs(t, db))
	var c calls
	running(t, q, c.steps())
	c.await(t, "round git-monitor", 1)
}

// A process that is there makes up for a firing too: its machine slept, or the
// database took nothing when it was due. One that cannot be made up for is a dead
// letter once, and does not come back by itself.
func TestMissedRoundsAreMadeUpForMeanwhile(t *testing.T) {
	t.Parallel()
	tenHoursAgo := time.Now().Add(-10 * time.Hour)
	var slept atomic.Bool
	looks := make(chan struct{})
	q, db := freshQueue(t, Config{
		Services: []Service{{Key: contest.GitMonitor, Cron: tenHoursAgo.Format("4 15 * * *")}}, Attend: quick,
		Last: func(ctx context.Context, s contest.ServiceKey) (began, ended time.Time, err error) {
			select {
			case looks <- struct{}{}:
			case <-ctx.Done():
			}
			if slept.Load() {
				return lastEnded(tenHoursAgo.Add(-time.Hour))(ctx, s)
			}
			return lastEnded(time.Now())(ctx, s)
		},
	})
	c := calls{answer: func(string, int) (time.Duration, error) { return 0, errors.New("the Hub gives no teams") }}
	running(t, q, c.steps())
	<-looks
	<-looks
	require.Empty(t, jobs(t, db))
	slept.Store(true)
	for jobs(t, db)["discarded 1"] == 0 {
		<-looks
	}
	for range 3 {
		<-looks
	}
	require.Equal(t, map[string]int{"discarded 1": 1}, jobs(t, db))
	require.Equal(t, 1, c.of("round git-monitor"))
}

// A round that asks to be called again has failed nothing: its only try is left.
func TestRoundsMayWait(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{Services: []Service{{Key: contest.GitMonitor}}})
	c := calls{answer: func(_ string, nth int) (time.Duration, error) {
		if nth < 4 {
			return quick, nil
		}
		return 0, nil
	}}
	running(t, q, c.steps())
	require.NoError(t, q.Fire(t.Context(), contest.GitMonitor))
	c.await(t, "round git-monitor", 4)
	require.Eventually(t, func() bool { return jobs(t, db)["completed 1"] == 1 }, patient, quick)
	require.Len(t, c.rounds["git-monitor"], 1, "all of it is one round")
}

func TestPauseSurvivesARestartAndCountsWhatItSwallows(t *testing.T) {
	t.Parallel()
	book := memoryOf()
	told := make(chan contest.ServiceKey, 100)
	config := Config{Services: []Service{{Key: contest.GitMonitor, Cron: "@every 1s"}}, Book: book, Skipped: func(s contest.ServiceKey) { told <- s }}
	first, _ := freshQueue(t, config)
	require.NoError(t, first.Pause(t.Context(), contest.GitMonitor))

	second, _ := freshQueue(t, config)
	var c calls
	running(t, second, c.steps())
	require.Equal(t, contest.GitMonitor, <-told)
	require.Zero(t, c.of("round git-monitor"), "its cron fires nothing")
	st := status(t, second, contest.GitMonitor)
	require.True(t, st.Paused)
	require.Nil(t, st.NextRun)
	require.Positive(t, st.Skipped)
	require.NoError(t, second.Fire(t.Context(), contest.GitMonitor))
	c.await(t, "round git-monitor", 1)
	require.NoError(t, second.Resume(t.Context(), contest.GitMonitor))
	c.await(t, "round git-monitor", 2)
}

func TestRescheduleReachesTheRunningQueueAndTheNext(t *testing.T) {
	t.Parallel()
	book := memoryOf()
	config := Config{Services: []Service{{Key: contest.GitMonitor, Cron: "@yearly"}}, Book: book}
	q, _ := freshQueue(t, config)
	var c calls
	running(t, q, c.steps())
	require.Eventually(t, func() bool { q.working.Lock(); defer q.working.Unlock(); return q.client != nil }, patient, quick)
	require.ErrorIs(t, q.Reschedule(t.Context(), contest.GitMonitor, "0 0 30 2 *"), ErrBadInterval)
	require.ErrorIs(t, q.Reschedule(t.Context(), contest.CostTracking, "@daily"), ErrNotScheduled)
	require.NoError(t, q.Reschedule(t.Context(), contest.GitMonitor, "@every 1s"))
	c.await(t, "round git-monitor", 1)
	next, _ := freshQueue(t, config)
	require.Equal(t, "@every 1s", status(t, next, contest.GitMonitor).Interval)
	require.False(t, status(t, next, contest.CostTracking).Enabled)
}

func TestDeadLettersAreShownRetriedAndDropped(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{Services: []Service{{Key: contest.GitMonitor}}})
	c := calls{answer: func(_ string, nth int) (time.Duration, error) {
		if nth == 2 {
			return 0, nil
		}
		return 0, errors.New("the Hub gives no teams")
	}}
	running(t, q, c.steps())
	dead := func(n int) (all []DeadLetter) {
		require.Eventually(t, func() bool {
			var err error
			all, err = q.DeadLetters(t.Context())
			return err == nil && len(all) == n
		}, patient, quick)
		return all
	}
	require.NoError(t, q.Fire(t.Context(), contest.GitMonitor))
	first := dead(1)[0]
	require.Equal(t, contest.GitMonitor, first.Service)
	require.Equal(t, "the Hub gives no teams", first.Cause())
	require.Equal(t, 1, first.Tries)
	retry := func(id int64) error {
		return inTx(t, db, func(tx *sql.Tx) error { return q.RetryLetter(t.Context(), tx, id) })
	}
	drop := func(id int64) error {
		return inTx(t, db, func(tx *sql.Tx) error { return q.DropLetter(t.Context(), tx, id) })
	}
	require.ErrorIs(t, inTx(t, db, func(tx *sql.Tx) error {
		return errors.Join(q.RetryLetter(t.Context(), tx, first.ID), errRollback)
	}), errRollback)
	dead(1)
	require.NoError(t, retry(first.ID))
	c.await(t, "round git-monitor", 2)
	dead(0)
	require.ErrorIs(t, retry(first.ID), ErrNoLetter)

	require.NoError(t, inTx(t, db, func(tx *sql.Tx) error { return q.FireTx(t.Context(), tx, contest.GitMonitor) }))
	second := dead(1)[0]
	require.NoError(t, drop(second.ID))
	dead(0)
	require.ErrorIs(t, drop(second.ID), ErrNoLetter)
}

func memoryOf() Book { return newMemory() }

func status(t *testing.T, q *Queue, key contest.ServiceKey) JobStatus {
	t.Helper()
	all, err := q.Status(t.Context())
	require.NoError(t, err)
	for _, st := range all {
		if st.Service == key {
			return st
		}
	}
	t.Fatalf("%s has no status", key)
	return JobStatus{}
}
