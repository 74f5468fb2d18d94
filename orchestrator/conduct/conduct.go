// Package conduct knows the order of the line: it plans a round, takes each run
// from its lease to its verdict, and climbs the ladder of levels.
//
//	planned → leased → prepared → launched → ended → collected → judged
//
// A run is a row; each step reads it, does one short thing and commits the next
// state before anything else happens. So a step may be repeated after a kill at
// any instant: a launch is started by its testid and therefore once, evidence
// waits in the metric store, and the evidence, the verdict and the update for
// the Hub are written in one transaction or not at all. A step that comes too
// late (a rescued twin) finds the row moved on and does nothing.
//
// What could not be measured is invalid and is measured again, a bounded number
// of times; it is never published as a team's failure.
package conduct

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// Launcher puts load on a target. Every call is idempotent by testid, so that
// a step may be repeated.
type Launcher interface {
	Start(ctx context.Context, l contest.Launch) error
	Status(ctx context.Context, id contest.TestID) (contest.LaunchStatus, error)
	Remove(ctx context.Context, id contest.TestID) error // stop it, and leave nothing behind
}

// Waker has a step done soon after the transaction commits.
type Waker interface {
	WakeRun(ctx context.Context, tx *sql.Tx, id contest.RunID) error
	WakeCollect(ctx context.Context, tx *sql.Tx, id contest.RoundID) error
	WakeLook(ctx context.Context, tx *sql.Tx, id contest.RoundID) error
	// WakeWaiting has a planned run looked at; while that is so, it is not done again.
	WakeWaiting(ctx context.Context, tx *sql.Tx, id contest.RunID) error
}

// Writers says which launch may write which series to the metric store.
type Writers interface {
	Admit(id contest.TestID) (url, token string)
	Dismiss(id contest.TestID)
}

// Parts are what a line is built of. All fields but the last group are needed.
type Parts struct {
	Store    *store.Store
	Wake     Waker
	Launcher Launcher
	Writers  Writers
	Query    evidence.Query
	Ranged   evidence.Ranged // for how runs went over time; nil: evidence does not tell

	// Teams lists the contestants.
	Teams func(ctx context.Context) ([]contest.Team, error)
	// Inspect evaluates a scenario with the given environment.
	Inspect func(ctx context.Context, scenario string, env map[string]string) (contest.Script, error)
	// Preflight looks at a target before any load, and resets it when asked to.
	Preflight func(ctx context.Context, endpoint string, reset bool) contest.Preflight
	// Criterion returns the rules in force for a criterion.
	Criterion func(c contest.Criterion) (config.Criterion, bool)
	// Measures are the services that put no load on anyone.
	Measures map[contest.ServiceKey]Measure
	// Again are those of them that measure some of the teams once more in another way.
	Again map[contest.ServiceKey]Measure
	// Ceiling is what one generator can do on this hardware; nil when unknown.
	Ceiling *contest.Calibration
	// Shape is what generators a run gets, before anything was tried; nil: one of
	// the launcher's own does it all.
	Shape func(ctx context.Context, r contest.Run, s contest.Script) (contest.Shape, error)
	// Held asks the Hub what it holds of a criterion; nil when there is no Hub.
	Held func(ctx context.Context, c contest.Criterion) ([]contest.Update, error)
	// Replica is this process among those that share the state; nil: it is alone.
	Replica Replica
	// LoadAllowed reports whether a load run may start at t; nil: always.
	LoadAllowed func(t time.Time) bool
	// Links builds the confirmation links of verdicts.
	Links verdict.Links

	Log     *slog.Logger
	Observe Observer // may be nil
	Watch   Watcher  // may be nil
	// Reached is told each point that a run passes; crash tests die in it.
	Reached func(point string) // may be nil
}

// Observer counts what the line does, after it was committed. Its methods must
// not block.
type Observer interface {
	RunJudged(r contest.Run)
	RoundEnded(r contest.Round)
	UpdateQueued()
}

// Watcher looks, beside the load, at what it is put on; what it finds enters no
// verdict. But for Before, which takes a few seconds at most, its methods do not wait.
type Watcher interface {
	Before(ctx context.Context, r contest.Run)
	During(r contest.Run) // told again and again
	After(r contest.Run)
}

// Limits bound the line.
type Limits struct {
	Targets      int           // runs under load at once
	Retries      int           // how often an invalid run is repeated
	CollectAfter time.Duration // longest wait of an ended run for the others of its round
	Grace        time.Duration // how much longer than planned a launch may take
	Poll         time.Duration // how often a launch, and a round with runs to collect, is looked at; default 500 ms
	Push         time.Duration // how often the generators flush their metrics
	Reset        map[contest.Criterion]bool
}

const usualPoll = 500 * time.Millisecond

// Line is the line with its parts. Its methods are safe for concurrent use.
type Line struct {
	Parts
	limits Limits
	live   *Live
	turns  *turns
	looks  *looks
	held   *held
}

// New returns a line.
func New(p Parts, l Limits) *Line {
	if p.Reached == nil {
		p.Reached = func(string) {}
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Replica == nil {
		p.Replica = alone{}
	}
	if p.LoadAllowed == nil {
		p.LoadAllowed = func(time.Time) bool { return true }
	}
	if p.Observe == nil {
		p.Observe = nobody{}
	}
	if p.Watch == nil {
		p.Watch = nobody{}
	}
	if l.Poll <= 0 {
		l.Poll = usualPoll
	}
	return &Line{Parts: p, limits: l, live: newLive(), turns: newTurns(), looks: newLooks(), held: newHeld()}
}

// Live returns the progress of the runs under load.
func (l *Line) Live() *Live { return l.live }

// Targets is how many teams' services may be under load at once.
func (l *Line) Targets() int { return l.limits.Targets }

type nobody struct{}

func (nobody) RunJudged(contest.Run)    {}
func (nobody) RoundEnded(contest.Round) {}
func (nobody) UpdateQueued()            {}

func (nobody) Before(context.Context, contest.Run) {}
func (nobody) During(contest.Run)                  {}
func (nobody) After(contest.Run)                   {}

// newID returns an identity that is ordered by time and unique without a database.
func newID() string { return ulid.Make().String() }

// dispatch leases targets to the next planned runs and wakes them. While no load
// is allowed it has one of them wait for the hour.
func (l *Line) dispatch(ctx context.Context, tx *store.Tx) error {
	if !l.LoadAllowed(time.Now()) {
		return l.await(ctx, tx)
	}
	leased, err := tx.Lease(ctx, l.limits.Targets)
	if err != nil {
		return err
	}
	for _, r := range leased {
		if err := l.Wake.WakeRun(ctx, tx.SQL.Tx, r.ID); err != nil {
			return err
		}
	}
	return nil
}
