// Package schedule drives the line: it fires services on their cron and wakes
// the runs that have a next step, through River on the state database.
//
// What comes in are wake calls, most of them inside the transaction that made
// the step due, so a step is woken exactly when it was committed. What goes out
// are calls of Steps. A job holds no state of its own: it names a run or a
// round, and the step reads the rest from its row. So a job that is delivered
// twice, late, or by a process that was thought dead does no harm.
//
// River cannot tell a long job from a dead one. Steps are therefore short and
// ask to be called again (snooze) while a generator works.
package schedule

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Steps are what the jobs do. A step that returns again > 0 is called again
// after that time; one that fails is called again after a growing back-off, a
// round under the same id.
type Steps struct {
	Round   func(ctx context.Context, service contest.ServiceKey, id contest.RoundID) (again time.Duration, err error)
	Advance func(ctx context.Context, run contest.RunID) (again time.Duration, err error)
	Collect func(ctx context.Context, round contest.RoundID) (again time.Duration, err error)
	Look    func(ctx context.Context, round contest.RoundID) (again time.Duration, err error)
}

// Service is when a service fires.
type Service struct {
	Key      contest.ServiceKey
	Cron     string // five fields; empty: only when asked
	Timezone *time.Location
	Retries  int // further tries of a round that could not begin
}

// Config sets a Queue up. Zero values take the defaults.
type Config struct {
	Services  []Service
	Rounds    int           // rounds that may begin at once; default 5
	Postgres  bool          // the database is PostgreSQL, not SQLite
	Poll      time.Duration // how often the database is asked for work; default 200 ms, on PostgreSQL 500 ms
	SoftStop  time.Duration // how long running steps may finish after a stop; default 10 s
	HardStop  time.Duration // how long they have to end once they are cancelled; default 10 s
	Log       *slog.Logger
	NoPeriods bool          // fire no cron: everything is asked for
	Attend    time.Duration // how often missed firings and other replicas' changes are looked for; default 15 s

	Book    Book                             // keeps what operators change; nil: forgotten with the process
	Last    LastRound                        // nil: there were no rounds
	Skipped func(service contest.ServiceKey) // told each firing that a pause swallows; may be nil
	Running func(t time.Time) bool           // whether the contest is on at t: nothing fires by itself when it is not; nil: always
}

// A step takes at most stepTimeout (a reset may take 30 s of it); a job that
// has been running for longer than rescueAfter belonged to a dead process.
const (
	stepTimeout  = 45 * time.Second
	rescueAfter  = 60 * time.Second
	stepAttempts = 30_000 // at a minute each, three weeks
	longestRetry = time.Minute
	keepFinished = time.Hour
	queueRounds  = "rounds"
	queueSteps   = "steps"
	stepWorkers  = 16
)

// Queue wakes steps. Waking works from New on; steps are done while Run runs.
type Queue struct {
	driver riverdriver.Driver[*sql.Tx]
	insert *river.Client[*sql.Tx]
	config Config

	working sync.Mutex                    // guards client and fires
	client  *river.Client[*sql.Tx]        // while Run runs
	fires   map[contest.ServiceKey]string // at which intervals it fires
}

// New prepares the queue's tables in db, the state database's writing pool. A
// cron expression that is wrong or never fires is an error that names its service.
func New(ctx context.Context, db *sql.DB, c Config) (*Queue, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Rounds <= 0 {
		c.Rounds = 5
	}
	if c.Poll <= 0 {
		// database/sql cannot listen for notifications, so PostgreSQL is asked too,
		// by every replica.
		if c.Poll = 200 * time.Millisecond; c.Postgres {
			c.Poll = 500 * time.Millisecond
		}
	}
	if c.Attend <= 0 {
		c.Attend = 15 * time.Second
	}
	if c.SoftStop <= 0 {
		c.SoftStop = 10 * time.Second
	}
	if c.HardStop <= 0 {
		c.HardStop = 10 * time.Second
	}
	if _, err := c.periods(c.Services); err != nil {
		return nil, err
	}
	if c.Book == nil {
		c.Book = newMemory()
	}
	if c.Running == nil {
		c.Running = func(time.Time) bool { return true }
	}
	if c.Last == nil {
		c.Last = noRounds
	}
	driver, err := prepare(ctx, db, c)
	if err != nil {
		return nil, err
	}
	insert, err := river.NewClient(driver, &river.Config{Logger: quiet(c.Log)})
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return &Queue{driver: driver, insert: insert, config: c}, nil
}

