package hub

import (
	"context"
	"encoding/json"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Accepted is one update that the Hub took, as its history keeps it.
type Accepted struct {
	Team      contest.Slug
	Criterion contest.Criterion
	Status    contest.Status
	Score     *int64          // nil when the update left it out
	Metrics   json.RawMessage // null when the update left them out
	UpdatedBy string
	At        string // RFC 3339 with milliseconds
}

// History returns every update that was ever accepted, the oldest first.
func (h *Hub) History(ctx context.Context) ([]Accepted, error) {
	return collect(ctx, h.db, func(a *Accepted, scan func(...any) error) error {
		var metrics *string
		err := scan(&a.Team, &a.Criterion, &a.Status, &a.Score, &metrics, &a.UpdatedBy, &a.At)
		a.Metrics = rawMetrics(metrics)
		return err
	}, `SELECT t.nickname, c.criteria_type, y.status, y.score, y.metrics, coalesce(y.updated_by, ''), y.created_at
		FROM team_criteria_history y JOIN team_criteria c ON c.id = y.team_criteria_id JOIN teams t ON t.id = c.team_id
		ORDER BY y.seq`)
}
