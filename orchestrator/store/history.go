package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// RoundsBehind returns the rounds of the newest verdicts that updates tell of,
// each once.
func (s *Store) RoundsBehind(ctx context.Context, updates []contest.Update) ([]contest.RoundID, error) {
	var all []contest.RoundID
	for _, u := range updates {
		var id contest.RoundID
		err := s.read.QueryRowContext(ctx, `SELECT round_id FROM verdicts WHERE slug = ? AND criterion = ? ORDER BY at DESC, seq DESC LIMIT 1`,
			u.TeamSlug, u.CriteriaType).Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read rounds behind updates: %w", err)
		}
		if id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all, nil
}
