package hub

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// criterionRow is an entry as the API shows it. Team, Hackathon and History are
// there only where a call shows them.
type criterionRow struct {
	ID           string          `json:"id"`
	TeamID       string          `json:"teamId"`
	HackathonID  string          `json:"hackathonId"`
	CriteriaType string          `json:"criteriaType"`
	Status       string          `json:"status"`
	Score        *int64          `json:"score"`
	Metrics      json.RawMessage `json:"metrics"`
	LastUpdated  string          `json:"lastUpdated"`
	UpdatedBy    *string         `json:"updatedBy"`
	CreatedAt    string          `json:"createdAt"`
	Team         *namedTeam      `json:"team,omitempty"`
	Hackathon    *hackathon      `json:"hackathon,omitempty"`
	History      *[]historyRow   `json:"history,omitempty"`
}

type namedTeam struct {
	ID       string `json:"id"`
	Nickname string `json:"nickname"`
	Name     string `json:"name"`
}

type hackathon struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// historyRow is one accepted update as the API shows it.
type historyRow struct {
	ID             string          `json:"id"`
	TeamCriteriaID string          `json:"teamCriteriaId"`
	Status         string          `json:"status"`
	Score          *int64          `json:"score"`
	Metrics        json.RawMessage `json:"metrics"`
	UpdatedBy      *string         `json:"updatedBy"`
	CreatedAt      string          `json:"createdAt"`
}

const criterionColumns = `c.id, c.team_id, c.hackathon_id, c.criteria_type, c.status, c.score,
	c.metrics, c.last_updated, c.updated_by, c.created_at`

func (c *criterionRow) targets(metrics **string) []any {
	return []any{&c.ID, &c.TeamID, &c.HackathonID, &c.CriteriaType, &c.Status, &c.Score,
		metrics, &c.LastUpdated, &c.UpdatedBy, &c.CreatedAt}
}

// rawMetrics returns stored metrics as JSON; none are null.
func rawMetrics(stored *string) json.RawMessage {
	if stored == nil {
		return json.RawMessage("null")
	}
	return json.RawMessage(*stored)
}

// enumOrder sorts criteria as PostgreSQL sorts an enum: as they were declared.
func enumOrder() string {
	order := "CASE c.criteria_type"
	for i, c := range contest.Criteria() {
		order += fmt.Sprintf(" WHEN '%s' THEN %d", c, i)
	}
	return order + " END"
}

func (h *Hub) getCriteria(r *http.Request) answer {
	query := r.URL.Query()
	slug, criterion := query.Get("team"), query.Get("criteriaType")
	if slug != "" {
		switch _, found, err := findTeam(r.Context(), h.db, slug); {
		case err != nil:
			return internalError()
		case !found:
			return teamNotFound()
		}
	}
	if !contest.Criterion(criterion).Valid() {
		criterion = "" // the Hub ignores a type that it does not know
	}
	rows, err := collect(r.Context(), h.db, scanWithTeam, `
		SELECT `+criterionColumns+`, t.id, t.nickname, t.name, k.id, k.name
		FROM team_criteria c JOIN teams t ON t.id = c.team_id JOIN hackathons k ON k.id = c.hackathon_id
		WHERE (?1 = '' OR t.nickname = ?1) AND (?2 = '' OR c.hackathon_id = ?2) AND (?3 = '' OR c.criteria_type = ?3)
		ORDER BY c.hackathon_id DESC, t.nickname, `+enumOrder(), slug, query.Get("hackathon"), criterion)
	if err != nil {
		return internalError()
	}
	return ok(map[string]any{"criteria": rows})
}

func scanWithTeam(c *criterionRow, scan func(...any) error) error {
	var metrics *string
	c.Team, c.Hackathon = &namedTeam{}, &hackathon{}
	err := scan(append(c.targets(&metrics), &c.Team.ID, &c.Team.Nickname, &c.Team.Name, &c.Hackathon.ID, &c.Hackathon.Name)...)
	c.Metrics = rawMetrics(metrics)
	return err
}

// findCriterion returns the team's entry of one type. found is false when there
// is none.
func findCriterion(ctx context.Context, q querier, team teamRow, criterion string) (c criterionRow, found bool, err error) {
	var metrics *string
	err = q.QueryRowContext(ctx, `
		SELECT `+criterionColumns+` FROM team_criteria c
		WHERE c.team_id = ? AND c.hackathon_id = ? AND c.criteria_type = ?`,
		team.ID, team.HackathonID, criterion).Scan(c.targets(&metrics)...)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("find criterion: %w", err)
	}
	c.Metrics = rawMetrics(metrics)
	return c, true, nil
}

func (h *Hub) getCriterion(r *http.Request) answer {
	criterion := r.PathValue("type")
	if !contest.Criterion(criterion).Valid() {
		return failed(http.StatusBadRequest, "Invalid criteria type")
	}
	team, found, err := findTeam(r.Context(), h.db, r.PathValue("slug"))
	switch {
	case err != nil:
		return internalError()
	case !found:
		return teamNotFound()
	}
	row, found, err := findCriterion(r.Context(), h.db, team, criterion)
	if err != nil {
		return internalError()
	}
	body := envelope(team, criterion)
	if found {
		history, err := h.lastTen(r.Context(), row.ID)
		if err != nil {
			return internalError()
		}
		row.History = &history
		body["criteria"] = row
	}
	return ok(body)
}

// envelope is what the single calls put around an entry.
func envelope(team teamRow, criterion string) map[string]any {
	return map[string]any{
		"teamId": team.ID, "teamSlug": team.Nickname, "teamName": team.Name,
		"hackathonId": team.HackathonID, "criteriaType": criterion, "criteria": nil,
	}
}

func (h *Hub) lastTen(ctx context.Context, entry string) ([]historyRow, error) {
	return collect(ctx, h.db, func(row *historyRow, scan func(...any) error) error {
		var metrics *string
		err := scan(&row.ID, &row.TeamCriteriaID, &row.Status, &row.Score, &metrics, &row.UpdatedBy, &row.CreatedAt)
		row.Metrics = rawMetrics(metrics)
		return err
	}, `SELECT id, team_criteria_id, status, score, metrics, updated_by, created_at
		FROM team_criteria_history WHERE team_criteria_id = ? ORDER BY seq DESC LIMIT 10`, entry)
}
