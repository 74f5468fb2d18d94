package schedule

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// teardown ends what a build tag's tests need.
var teardown = func() {}

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests wait for back-offs and polls, not for processors.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	code := m.Run()
	teardown()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println("goroutines left behind:", err)
		code = 1
	}
	os.Exit(code)
}

const (
	quick   = 10 * time.Millisecond
	patient = time.Minute // for what must happen; it takes milliseconds
)

func newQueue(t *testing.T, db *sql.DB, c Config) *Queue {
	t.Helper()
	c.Poll, c.Postgres = quick, onPostgres
	q, err := New(t.Context(), db, c)
	require.NoError(t, err)
	return q
}

func freshQueue(t *testing.T, c Config) (*Queue, *sql.DB) {
	t.Helper()
	db := database(t)
	return newQueue(t, db, c), db
}

// running runs q until stop is called or the test ends.
func running(t *testing.T, q *Queue, steps Steps) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, steps) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return stop
}

// calls counts the calls of steps and answers them.
type calls struct {
	mu     sync.Mutex
	counts map[string]int
	rounds map[contest.ServiceKey]map[contest.RoundID]bool
	answer func(name string, nth int) (time.Duration, error)
}

func (c *calls) call(name string) (time.Duration, error) {
	c.mu.Lock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[name]++
	nth := c.counts[name]
	c.mu.Unlock()
	if c.answer == nil {
		return 0, nil
	}
	return c.answer(name, nth)
}

func (c *calls) began(s contest.ServiceKey, id contest.RoundID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rounds == nil {
		c.rounds = map[contest.ServiceKey]map[contest.RoundID]bool{}
	}
	if c.rounds[s] == nil {
		c.rounds[s] = map[contest.RoundID]bool{}
	}
	c.rounds[s][id] = true
}

func (c *calls) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[name]
}

func (c *calls) steps() Steps {
	return Steps{
		Round: func(_ context.Context, s contest.ServiceKey, id contest.RoundID) (time.Duration, error) {
			c.began(s, id)
			return c.call("round " + string(s))
		},
		Advance: func(_ context.Context, r contest.RunID) (time.Duration, error) { return c.call("run " + string(r)) },
		Collect: func(_ context.Context, r contest.RoundID) (time.Duration, error) {
			return c.call("collect " + string(r))
		},
	}
}

func (c *calls) await(t *testing.T, name string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return c.of(name) >= times }, patient, quick, "%s: %d of %d", name, c.of(name), times)
}

var errRollback = errors.New("changed our mind")

// inTx wakes what wake wakes, and commits unless it fails.
func inTx(t *testing.T, db *sql.DB, wake func(tx *sql.Tx) error) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	if err := wake(tx); err != nil {
		require.NoError(t, tx.Rollback())
		return err
	}
	return tx.Commit()
}

func wakeRun(t *testing.T, q *Queue, db *sql.DB, id contest.RunID) {
	t.Helper()
	require.NoError(t, inTx(t, db, func(tx *sql.Tx) error { return q.WakeRun(t.Context(), tx, id) }))
}
