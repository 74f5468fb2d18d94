package conduct_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/prom"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errAway is how a metric store answers that is away.
var errAway = errors.New("connection refused")

// patience is how long a test waits for what must come; no test passes by it.
const patience = 5 * time.Minute

// bench is a contest in one process: real state, queue, metric store and
// remote writes around a line. Only the generators' processes are replaced, and
// what is seen of a target before load.
type bench struct {
	t       *testing.T
	store   *store.Store
	metrics *metricstore.Store
	gens    *generators
	seen    *observer
	queries atomic.Int64
	broken  atomic.Bool // the metric store does not answer
	closed  atomic.Bool // no load window is open
	limits  conduct.Limits
	reached func(point string)

	measures, again map[contest.ServiceKey]conduct.Measure // without load
	shape           func(context.Context, contest.Run, contest.Script) (contest.Shape, error)

	mu    sync.Mutex
	teams []contest.Team
	rules config.Criterion
}

func newBench(t *testing.T, rules config.Criterion) *bench {
	t.Helper()
	b := &bench{t: t, rules: rules, limits: conduct.Limits{
		Targets: 4, Retries: 2, CollectAfter: time.Hour, Grace: time.Minute, Poll: 50 * time.Millisecond, Push: time.Second,
	}}
	var err error
	b.store, err = store.Open(t.Context(), state(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	b.metrics, err = metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	b.during(b.metrics.Run)
	b.seen = &observer{store: b.store}
	b.gens = newGenerators()
	t.Cleanup(func() {
		b.gens.close()
		require.Empty(t, b.gens.violations(), "what must never happen to a target")
		require.Empty(t, b.seen.early(), "what was told before it was committed")
	})
	return b
}

// migrated is a state database with all tables and no rows. It is made once,
// because making the tables takes longer than most tests.
var migrated = sync.OnceValues(func() (db []byte, err error) {
	dir, err := os.MkdirTemp("", "conduct-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := store.Open(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	_, err = schedule.New(context.Background(), s.DB(), schedule.Config{})
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "state.db"))
})

// state is a state directory of its own.
func state(t *testing.T) string {
	t.Helper()
	db, err := migrated()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state.db"), db, 0o600))
	return dir
}

// during runs a part until the test ends or stop is called.
func (b *bench) during(part func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(b.t, <-done)
	})
	b.t.Cleanup(stop)
	return stop
}

// open builds a line, as a new process would over the same state.
func (b *bench) open() (*conduct.Line, *schedule.Queue) {
	b.t.Helper()
	queue, err := schedule.New(b.t.Context(), b.store.DB(), schedule.Config{Poll: 100 * time.Millisecond, NoPeriods: true})
	require.NoError(b.t, err)
	asked, err := prom.New(prom.Config{URL: b.metrics.URL(), Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(b.t, err)
	return conduct.New(conduct.Parts{
		Store: b.store, Wake: queue, Launcher: b.gens, Writers: writers{b.metrics},
		Query: func(ctx context.Context, promql string, at time.Time) ([]contest.Sample, error) {
			b.queries.Add(1)
			if b.broken.Load() {
				return nil, errAway
			}
			return asked.Query(ctx, promql, at)
		},
		Teams: func(context.Context) ([]contest.Team, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.Clone(b.teams), nil
		},
		Inspect: inspect, Preflight: b.gens.preflight,
		Criterion:   func(contest.Criterion) (config.Criterion, bool) { return b.rules, true },
		LoadAllowed: func(time.Time) bool { return !b.closed.Load() },
		Observe:     b.seen, Reached: b.reached, Measures: b.measures, Again: b.again, Shape: b.shape,
	}, b.limits), queue
}

// serve opens a line and has the queue drive it until stop is called.
func (b *bench) serve() (line *conduct.Line, stop func()) {
	b.t.Helper()
	line, queue := b.open()
	require.NoError(b.t, line.Resume(b.t.Context()))
	stopLooks := b.during(line.Run)
	stopQueue := b.during(func(ctx context.Context) error { return queue.Run(ctx, stepsOf(line)) })
	return line, func() { stopQueue(); stopLooks() }
}

func stepsOf(line *conduct.Line) schedule.Steps {
	return schedule.Steps{
		Round: func(ctx context.Context, key contest.ServiceKey, id contest.RoundID) (time.Duration, error) {
			_, err := line.BeginAs(ctx, key, id)
			return 0, err
		},
		Advance: line.Advance, Collect: line.Collect, Look: line.Look,
	}
}

// begin begins a round of the search service.
func (b *bench) begin(line *conduct.Line) contest.RoundID {
	b.t.Helper()
	id, err := line.Begin(b.t.Context(), contest.SearchTesting)
	require.NoError(b.t, err)
	return id
}

// ended waits for the round's end.
func (b *bench) ended(id contest.RoundID) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		open, err := b.store.OpenClimbs(b.t.Context(), id)
		require.NoError(b.t, err)
		if open == 0 {
			return
		}
		require.True(b.t, time.Now().Before(deadline), "round does not end")
		time.Sleep(50 * time.Millisecond)
	}
}