// quiet keeps River's own chatter out of the log; its warnings stay.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(levelHandler{log.Handler(), slog.LevelWarn})
}

// WakeRun has the run's next step done soon after tx commits.
func (q *Queue) WakeRun(ctx context.Context, tx *sql.Tx, id contest.RunID) error {
	_, err := q.insert.InsertTx(ctx, tx, advanceArgs{Run: id}, nil)
	if err != nil {
		return fmt.Errorf("wake run %s: %w", id, err)
	}
	return nil
}

// WakeWaiting has a planned run looked at soon after tx commits, unless it is
// being looked at already.
func (q *Queue) WakeWaiting(ctx context.Context, tx *sql.Tx, id contest.RunID) error {
	once := river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}
	if _, err := q.insert.InsertTx(ctx, tx, advanceArgs{Run: id}, &river.InsertOpts{UniqueOpts: once}); err != nil {
		return fmt.Errorf("wake waiting run %s: %w", id, err)
	}
	return nil
}

// WakeCollect has the round's ended runs collected soon after tx commits.
func (q *Queue) WakeCollect(ctx context.Context, tx *sql.Tx, id contest.RoundID) error {
	_, err := q.insert.InsertTx(ctx, tx, collectArgs{Round: id}, nil)
	if err != nil {
		return fmt.Errorf("wake collection of round %s: %w", id, err)
	}
	return nil
}

// WakeLook has the round that measures without load seen to after tx commits.
func (q *Queue) WakeLook(ctx context.Context, tx *sql.Tx, id contest.RoundID) error {
	_, err := q.insert.InsertTx(ctx, tx, lookArgs{Round: id}, nil)
	if err != nil {
		return fmt.Errorf("wake look at round %s: %w", id, err)
	}
	return nil
}

// FireTx has a round of the service begun soon after tx commits, whatever its
// cron says.
func (q *Queue) FireTx(ctx context.Context, tx *sql.Tx, service contest.ServiceKey) error {
	_, err := q.insert.InsertTx(ctx, tx, newRound(service, false), q.config.roundOptions(service))
	if err != nil {
		return fmt.Errorf("fire %s: %w", service, err)
	}
	return nil
}

// Fire has a round of the service begun now, whatever its cron says.
func (q *Queue) Fire(ctx context.Context, service contest.ServiceKey) error {
	_, err := q.insert.Insert(ctx, newRound(service, false), q.config.roundOptions(service))
	if err != nil {
		return fmt.Errorf("fire %s: %w", service, err)
	}
	return nil
}

func (c Config) roundOptions(service contest.ServiceKey) *river.InsertOpts {
	opts := &river.InsertOpts{MaxAttempts: 1}
	for _, s := range c.Services {
		if s.Key == service {
			opts.MaxAttempts = s.Retries + 1
		}
	}
	return opts
}

// Run does steps until ctx is done, then lets the running ones finish: for
// SoftStop undisturbed, and for as long again with their context cancelled.
func (q *Queue) Run(ctx context.Context, steps Steps) error {
	services, err := q.inForce(ctx)
	if err != nil {
		return err
	}
	if err := q.catchUp(ctx, services, time.Now()); err != nil {
		return fmt.Errorf("make up for missed rounds: %w", err)
	}
	client, err := q.newClient(steps, services)
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	q.works(client, services)
	q.attend(ctx)
	q.works(nil, nil)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.config.SoftStop)
	defer cancel()
	if err := client.Stop(grace); err != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.config.HardStop)
		defer cancel()
		if err := client.StopAndCancel(hard); err != nil {
			return fmt.Errorf("stop job queue: a step goes on although it was cancelled: %w", err)
		}
	}
	return nil
}

func (q *Queue) newClient(steps Steps, services []Service) (*river.Client[*sql.Tx], error) {
	periods, err := q.config.periods(services)
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(q.driver, &river.Config{
		Logger:                      quiet(q.config.Log),
		Workers:                     workers(steps, q.config.Log, q.swallowed),
		PeriodicJobs:                periods,
		Queues:                      map[string]river.QueueConfig{queueRounds: {MaxWorkers: q.config.Rounds}, queueSteps: {MaxWorkers: stepWorkers}},
		FetchCooldown:               min(q.config.Poll, 100*time.Millisecond),
		FetchPollInterval:           q.config.Poll,
		JobTimeout:                  stepTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		RetryPolicy:                 retryPolicy{},
		CompletedJobRetentionPeriod: keepFinished,
		DiscardedJobRetentionPeriod: -1, // dead letters are never pruned silently
	})
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return client, nil
}
