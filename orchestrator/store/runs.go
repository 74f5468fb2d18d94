package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Run is a run with what its steps have found out so far.
type Run struct {
	contest.Run
	Owner      string               `json:"owner,omitempty"` // the replica that does its steps; empty: nobody yet, or the only one
	Env        map[string]string    `json:"env"`             // the script's environment
	Script     contest.Script       `json:"script"`
	Rules      json.RawMessage      `json:"rules,omitempty"`
	Full       bool                 `json:"full,omitempty"`    // not to be ended early by the script's own thresholds
	Shape      *contest.Shape       `json:"shape,omitempty"`   // of its generators; nil: one of the launcher's own
	Carried    *contest.Carried     `json:"carried,omitempty"` // once judged; nil: it teaches nothing of generators
	ConfigHash string               `json:"configHash"`
	Preflight  contest.Preflight    `json:"preflight"`
	Result     contest.LaunchResult `json:"result"`
	Observed   *contest.Evidence    `json:"observed,omitempty"` // collected, not yet sealed
}

// InsertRun plans a run. A run that is planned already (same climb, level,
// repeat and retry) is left alone, so a repeated step plans nothing twice.
func (tx *Tx) InsertRun(ctx context.Context, r Run) error {
	doc, err := encode(r)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO runs (id, round_id, climb_id, slug, criterion, target,
		level_no, repeat_no, retry_no, position, state, attempt, planned_at, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (climb_id, level_no, repeat_no, retry_no) DO NOTHING`,
		r.ID, r.Round, r.Climb, r.Team.Slug, r.Criterion, r.Target,
		r.LevelNo, r.Repeat, r.Retry, r.Position, r.State, r.Attempt, millis(r.PlannedAt), doc)
	return wrap("insert run", err)
}

// nextRuns finds the first planned run of each free target, so that however many
// runs wait for one target, the others get their turn.
const nextRuns = `SELECT doc FROM runs JOIN (
	SELECT id, row_number() OVER (PARTITION BY target ORDER BY position, planned_at, id) AS turn,
		count(*) OVER (PARTITION BY target) AS waits
	FROM runs WHERE state = 'planned' AND target NOT IN (SELECT target FROM leases UNION SELECT target FROM probes)
) AS waiting ON waiting.id = runs.id AND waiting.turn = 1
ORDER BY waits DESC, position, planned_at, runs.id LIMIT ?`

// Lease takes the targets of the next planned runs as long as fewer than
// capacity targets are held, and returns the runs in their new state. A target
// is held by one run at a time. The targets that most runs wait for come first,
// because theirs can only be done one after the other; among equals, the runs
// come in the order of their positions.
func (tx *Tx) Lease(ctx context.Context, capacity int) ([]Run, error) {
	var held int
	if err := tx.SQL.QueryRowContext(ctx, `SELECT count(*) FROM leases`).Scan(&held); err != nil {
		return nil, fmt.Errorf("count leases: %w", err)
	}
	if held >= capacity {
		return nil, nil
	}
	leased, err := documents[Run](ctx, tx.SQL, nextRuns, capacity-held)
	if err != nil {
		return nil, fmt.Errorf("read planned runs: %w", err)
	}
	for i := range leased {
		if err := tx.lease(ctx, &leased[i]); err != nil {
			return nil, fmt.Errorf("lease the target of run %s: %w", leased[i].ID, err)
		}
	}
	return leased, nil
}

// FirstPlanned returns the planned run that comes first, or ErrNotFound.
func (tx *Tx) FirstPlanned(ctx context.Context) (id contest.RunID, err error) {
	err = tx.SQL.QueryRowContext(ctx, `SELECT id FROM runs WHERE state = 'planned' ORDER BY position, planned_at, id LIMIT 1`).Scan(&id)
	return id, wrap("read first planned run", notFound(err))
}

func (tx *Tx) lease(ctx context.Context, r *Run) error {
	before := *r
	r.State, r.Attempt, r.Owner = contest.RunLeased, r.Attempt+1, ""
	if err := tx.Move(ctx, before, *r); err != nil {
		return err
	}
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO leases (target, run_id, attempt, since) VALUES (?, ?, ?, ?)`,
		r.Target, r.ID, r.Attempt, millis(tx.now))
	return err
}

// Release gives the run's target free. It is harmless when it is free already,
// or held anew by a later attempt.
func (tx *Tx) Release(ctx context.Context, r contest.Run) error {
	_, err := tx.SQL.ExecContext(ctx, `DELETE FROM leases WHERE target = ? AND run_id = ? AND attempt = ?`, r.Target, r.ID, r.Attempt)
	return wrap("release the target of run "+string(r.ID), err)
}

// Move writes the run's next state, if the run still stands where before says:
// in that state, that attempt and that owner's hands. Otherwise it fails with
// ErrStale.
func (tx *Tx) Move(ctx context.Context, before, after Run) error {
	doc, err := encode(after)
	if err != nil {
		return err
	}
	err = changedOne(tx.SQL.ExecContext(ctx, `UPDATE runs SET state = ?, attempt = ?, testid = ?, ended_at = ?, owner = ?, doc = ?
		WHERE id = ? AND state = ? AND attempt = ? AND owner = ?`,
		after.State, after.Attempt, after.TestID, millisOrNull(after.EndedAt), after.Owner, doc,
		before.ID, before.State, before.Attempt, before.Owner))
	return wrap(fmt.Sprintf("move run %s from %s to %s", before.ID, before.State, after.State), err)
}