// drive does the steps of the round that are due, one after the other, until
// none is: then it has ended, unless a run waits for its target.
func (b *bench) drive(line *conduct.Line, round contest.RoundID) {
	b.t.Helper()
	b.advance(line, round)
	for len(b.runs(round, contest.RunEnded, contest.RunCollected)) > 0 {
		_, err := line.Collect(b.t.Context(), round)
		require.NoError(b.t, err)
		b.advance(line, round)
	}
}

// advance takes every run of the round to its end.
func (b *bench) advance(line *conduct.Line, round contest.RoundID) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		under := b.runs(round, contest.RunLeased, contest.RunPrepared, contest.RunLaunched)
		if len(under) == 0 {
			return
		}
		for _, r := range under {
			_, err := line.Advance(b.t.Context(), r.ID)
			require.NoError(b.t, err)
		}
		require.True(b.t, time.Now().Before(deadline), "runs do not end")
		time.Sleep(time.Millisecond)
	}
}

func (b *bench) runs(round contest.RoundID, states ...contest.RunState) []store.Run {
	b.t.Helper()
	runs, err := b.store.RunsIn(b.t.Context(), round, states...)
	require.NoError(b.t, err)
	return runs
}

// verdict returns the newest verdict on a team's search.
func (b *bench) verdict(team contest.Slug) contest.Verdict {
	b.t.Helper()
	all, err := b.store.Verdicts(b.t.Context())
	require.NoError(b.t, err)
	for _, v := range all {
		if v.Team.Slug == team && v.Criterion == contest.EventSearch {
			return v
		}
	}
	b.t.Fatalf("there is no verdict on %s", team)
	return contest.Verdict{}
}

// outbox returns the update that the Hub is told of a team's search, if any.
func (b *bench) outbox(team contest.Slug) (row contest.OutboxRow, ok bool) {
	b.t.Helper()
	rows, err := b.store.Outbox(b.t.Context())
	require.NoError(b.t, err)
	for _, r := range rows {
		if r.Update.TeamSlug == team {
			return r, true
		}
	}
	return contest.OutboxRow{}, false
}

// count counts rows of the state database.
func (b *bench) count(from string, args ...any) (n int) {
	b.t.Helper()
	b.sql(func(tx *sql.Tx) error { return tx.QueryRow("SELECT count(*) FROM "+from, args...).Scan(&n) })
	return n
}

// exec changes the state database behind the line's back.
func (b *bench) exec(statement string, args ...any) {
	b.t.Helper()
	b.sql(func(tx *sql.Tx) error { _, err := tx.Exec(statement, args...); return err })
}

func (b *bench) sql(do func(tx *sql.Tx) error) {
	b.t.Helper()
	require.NoError(b.t, b.store.Write(b.t.Context(), func(tx *store.Tx) error { return do(tx.SQL.Tx) }))
}

// atRest checks what must hold once all rounds have ended.
func (b *bench) atRest() {
	b.t.Helper()
	judged := b.count(`runs WHERE state = 'judged'`)
	require.Equal(b.t, b.count(`runs`), judged, "runs that are not judged")
	require.Equal(b.t, judged, b.count(`evidence`))
	require.Equal(b.t, judged, b.count(`run_verdicts`))
	require.Zero(b.t, b.count(`leases`))
	require.Zero(b.t, b.count(`climbs WHERE ended_at IS NULL`))
	require.Zero(b.t, b.count(`rounds WHERE ended_at IS NULL`))
	left, err := b.gens.List(b.t.Context())
	require.NoError(b.t, err)
	require.Empty(b.t, left, "launches that nobody wants any more")
}

// ladder is a criterion of levels that are worth 1, 2, 4, … points.
func ladder(repeats int, users ...int) config.Criterion {
	c := config.Criterion{Scenario: "search", Repeats: repeats, Score: config.ScoreSum, Result: config.ResultLatest}
	for i, u := range users {
		c.Levels = append(c.Levels, contest.Level{Users: u, Duration: contest.Duration(time.Second), Points: 1 << i})
	}
	return c
}

// team has a target of its own.
func team(slug string) contest.Team {
	return contest.Team{Slug: contest.Slug(slug), Name: slug, HackathonID: "1", Endpoint: fmt.Sprintf("http://%s.example.org", slug)}
}

// observer counts what it is told, and looks whether that was committed.
type observer struct {
	store *store.Store

	mu     sync.Mutex
	judged int
	rounds []contest.Round
	wrong  []string
}

func (o *observer) RunJudged(r contest.Run) {
	row, err := o.store.Run(context.Background(), string(r.ID))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.judged++
	if err != nil || row.State != contest.RunJudged || row.Outcome != r.Outcome {
		o.wrong = append(o.wrong, fmt.Sprintf("run %s: %v %v", r.ID, row.State, err))
	}
}

func (o *observer) RoundEnded(r contest.Round) {
	row, err := o.store.Round(context.Background(), r.ID)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rounds = append(o.rounds, r)
	if row.EndedAt == nil {
		o.wrong = append(o.wrong, fmt.Sprintf("round %s: %v", r.ID, err))
	}
}

func (o *observer) UpdateQueued() {}

func (o *observer) early() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wrong
}

func (o *observer) roundsEnded() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rounds)
}
