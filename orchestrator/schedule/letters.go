package schedule

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ErrNoLetter means that there is no dead letter of that id.
var ErrNoLetter = errors.New("no such dead letter")

// mostLetters bounds a list of dead letters; the newest are listed.
const mostLetters = 1000

// DeadLetter is a job that failed for the last time and waits for a person.
type DeadLetter struct {
	ID      int64
	Kind    string             // "round", "advance", "collect" or "look"
	Service contest.ServiceKey // of kind round
	Run     contest.RunID      // of kind advance
	Round   contest.RoundID    // of kinds round, collect and look
	Tries   int
	Died    time.Time
	History []Failure // oldest first; the last is the cause
}

// Failure is one try that failed.
type Failure struct {
	At    time.Time `json:"at"`
	Try   int       `json:"try"`
	Error string    `json:"error"`
}

// Cause is the error of the last try.
func (d DeadLetter) Cause() string {
	if len(d.History) == 0 {
		return ""
	}
	return d.History[len(d.History)-1].Error
}

// DeadLetters lists the jobs that failed for the last time, the newest first.
func (q *Queue) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	found, err := q.insert.JobList(ctx, river.NewJobListParams().States(rivertype.JobStateDiscarded).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(mostLetters))
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var all []DeadLetter
	for _, job := range found.Jobs {
		d, err := letter(job)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// DeadLetter returns one with its history, or ErrNoLetter.
func (q *Queue) DeadLetter(ctx context.Context, id int64) (DeadLetter, error) {
	job, err := q.insert.JobGet(ctx, id)
	if job, err = discarded(id, job, err); err != nil {
		return DeadLetter{}, err
	}
	return letter(job)
}

func letter(job *rivertype.JobRow) (DeadLetter, error) {
	var args struct {
		Service contest.ServiceKey `json:"service"`
		Run     contest.RunID      `json:"run"`
		Round   contest.RoundID    `json:"round"`
	}
	if err := json.Unmarshal(job.EncodedArgs, &args); err != nil {
		return DeadLetter{}, fmt.Errorf("read dead letter %d: %w", job.ID, err)
	}
	d := DeadLetter{ID: job.ID, Kind: job.Kind, Service: args.Service, Run: args.Run, Round: args.Round, Tries: job.Attempt}
	if job.FinalizedAt != nil {
		d.Died = job.FinalizedAt.UTC()
	}
	for _, e := range job.Errors {
		d.History = append(d.History, Failure{At: e.At.UTC(), Try: e.Attempt, Error: e.Error})
	}
	return d, nil
}

// RetryLetter has the job tried again, once, soon after tx commits. One that
// fails again is a dead letter again. ErrNoLetter: there is none of that id.
func (q *Queue) RetryLetter(ctx context.Context, tx *sql.Tx, id int64) error {
	if err := q.dead(ctx, tx, id); err != nil {
		return err
	}
	if _, err := q.insert.JobRetryTx(ctx, tx, id); err != nil {
		return fmt.Errorf("retry dead letter %d: %w", id, err)
	}
	return nil
}

// DropLetter gives the job up for good when tx commits.
func (q *Queue) DropLetter(ctx context.Context, tx *sql.Tx, id int64) error {
	if err := q.dead(ctx, tx, id); err != nil {
		return err
	}
	if _, err := q.insert.JobDeleteTx(ctx, tx, id); err != nil {
		return fmt.Errorf("drop dead letter %d: %w", id, err)
	}
	return nil
}

// dead fails with ErrNoLetter unless the job is one in tx.
func (q *Queue) dead(ctx context.Context, tx *sql.Tx, id int64) error {
	job, err := q.insert.JobGetTx(ctx, tx, id)
	_, err = discarded(id, job, err)
	return err
}

// discarded takes what a look for a job found for a dead letter, or says ErrNoLetter.
func discarded(id int64, job *rivertype.JobRow, err error) (*rivertype.JobRow, error) {
	if errors.Is(err, rivertype.ErrNotFound) || err == nil && job.State != rivertype.JobStateDiscarded {
		return nil, fmt.Errorf("%w: %d", ErrNoLetter, id)
	}
	if err != nil {
		return nil, fmt.Errorf("read dead letter %d: %w", id, err)
	}
	return job, nil
}

// waiting reports whether a round of the service is about to begin already, or
// the one of that id could not and is a dead letter.
func (q *Queue) waiting(ctx context.Context, key contest.ServiceKey, id contest.RoundID) (bool, error) {
	found, err := q.insert.JobList(ctx, river.NewJobListParams().Kinds(roundArgs{}.Kind()).OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(mostLetters).States(
		rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateDiscarded))
	if err != nil {
		return false, fmt.Errorf("list rounds about to begin: %w", err)
	}
	for _, job := range found.Jobs {
		d, err := letter(job)
		if err == nil && d.Service == key && (job.State != rivertype.JobStateDiscarded || d.Round == id) {
			return true, nil
		}
	}
	return false, nil
}
