package web

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ErrNotFound is what an Archive answers for a run that it does not hold.
var ErrNotFound = errors.New("not found")

// Board is the present standing of the contest.
type Board interface {
	// Teams lists the teams that take part, in any order.
	Teams(ctx context.Context) ([]contest.Team, error)
	// Verdicts lists the newest verdict of each team and criterion: the newest
	// until a time, or of all when that is zero.
	Verdicts(ctx context.Context, until time.Time) ([]contest.Verdict, error)
	// Before lists the verdicts that those took the place of.
	Before(ctx context.Context, until time.Time) ([]contest.Verdict, error)
}

// Archive holds every run and what was measured in it.
type Archive interface {
	// Runs lists the runs that match, newest first.
	Runs(ctx context.Context, filter RunFilter) ([]contest.Run, error)
	// Run finds a run by its id or by its testid. It answers an error that is
	// ErrNotFound when there is none.
	Run(ctx context.Context, id string) (RunRecord, error)
}

// Pulse is what the orchestrator knows of itself right now.
type Pulse interface {
	// Health lists every service, also those that never ran.
	Health(ctx context.Context) ([]contest.ServiceHealth, error)
	// Ready answers nil when requests can be served, otherwise what is missing;
	// and in either case what else does not answer. The texts are shown to whoever
	// asks.
	Ready(ctx context.Context) (remarks []string, err error)
	// Active lists the runs that are under way.
	Active(ctx context.Context) ([]ActiveRun, error)
	// Waiting tells of the runs that wait for their turn.
	Waiting(ctx context.Context) (Waiting, error)
}

// RunFilter selects runs. The zero value of a field selects all.
type RunFilter struct {
	Team      contest.Slug
	Criterion contest.Criterion
	State     contest.RunState
	Limit     int       // most runs to answer with
	JudgedBy  time.Time // only runs that were judged until then
}

// RunRecord is a run with what is known of it: evidence and verdict are nil
// until the run is judged.
type RunRecord struct {
	Run      contest.Run
	Script   contest.Script // what it runs; empty until it is prepared
	Evidence *contest.Evidence
	Verdict  *contest.RunVerdict
	// EvidenceJSON is the evidence byte for byte as it is stored, which is what
	// EvidenceSHA256 (lower-case hex) was taken of. The download hands out
	// these bytes, so that anyone can check them.
	EvidenceJSON   []byte
	EvidenceSHA256 string
	EvidenceParts  map[string]string // hash of each part, by its path
	Rules          json.RawMessage   // that the verdict was derived by, as they are stored
	RulesSHA256    string
	VerdictSHA256  string // of the verdict as it is stored
}

// ActiveRun is a run that is under way and how far it has come.
type ActiveRun struct {
	Run      contest.Run
	Progress contest.Progress
}