// Run returns a run by its id or its testid, or ErrNotFound.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	r, err := document[Run](ctx, s.read, `SELECT doc FROM runs WHERE id = ? OR (testid = ? AND testid <> '')`, id, id)
	return r, wrap("read run "+id, err)
}

// ClimbRuns returns all runs of a climb in the order of its ladder.
func (tx *Tx) ClimbRuns(ctx context.Context, id contest.ClimbID) ([]Run, error) {
	return climbRuns(ctx, tx.SQL, id)
}

func climbRuns(ctx context.Context, q querier, id contest.ClimbID) ([]Run, error) {
	runs, err := documents[Run](ctx, q, `SELECT doc FROM runs WHERE climb_id = ? ORDER BY level_no, repeat_no, retry_no`, id)
	return runs, wrap("read runs of climb "+string(id), err)
}

// RunsIn returns the runs that are in one of the states, oldest first, of one
// round or, when round is empty, of all.
func (s *Store) RunsIn(ctx context.Context, round contest.RoundID, states ...contest.RunState) ([]Run, error) {
	query, args := runsIn(round, states)
	runs, err := documents[Run](ctx, s.read, query, args...)
	return runs, wrap("read runs by state", err)
}

func runsIn(round contest.RoundID, states []contest.RunState) (query string, args []any) {
	query = `SELECT doc FROM runs WHERE `
	if round != "" { // a condition of its own, so that its index serves
		query, args = query+`round_id = ? AND `, append(args, round)
	}
	for _, st := range states {
		args = append(args, st)
	}
	return query + `state IN (` + marks(len(states)) + `) ORDER BY id`, args
}

// RunFilter selects runs; empty fields select all.
type RunFilter struct {
	Team      contest.Slug
	Criterion contest.Criterion
	State     contest.RunState
	Limit     int       // 0 means 100
	JudgedBy  time.Time // only runs that were judged until then; zero: all
}

// Runs returns the newest runs that the filter selects, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]contest.Run, error) {
	query, args := f.query()
	if f.JudgedBy.IsZero() {
		runs, err := documents[contest.Run](ctx, s.read, query+` LIMIT ?`, append(args, f.limit())...)
		return runs, wrap("read runs", err)
	}
	runs, err := s.judgedBy(ctx, f)
	return runs, wrap("read runs", err)
}

// judgedBy reads on until there are enough runs. When a run was judged only its
// document knows; that it ended before is in the row, so few are read in vain.
func (s *Store) judgedBy(ctx context.Context, f RunFilter) (some []contest.Run, err error) {
	query, args := f.query()
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(some) < f.limit() && rows.Next() {
		var doc string
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		run, err := decode[contest.Run](doc)
		if err != nil {
			return nil, err
		}
		if run.JudgedBy(f.JudgedBy) {
			some = append(some, run)
		}
	}
	return some, rows.Err()
}

func (f RunFilter) limit() int {
	if f.Limit <= 0 {
		return 100
	}
	return f.Limit
}

func (f RunFilter) query() (query string, args []any) {
	query = `SELECT doc FROM runs WHERE TRUE`
	if f.Team != "" {
		query, args = query+` AND slug = ?`, append(args, f.Team)
	}
	if f.Criterion != "" {
		query, args = query+` AND criterion = ?`, append(args, f.Criterion)
	}
	if f.State != "" {
		query, args = query+` AND state = ?`, append(args, f.State)
	}
	if !f.JudgedBy.IsZero() {
		query, args = query+` AND planned_at <= ? AND (ended_at IS NULL OR ended_at <= ?)`, append(args, millis(f.JudgedBy), millis(f.JudgedBy))
	}
	return query + ` ORDER BY planned_at DESC, id DESC`, args
}

// carriedBefore reads what the newest runs of a criterion carried; the documents
// are read in part.
const carriedBefore = `SELECT doc FROM runs WHERE criterion = ? AND round_id < ? AND state = 'judged' ORDER BY round_id DESC, id DESC LIMIT ?`

// Carried returns what each generator of a script's runs carried, the newest run
// first, as far as the last so many runs of the criterion go. Only rounds that
// began before the given one count, so that it stays the same during a round.
func (s *Store) Carried(ctx context.Context, c contest.Criterion, scenario string, round contest.RoundID, last int) ([]contest.Carried, error) {
	type row struct {
		Scenario string           `json:"scenario"`
		Carried  *contest.Carried `json:"carried"`
	}
	rows, err := documents[row](ctx, s.read, carriedBefore, c, round, last)
	if err != nil {
		return nil, wrap("read what runs carried", err)
	}
	var all []contest.Carried
	for _, r := range rows {
		if r.Scenario == scenario && r.Carried != nil {
			all = append(all, *r.Carried)
		}
	}
	return all, nil
}

// CountRuns returns how many runs of a round are in one of the states.
func (s *Store) CountRuns(ctx context.Context, round contest.RoundID, states ...contest.RunState) (int, error) {
	return countRuns(ctx, s.read, round, states)
}

// CountRuns returns how many runs of a round are in one of the states.
func (tx *Tx) CountRuns(ctx context.Context, round contest.RoundID, states ...contest.RunState) (int, error) {
	return countRuns(ctx, tx.SQL, round, states)
}

func countRuns(ctx context.Context, q querier, round contest.RoundID, states []contest.RunState) (n int, err error) {
	args := []any{round}
	for _, st := range states {
		args = append(args, st)
	}
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE round_id = ? AND state IN (`+marks(len(states))+`)`, args...).Scan(&n)
	return n, wrap("count runs", err)
}
