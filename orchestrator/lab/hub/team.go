package hub

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// teamRow is a team as the API lists it.
type teamRow struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Nickname    string  `json:"nickname"`
	HackathonID string  `json:"hackathonId"`
	Status      string  `json:"status"`
	Level       *string `json:"level"`
	CreatedAt   string  `json:"createdAt"`
	UpdatedAt   string  `json:"updatedAt"`
}

const teamColumns = `id, name, nickname, hackathon_id, status, level, created_at, updated_at`

func (t *teamRow) scan(scan func(...any) error) error {
	return scan(&t.ID, &t.Name, &t.Nickname, &t.HackathonID, &t.Status, &t.Level, &t.CreatedAt, &t.UpdatedAt)
}

// teamStatuses is the Hub's enum.
func teamStatuses() []string {
	return []string{"NEW", "INCOMPLETED", "FINISHED", "IN_REVIEW", "APPROVED", "CANCELED", "REJECTED"}
}

func (h *Hub) getTeams(r *http.Request) answer {
	query := r.URL.Query()
	status := query.Get("status")
	if status == "" {
		status = "APPROVED"
	}
	if !slices.Contains(teamStatuses(), status) {
		return internalError() // the Hub's database refuses the value, and nobody checks before
	}
	teams, err := h.listTeams(r.Context(), `status = ?1 AND (?2 = '' OR hackathon_id = ?2)`, status, query.Get("hackathonId"))
	if err != nil {
		return internalError()
	}
	return ok(map[string]any{"teams": teams, "count": len(teams), "status": status})
}

// listTeams returns the teams that the condition selects, by nickname.
func (h *Hub) listTeams(ctx context.Context, condition string, args ...any) ([]teamRow, error) {
	return collect(ctx, h.db, func(t *teamRow, scan func(...any) error) error { return t.scan(scan) },
		`SELECT `+teamColumns+` FROM teams WHERE `+condition+` ORDER BY nickname`, args...)
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// findTeam returns the team with the nickname slug. found is false when there
// is none.
func findTeam(ctx context.Context, q querier, slug string) (t teamRow, found bool, err error) {
	err = t.scan(q.QueryRowContext(ctx, `SELECT `+teamColumns+` FROM teams WHERE nickname = ?`, slug).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, fmt.Errorf("find team: %w", err)
	}
	return t, true, nil
}

// collect reads all rows of a query, so that the connection is free again. It
// never returns nil without an error.
func collect[T any](ctx context.Context, q querier, read func(*T, func(...any) error) error, query string, args ...any) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	all = []T{}
	for rows.Next() {
		var one T
		if err := read(&one, rows.Scan); err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return all, nil
}
