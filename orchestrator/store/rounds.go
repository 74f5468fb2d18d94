package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Climb is a climb with everything that was decided when its round began, so
// that a configuration changed meanwhile does not change its rules.
type Climb struct {
	contest.Climb
	Levels     []contest.Level   `json:"levels"`
	Position   int               `json:"position"`
	Publish    bool              `json:"publish"`    // tell the Hub the verdict
	ConfigHash string            `json:"configHash"` // of the criterion's configuration
	Config     json.RawMessage   `json:"config"`     // the criterion's configuration itself
	Env        map[string]string `json:"env,omitempty"`
}

// InsertRound starts a round, or records one that could not begin. It takes the
// place of an earlier try of the same round that could not; when the round has
// begun already, it fails with ErrStale.
func (tx *Tx) InsertRound(ctx context.Context, r contest.Round) error {
	return wrap("insert round", changedOne(tx.SQL.ExecContext(ctx, `INSERT INTO rounds (id, service, started_at, ended_at, teams, error, rerun)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at,
			teams = excluded.teams, error = excluded.error WHERE rounds.error <> ''`,
		r.ID, r.Service, millis(r.StartedAt), millisOrNull(r.EndedAt), r.Teams, r.Error, flag(r.Rerun))))
}

// InsertClimb adds a team's climb to a round.
func (tx *Tx) InsertClimb(ctx context.Context, c Climb) error {
	doc, err := encode(c)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO climbs (id, round_id, slug, criterion, doc) VALUES (?, ?, ?, ?, ?)`,
		c.ID, c.Round, c.Team.Slug, c.Criterion, doc)
	return wrap("insert climb", err)
}

// EndClimb marks a climb as ended. Ending it twice is ErrStale.
func (tx *Tx) EndClimb(ctx context.Context, id contest.ClimbID) error {
	return wrap("end climb "+string(id), changedOne(tx.SQL.ExecContext(ctx,
		`UPDATE climbs SET ended_at = ? WHERE id = ? AND ended_at IS NULL`, millis(tx.now), id)))
}

// EndRound marks a round as ended when none of its climbs is under way, and
// returns it then; nil when it goes on or had ended before.
func (tx *Tx) EndRound(ctx context.Context, id contest.RoundID) (*contest.Round, error) {
	err := changedOne(tx.SQL.ExecContext(ctx, `UPDATE rounds SET ended_at = ? WHERE id = ? AND ended_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM climbs WHERE round_id = rounds.id AND ended_at IS NULL)`, millis(tx.now), id))
	if errors.Is(err, ErrStale) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("end round %s: %w", id, err)
	}
	round, err := roundOf(ctx, tx.SQL, id)
	if err != nil {
		return nil, err
	}
	return &round, nil
}

// Round returns a round, or ErrNotFound.
func (s *Store) Round(ctx context.Context, id contest.RoundID) (contest.Round, error) {
	return roundOf(ctx, s.read, id)
}

func roundOf(ctx context.Context, q querier, id contest.RoundID) (contest.Round, error) {
	rounds, err := scanRounds(ctx, q, `WHERE id = ?`, id)
	if err != nil {
		return contest.Round{}, err
	}
	if len(rounds) != 1 {
		return contest.Round{}, fmt.Errorf("read round %s: %w", id, ErrNotFound)
	}
	return rounds[0], nil
}

// Climb returns a climb.
func (tx *Tx) Climb(ctx context.Context, id contest.ClimbID) (Climb, error) {
	c, err := document[Climb](ctx, tx.SQL, `SELECT doc FROM climbs WHERE id = ?`, id)
	return c, wrap("read climb "+string(id), err)
}

// Rounds returns the newest rounds of a service, newest first. Re-runs are none of
// them: they tell nothing of how the service does.
func (s *Store) Rounds(ctx context.Context, service contest.ServiceKey, limit int) ([]contest.Round, error) {
	return scanRounds(ctx, s.read, `WHERE service = ? AND rerun = 0 ORDER BY started_at DESC, id DESC LIMIT ?`, service, limit)
}

func scanRounds(ctx context.Context, q querier, rest string, args ...any) ([]contest.Round, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, service, started_at, ended_at, teams, error, rerun <> 0 FROM rounds `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read rounds: %w", err)
	}
	defer rows.Close()
	var all []contest.Round
	for rows.Next() {
		var r contest.Round
		var started, ended sql.NullInt64
		if err := rows.Scan(&r.ID, &r.Service, &started, &ended, &r.Teams, &r.Error, &r.Rerun); err != nil {
			return nil, fmt.Errorf("read rounds: %w", err)
		}
		r.StartedAt, r.EndedAt = *timeOrNil(started), timeOrNil(ended)
		all = append(all, r)
	}
	return all, rows.Err()
}

// CountRounds returns how many rounds a service has had, without re-runs.
func (s *Store) CountRounds(ctx context.Context, service contest.ServiceKey) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM rounds WHERE service = ? AND rerun = 0`, service).Scan(&n)
	return n, wrap("count rounds", err)
}

// OpenRound returns the service's round that has not ended, or ErrNotFound. A
// re-run keeps no round from beginning.
func (tx *Tx) OpenRound(ctx context.Context, service contest.ServiceKey) (id contest.RoundID, err error) {
	err = tx.SQL.QueryRowContext(ctx, `SELECT id FROM rounds WHERE service = ? AND rerun = 0 AND ended_at IS NULL LIMIT 1`, service).Scan(&id)
	return id, wrap("read open round", notFound(err))
}

// OpenClimb returns a team's climb in a criterion that has not ended, or ErrNotFound.
func (tx *Tx) OpenClimb(ctx context.Context, team contest.Slug, c contest.Criterion) (id contest.ClimbID, err error) {
	err = tx.SQL.QueryRowContext(ctx, `SELECT id FROM climbs WHERE slug = ? AND criterion = ? AND ended_at IS NULL LIMIT 1`, team, c).Scan(&id)
	return id, wrap("read open climb", notFound(err))
}

// OpenClimbs returns how many climbs of a round have not ended.
func (s *Store) OpenClimbs(ctx context.Context, round contest.RoundID) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM climbs WHERE round_id = ? AND ended_at IS NULL`, round).Scan(&n)
	return n, wrap("count open climbs", err)
}

// ClimbsOf returns the climbs of a round that have not ended.
func (s *Store) ClimbsOf(ctx context.Context, round contest.RoundID) ([]Climb, error) {
	climbs, err := documents[Climb](ctx, s.read, `SELECT doc FROM climbs WHERE round_id = ? AND ended_at IS NULL ORDER BY id`, round)
	return climbs, wrap("read climbs of round "+string(round), err)
}

// TeamsOf returns the teams of a round as they were when it was planned, also
// those that have their verdict.
func (s *Store) TeamsOf(ctx context.Context, round contest.RoundID) ([]contest.Team, error) {
	climbs, err := documents[Climb](ctx, s.read, `SELECT doc FROM climbs WHERE round_id = ? ORDER BY id`, round)
	teams := make([]contest.Team, len(climbs))
	for i, c := range climbs {
		teams[i] = c.Team
	}
	return teams, wrap("read teams of round "+string(round), err)
}

// OpenRounds returns the rounds that have not ended.
func (s *Store) OpenRounds(ctx context.Context) ([]contest.Round, error) {
	return scanRounds(ctx, s.read, `WHERE ended_at IS NULL ORDER BY id`)
}
