package schedule

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestStepsAreWokenByTheCommit(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{})
	var c calls
	running(t, q, c.steps())

	err := inTx(t, db, func(tx *sql.Tx) error {
		require.NoError(t, q.WakeRun(t.Context(), tx, "rolled back"))
		require.NoError(t, q.WakeCollect(t.Context(), tx, "rolled back"))
		return errRollback
	})
	require.ErrorIs(t, err, errRollback)
	require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
		require.NoError(t, q.WakeCollect(t.Context(), tx, "round"))
		require.NoError(t, q.WakeRun(t.Context(), tx, "run"))
		time.Sleep(5 * quick) // long enough to be fetched, were it to be seen already
		require.Zero(t, c.of("run run"))
		return nil
	}))
	c.await(t, "run run", 1)
	c.await(t, "collect round", 1)
	require.Zero(t, c.of("run rolled back"))
	require.Zero(t, c.of("collect rolled back"))
}

func TestJobsOfBeforeRunAreDone(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{})
	for n := range 40 { // more than are done at once
		wakeRun(t, q, db, contest.RunID(fmt.Sprint(n)))
	}
	require.NoError(t, q.Fire(t.Context(), contest.GitMonitor))
	var c calls
	running(t, q, c.steps())
	for n := range 40 {
		c.await(t, fmt.Sprint("run ", n), 1)
	}
	c.await(t, "round git-monitor", 1)
}

func TestSnoozedStepsAreCalledAgain(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{})
	const times = 5
	c := calls{answer: func(_ string, nth int) (time.Duration, error) {
		if nth < times {
			return time.Millisecond, nil
		}
		return 0, nil
	}}
	stop := running(t, q, c.steps())
	wakeRun(t, q, db, "a")
	require.NoError(t, inTx(t, db, func(tx *sql.Tx) error { return q.WakeCollect(t.Context(), tx, "r") }))
	c.await(t, "run a", times)
	c.await(t, "collect r", times)
	require.NoError(t, stop())
	require.Equal(t, []int{times, times}, []int{c.of("run a"), c.of("collect r")}, "nothing follows a step that is done")
	require.Equal(t, map[string]int{"completed 1": 2}, jobs(t, db), "waiting uses no attempt up")
}

// jobs counts the jobs in the database by their state and attempt.
func jobs(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT CAST(state AS TEXT) || ' ' || CAST(attempt AS TEXT), count(*) FROM river_job GROUP BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		require.NoError(t, rows.Scan(&state, &n))
		all[state] = n
	}
	require.NoError(t, rows.Err())
	return all
}

func TestFailedStepsAreTriedAgainAndStopNobody(t *testing.T) {
	t.Parallel()
	var log safeBuffer
	q, db := freshQueue(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	c := calls{answer: func(name string, nth int) (time.Duration, error) {
		switch {
		case name == "run panics":
			panic("in the step")
		case name == "run bad" && nth == 1:
			return time.Millisecond, errors.New("no luck")
		}
		return 0, nil
	}}
	running(t, q, c.steps())
	for _, id := range []contest.RunID{"bad", "panics", "good"} {
		wakeRun(t, q, db, id)
	}
	c.await(t, "run good", 1)
	c.await(t, "run bad", 2)
	c.await(t, "run panics", 1)
	require.Contains(t, log.String(), `msg="step failed, will be tried again" step="advance run bad" attempt=1 of=30000 error="no luck"`)

	var wait float64
	require.NoError(t, db.QueryRowContext(t.Context(), sqlWait).Scan(&wait))
	require.InDelta(t, 2, wait, 0.5, "2^1 seconds after the first failure")
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second, 4: 16 * time.Second, 5: 32 * time.Second,
		6: time.Minute, 7: time.Minute, 63: time.Minute, 64: time.Minute, 1000: time.Minute,
	} {
		require.Equal(t, want, retryAfter(failures), failures)
	}
}

func TestRoundsThatCannotBeginBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	var log safeBuffer
	q, db := freshQueue(t, Config{
		Services: []Service{{Key: contest.GitMonitor, Retries: 1}, {Key: contest.SearchTesting}},
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
	})
	c := calls{answer: func(string, int) (time.Duration, error) { return 0, errors.New("the Hub gives no teams") }}
	stop := running(t, q, c.steps())
	require.NoError(t, q.Fire(t.Context(), contest.GitMonitor))
	require.NoError(t, q.Fire(t.Context(), contest.SearchTesting))
	c.await(t, "round git-monitor", 2)
	c.await(t, "round k6-search-testing", 1)
	require.Eventually(t, func() bool { return jobs(t, db)["discarded 2"] == 1 }, patient, quick)
	require.NoError(t, stop())
	require.Equal(t, map[string]int{"discarded 1": 1, "discarded 2": 1}, jobs(t, db))
	require.Contains(t, log.String(), "kept as a dead letter")
	require.Len(t, c.rounds["git-monitor"], 1, "all tries of a firing are one round")
	require.NotEqual(t, c.rounds["git-monitor"], c.rounds["k6-search-testing"])

	// A year later the cleaner takes what was done and leaves the dead letters.
	c.answer = nil
	wakeRun(t, q, db, "done")
	stop = running(t, q, c.steps())
	require.Eventually(t, func() bool { return jobs(t, db)["completed 1"] == 1 }, patient, quick)
	require.NoError(t, stop())
	_, err := db.ExecContext(t.Context(), sqlYearAgo)
	require.NoError(t, err)
	running(t, q, c.steps())
	require.Eventually(t, func() bool { return jobs(t, db)["completed 1"] == 0 }, patient, quick)
	require.Equal(t, map[string]int{"discarded 1": 1, "discarded 2": 1}, jobs(t, db), "dead letters stay")
}

func TestRunWaitsForRunningSteps(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{SoftStop: patient})
	begun, finish := make(chan struct{}), make(chan struct{})
	var finished, cancelled bool
	steps := (&calls{}).steps()
	steps.Advance = func(ctx context.Context, _ contest.RunID) (time.Duration, error) {
		close(begun)
		<-finish
		finished, cancelled = true, ctx.Err() != nil
		return 0, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, steps) }()
	wakeRun(t, q, db, "a")
	<-begun
	cancel()
	select {
	case <-ended:
		t.Fatal("a step was running")
	case <-time.After(5 * quick):
	}
	close(finish)
	require.NoError(t, <-ended)
	require.True(t, finished)
	require.False(t, cancelled, "within the grace nobody disturbs it")
	require.Equal(t, map[string]int{"completed 1": 1}, jobs(t, db))
}

func TestRunCancelsStepsAfterItsGrace(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{SoftStop: 20 * quick})
	begun := make(chan struct{})
	steps := (&calls{}).steps()
	steps.Advance = func(ctx context.Context, _ contest.RunID) (time.Duration, error) {
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	stop := running(t, q, steps)
	wakeRun(t, q, db, "a")
	<-begun
	require.NoError(t, stop())
	require.Zero(t, jobs(t, db)["running 1"], "it will be tried again: %v", jobs(t, db))
}

func TestRunSaysThatAStepWillNotStop(t *testing.T) {
	t.Parallel()
	q, db := freshQueue(t, Config{SoftStop: 5 * quick, HardStop: 5 * quick})
	begun, finish := make(chan struct{}), make(chan struct{})
	steps := (&calls{}).steps()
	var left sync.WaitGroup
	left.Add(1)
	steps.Advance = func(context.Context, contest.RunID) (time.Duration, error) {
		defer left.Done()
		close(begun)
		<-finish
		return 0, nil
	}
	stop := running(t, q, steps)
	wakeRun(t, q, db, "a")
	<-begun
	require.ErrorContains(t, stop(), "a step goes on although it was cancelled")
	close(finish)
	left.Wait()
	require.Eventually(t, func() bool { return jobs(t, db)["completed 1"] == 1 }, patient, quick)
}

// A killed process leaves its job as "running". The next one does not wait for
// its rescue: a fresh wake beside it is done at once.
func TestFreshWakeBesideAStuckJob(t *testing.T) {
	t.Parallel()
	db := database(t)
	first := newQueue(t, db, Config{SoftStop: patient})
	wakeRun(t, first, db, "a")
	_, err := db.ExecContext(t.Context(), sqlStuck)
	require.NoError(t, err)

	second := newQueue(t, db, Config{})
	var c calls
	stop := running(t, second, c.steps())
	wakeRun(t, second, db, "a")
	c.await(t, "run a", 1)
	require.NoError(t, stop())
	require.Equal(t, 1, jobs(t, db)["running 1"], "the stuck one is left to the rescue")

	// Two minutes later the rescuer finds it, and the step is woken again.
	_, err = db.ExecContext(t.Context(), sqlStuckLonger)
	require.NoError(t, err)
	third := newQueue(t, db, Config{})
	running(t, third, c.steps())
	c.await(t, "run a", 2)
}

func TestTwoQueuesOneAfterTheOther(t *testing.T) {
	t.Parallel()
	db := database(t)
	var c calls
	first := newQueue(t, db, Config{})
	stop := running(t, first, c.steps())
	wakeRun(t, first, db, "a")
	c.await(t, "run a", 1)
	require.NoError(t, stop())
	wakeRun(t, first, db, "b") // waking works while nothing runs
	second := newQueue(t, db, Config{})
	running(t, second, c.steps())
	c.await(t, "run b", 1)
	require.Equal(t, 1, c.of("run a"), "a step that was done is not done again")
}

// safeBuffer is a log that is written and read at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
