package hub

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// update is a valid update of one entry. Score and Metrics are nil when the
// request left them out.
type update struct {
	TeamSlug     string
	HackathonID  string
	CriteriaType string
	Status       string
	Score        *float64 // any JSON number is valid; the database wants an integer
	Metrics      *string  // a JSON object
	UpdatedBy    string
}

// postCriteria applies a bulk. It is validated as a whole; then each update
// stands for itself.
func (h *Hub) postCriteria(r *http.Request) answer {
	updates, valid := readBulk(r)
	if !valid {
		return internalError()
	}
	created, changed := 0, 0
	teams := map[string]bool{}
	refused := []map[string]string{}
	for _, u := range updates {
		team, existed, err := h.apply(r.Context(), u)
		switch {
		case err != nil:
			refused = append(refused, map[string]string{
				"teamSlug": u.TeamSlug, "criteriaType": u.CriteriaType, "error": err.Error()})
			continue
		case existed:
			changed++
		default:
			created++
		}
		teams[team] = true
	}
	body := map[string]any{
		"updatedEntries": changed, "createdEntries": created,
		"processedTeams": len(teams), "totalRequests": len(updates),
	}
	if len(refused) > 0 {
		body["errors"] = refused
	}
	return ok(body)
}

// refusal is the Hub's own sentence about one update of a bulk.
type refusal string

func (r refusal) Error() string { return string(r) }

// apply writes one update of a bulk in its own transaction.
func (h *Hub) apply(ctx context.Context, u update) (teamID string, existed bool, err error) {
	err = h.inTx(ctx, func(tx *sql.Tx) error {
		team, found, err := findTeam(ctx, tx, u.TeamSlug)
		switch {
		case err != nil:
			return err
		case !found:
			return refusal("Team not found")
		case team.HackathonID != u.HackathonID:
			return refusal("Hackathon ID mismatch")
		}
		teamID = team.ID
		_, existed, err = store(ctx, tx, team, u)
		return err
	})
	return teamID, existed, err
}

// putCriterion applies one update. The checks come in the Hub's order: type,
// body, team.
func (h *Hub) putCriterion(r *http.Request) answer {
	criterion := r.PathValue("type")
	if !contest.Criterion(criterion).Valid() {
		return failed(http.StatusBadRequest, "Invalid criteria type")
	}
	fields, isObject := readBody(r)
	u, valid := readUpdate(fields)
	if !isObject || !valid {
		return internalError()
	}
	team, found, err := findTeam(r.Context(), h.db, r.PathValue("slug"))
	switch {
	case err != nil:
		return internalError()
	case !found:
		return teamNotFound()
	}
	u.CriteriaType = criterion
	var row criterionRow
	existed := false
	err = h.inTx(r.Context(), func(tx *sql.Tx) (err error) {
		row, existed, err = store(r.Context(), tx, team, u)
		return err
	})
	if err != nil {
		return internalError()
	}
	body := envelope(team, criterion)
	body["criteria"], body["action"] = row, "created"
	if existed {
		body["action"] = "updated"
	}
	return ok(body)
}

// store writes the entry and its row of history. What the update leaves out
// keeps its old value in the entry and is NULL in the history.
func store(ctx context.Context, tx *sql.Tx, team teamRow, u update) (row criterionRow, existed bool, err error) {
	if _, existed, err = findCriterion(ctx, tx, team, u.CriteriaType); err != nil {
		return row, false, err
	}
	now := timestamp()
	var metrics *string
	err = tx.QueryRowContext(ctx, `
		INSERT INTO team_criteria AS c (id, team_id, hackathon_id, criteria_type, status, score, metrics, last_updated, updated_by, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8)
		ON CONFLICT (team_id, hackathon_id, criteria_type) DO UPDATE SET status = ?5,
			score = coalesce(?6, score), metrics = coalesce(?7, metrics), last_updated = ?8, updated_by = ?9
		RETURNING id, team_id, hackathon_id, criteria_type, status, score, metrics, last_updated, updated_by, created_at`,
		newID(), team.ID, team.HackathonID, u.CriteriaType, u.Status, u.Score, u.Metrics, now, u.UpdatedBy).
		Scan(row.targets(&metrics)...)
	if err != nil {
		return row, false, fmt.Errorf("write criterion: %w", err)
	}
	row.Metrics = rawMetrics(metrics)
	_, err = tx.ExecContext(ctx, `
		INSERT INTO team_criteria_history (id, team_criteria_id, status, score, metrics, updated_by, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, newID(), row.ID, u.Status, u.Score, u.Metrics, u.UpdatedBy, now)
	if err != nil {
		return row, false, fmt.Errorf("write history: %w", err)
	}
	return row, existed, nil
}

// readBulk reads and validates a bulk: all of it, or false.
func readBulk(r *http.Request) ([]update, bool) {
	fields, isObject := readBody(r)
	var entries []json.RawMessage
	if !isObject || json.Unmarshal(fields["updates"], &entries) != nil || entries == nil {
		return nil, false
	}
	updates := make([]update, len(entries))
	for i, raw := range entries {
		entry, isObject := object(raw)
		u, valid := readUpdate(entry)
		if !isObject || !valid ||
			!text(entry, "teamSlug", &u.TeamSlug) || !text(entry, "hackathonId", &u.HackathonID) ||
			!text(entry, "criteriaType", &u.CriteriaType) || !contest.Criterion(u.CriteriaType).Valid() {
			return nil, false
		}
		updates[i] = u
	}
	return updates, true
}

// readUpdate reads and validates what a single and a bulk update share.
func readUpdate(fields map[string]json.RawMessage) (u update, valid bool) {
	if !text(fields, "status", &u.Status) || !contest.Status(u.Status).Valid() || !text(fields, "updatedBy", &u.UpdatedBy) {
		return u, false
	}
	if raw, given := fields["score"]; given {
		var number json.Number
		if json.Unmarshal(raw, &number) != nil || number == "" || raw[0] == '"' {
			return u, false
		}
		score, _ := strconv.ParseFloat(number.String(), 64) // out of range is infinite, as in JavaScript
		if score < 0 {
			return u, false
		}
		u.Score = &score
	}
	if raw, given := fields["metrics"]; given {
		if _, isObject := object(raw); !isObject {
			return u, false
		}
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return u, false
		}
		metrics := compact.String()
		u.Metrics = &metrics
	}
	return u, true
}

// text reads a string that must not be empty.
func text(fields map[string]json.RawMessage, key string, into *string) bool {
	return json.Unmarshal(fields[key], into) == nil && *into != ""
}
