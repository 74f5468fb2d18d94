package store

import (
	"context"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Standing is a verdict as it stands, or stood.
type Standing struct {
	Verdict   contest.Verdict
	Published bool // the Hub was to be told
}

// Standing returns the newest verdict of a team in a criterion, or ErrNotFound.
func (s *Store) Standing(ctx context.Context, team contest.Slug, c contest.Criterion) (Standing, error) {
	return s.standing(ctx, `slug = ? AND criterion = ?`, team, c)
}

// Told returns the newest verdict of a team in a criterion that the Hub was to
// be told, or ErrNotFound.
func (s *Store) Told(ctx context.Context, team contest.Slug, c contest.Criterion) (Standing, error) {
	return s.standing(ctx, `slug = ? AND criterion = ? AND published <> 0`, team, c)
}

func (s *Store) standing(ctx context.Context, where string, args ...any) (st Standing, err error) {
	var doc string
	err = s.read.QueryRowContext(ctx, `SELECT doc, published <> 0 FROM verdicts WHERE `+where+` ORDER BY at DESC, seq DESC LIMIT 1`, args...).Scan(&doc, &st.Published)
	if err != nil {
		return st, fmt.Errorf("read verdict: %w", notFound(err))
	}
	st.Verdict, err = decode[contest.Verdict](doc)
	return st, err
}

// Climb returns a climb, or ErrNotFound.
func (s *Store) Climb(ctx context.Context, id contest.ClimbID) (Climb, error) {
	c, err := document[Climb](ctx, s.read, `SELECT doc FROM climbs WHERE id = ?`, id)
	return c, wrap("read climb "+string(id), err)
}

// ClimbRuns returns all runs of a climb in the order of its ladder.
func (s *Store) ClimbRuns(ctx context.Context, id contest.ClimbID) ([]contest.Run, error) {
	runs, err := documents[contest.Run](ctx, s.read, `SELECT doc FROM runs WHERE climb_id = ? ORDER BY level_no, repeat_no, retry_no`, id)
	return runs, wrap("read runs of climb "+string(id), err)
}

// OutboxRow returns the update of a team in a criterion, or ErrNotFound.
func (s *Store) OutboxRow(ctx context.Context, team contest.Slug, c contest.Criterion) (contest.OutboxRow, error) {
	rows, err := s.outboxRows(ctx, `WHERE slug = ? AND criterion = ?`, team, c)
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return contest.OutboxRow{}, wrap("read outbox", err)
	}
	return rows[0], nil
}
