package contest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RunID, RoundID and ClimbID identify rows of the state database. They are
// ULIDs: ordered by time and unique without asking anyone.
type (
	RunID   string
	RoundID string
	ClimbID string
)

// TestID is the Prometheus label that one launch of a run writes its series
// under: slug-scenario-users-suffix. No two launches ever share one.
type TestID string

const maxTestID = 200 // bytes

var testIDPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// Valid reports whether id is safe as a label value, a file name and a part of a URL.
func (id TestID) Valid() bool { return len(id) <= maxTestID && testIDPattern.MatchString(string(id)) }

// NewTestID builds the identity of one launch. The suffix must be new for
// every launch and ordered by time (a ULID in lower case).
func NewTestID(team Slug, scenario string, users int, suffix string) TestID {
	return TestID(strings.Join([]string{string(team), scenario, strconv.Itoa(users), suffix}, "-"))
}

// RunState is how far a run has come. Each step is committed before the next.
type RunState string

// The states of a run, in order.
const (
	RunPlanned   RunState = "planned"   // waits for its target and for a free generator
	RunLeased    RunState = "leased"    // holds its target, fenced by the attempt number
	RunPrepared  RunState = "prepared"  // target answered (and was reset); testid is chosen
	RunLaunched  RunState = "launched"  // generators work
	RunEnded     RunState = "ended"     // generators are done, the target is free again
	RunCollected RunState = "collected" // what was measured is in our hands
	RunJudged    RunState = "judged"    // evidence and verdict are written; nothing follows
	RunCancelled RunState = "cancelled" // stopped by an organiser; nothing follows
)

// UnderWay reports whether a run holds its target: it is being prepared or is
// under load.
func (s RunState) UnderWay() bool {
	return s == RunLeased || s == RunPrepared || s == RunLaunched
}

// Final reports whether nothing follows the state.
func (s RunState) Final() bool { return s == RunJudged || s == RunCancelled }

// Outcome is what became of one run or one rule. The zero value is none of them.
type Outcome string

// Invalid means that we could not measure; it is never published as Failed.
const (
	OutcomePassed  Outcome = "passed"
	OutcomeFailed  Outcome = "failed"
	OutcomeInvalid Outcome = "invalid"
	OutcomeWarning Outcome = "warning" // of a finding only: near a limit, decides nothing
)

// Round is one firing of a service over all teams.
type Round struct {
	ID        RoundID    `json:"id"`
	Service   ServiceKey `json:"service"`
	StartedAt time.Time  `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
	Teams     int        `json:"teams"`
	Error     string     `json:"error,omitempty"`
	Rerun     bool       `json:"rerun,omitempty"` // of one team, because an organiser asked for it
}

// Climb is one team's way up the ladder of one criterion in one round.
type Climb struct {
	ID        ClimbID   `json:"id"`
	Round     RoundID   `json:"round"`
	Team      Team      `json:"team"`
	Criterion Criterion `json:"criterion"`
}

// Run is one execution of one scenario against one team at one level.
type Run struct {
	ID        RunID      `json:"id"`
	Round     RoundID    `json:"round"`
	Climb     ClimbID    `json:"climb,omitempty"` // empty for a run by hand
	Service   ServiceKey `json:"service"`
	Criterion Criterion  `json:"criterion"`
	Team      Team       `json:"team"`
	Target    string     `json:"target"` // host:port that the lease is held on
	Scenario  string     `json:"scenario"`
	LevelNo   int        `json:"levelNo"` // index into the criterion's levels
	Level     Level      `json:"level"`
	Repeat    int        `json:"repeat"`   // 0-based: which of the level's repeats
	Retry     int        `json:"retry"`    // how many invalid runs of this repeat came before
	Position  int        `json:"position"` // place in the round's rotated order of teams
	State     RunState   `json:"state"`
	Attempt   int        `json:"attempt"` // fence: raised each time the target is leased
	TestID    TestID     `json:"testId,omitempty"`

	PlannedAt  time.Time  `json:"plannedAt"`
	LaunchedAt *time.Time `json:"launchedAt,omitempty"`
	EndedAt    *time.Time `json:"endedAt,omitempty"`
	JudgedAt   *time.Time `json:"judgedAt,omitempty"`

	Outcome Outcome `json:"outcome,omitempty"` // set when judged
}

// String names the run for people: "good search level 1 (10 users)".
func (r Run) String() string {
	return fmt.Sprintf("%s %s level %d (%d users)", r.Team.Slug, r.Scenario, r.LevelNo+1, r.Level.Users)
}

// JudgedBy reports whether the run was judged at t or before.
func (r Run) JudgedBy(t time.Time) bool { return r.JudgedAt != nil && !r.JudgedAt.After(t) }
