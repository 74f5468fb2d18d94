package web

import (
	"context"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// By is who changes something, and why.
type By struct {
	Who string `json:"who"`
	Why string `json:"why"`
}

// Operations are what organisers see and change. Without a token nobody does.
// What an operation answers as a *Refusal is told to whoever asked; any other
// error is ours, and logged.
type Operations struct {
	Token      string
	Schedule   Schedule
	Control    Control
	Letters    Letters
	Outbox     Outbox
	Exclusions Exclusions
	Overrides  Overrides
	Trail      Trail
	Suspicions Suspicions
}

// Suspicions are what organisers are told of services, and nobody else.
type Suspicions interface {
	// Suspicions lists them, those seen last first.
	Suspicions(ctx context.Context) ([]contest.Suspicion, error)
}

// Schedule is when services fire. A change is "run", "pause" or "resume".
type Schedule interface {
	// Services lists where every service stands, also those that take no part.
	Services(ctx context.Context) ([]ServiceStatus, error)
	Change(ctx context.Context, service contest.ServiceKey, change string, by By) error
	Reschedule(ctx context.Context, service contest.ServiceKey, interval string, by By) error
}

// ServiceStatus is where a service stands.
type ServiceStatus struct {
	Service   contest.ServiceKey `json:"service"`
	Criterion contest.Criterion  `json:"criterion"`
	Enabled   bool               `json:"enabled"`
	Paused    bool               `json:"paused"`
	Interval  string             `json:"interval"` // cron; empty: only when asked
	NextRun   *time.Time         `json:"nextRun"`  // null: not by itself
	LastRun   *time.Time         `json:"lastRun"`  // null: never
	Running   bool               `json:"running"`
	Skipped   int                `json:"skipped"` // firings that its pauses have swallowed
}

// Control ends runs, and has a team measured once more in a criterion.
type Control interface {
	Rerun(ctx context.Context, at Place, by By) (contest.RoundID, error)
	Cancel(ctx context.Context, run string, by By) (contest.Run, error)
	StopAll(ctx context.Context, by By) (stopped int, err error)
}

// Letters are the jobs that failed for the last time and wait for a person. A
// change is "retry" or "drop".
type Letters interface {
	// DeadLetters lists them, newest first.
	DeadLetters(ctx context.Context) ([]DeadLetter, error)
	DeadLetter(ctx context.Context, id int64) (DeadLetter, error)
	ChangeLetter(ctx context.Context, id int64, change string, by By) error
}

// DeadLetter is a job that failed for the last time.
type DeadLetter struct {
	ID      int64
	Kind    string             // which step it was
	Service contest.ServiceKey // empty when nobody knows any more
	Team    contest.Slug       // empty for a step of a whole round
	Run     contest.RunID      // of a step of a run
	Round   contest.RoundID    // of a step of a round
	Died    time.Time
	Retries int          // tries after the first
	History []LetterFail // oldest first; the last is the cause
}

// LetterFail is one try of a dead letter that failed.
type LetterFail struct {
	At    time.Time `json:"at"`
	Try   int       `json:"try"`
	Error string    `json:"error"`
}

// Outbox is what is on its way to the Hub. A change is "retry" or "drop".
type Outbox interface {
	// Updates lists the rows in one of the states.
	Updates(ctx context.Context, states []contest.OutboxState) ([]contest.OutboxRow, error)
	ChangeUpdate(ctx context.Context, at Place, change string, by By) error
}

// Place is a team in a criterion.
type Place struct {
	Team      contest.Slug
	Criterion contest.Criterion
}

// Exclusions are the teams that take no part.
type Exclusions interface {
	Exclusions(ctx context.Context) ([]Exclusion, error)
	Exclude(ctx context.Context, team contest.Slug, by By) error
	Include(ctx context.Context, team contest.Slug, by By) error
}

// Where a team was taken out of the contest.
const (
	ByOrganiser = "organiser"    // over the API; it can be lifted there
	ByContest   = "contest.yaml" // in the configuration, which says neither who nor when
)

// Exclusion is a team that takes no part.
type Exclusion struct {
	Team   contest.Slug `json:"team"`
	Who    string       `json:"who"`
	Why    string       `json:"why"`
	At     *time.Time   `json:"at"`
	Source string       `json:"source"`
}

// Overrides are the verdicts that organisers set in place of measured ones.
type Overrides interface {
	Overrides(ctx context.Context) ([]Override, error)
	Override(ctx context.Context, o Override) error // its At is set there
	Lift(ctx context.Context, at Place, by By) error
}

// Override is a verdict that an organiser set.
type Override struct {
	Team      contest.Slug      `json:"team"`
	Criterion contest.Criterion `json:"criterion"`
	Status    contest.Status    `json:"status"`
	Score     int               `json:"score"`
	By
	At time.Time `json:"at"`
}

// Trail is who changed what, and why.
type Trail interface {
	// AuditTrail lists the newest lines, newest first.
	AuditTrail(ctx context.Context, limit int) ([]AuditEntry, error)
}

// AuditEntry is one line of the audit trail.
type AuditEntry struct {
	Seq     int64     `json:"seq"` // 1, 2, 3, … in the order of the changes
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	What    string    `json:"what"`
	Subject string    `json:"subject"`
	Why     string    `json:"why"`
}
