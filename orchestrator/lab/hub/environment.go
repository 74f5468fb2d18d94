package hub

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"unicode/utf16"
)

// variableRow is one entry of a team's environment as the API shows it.
type variableRow struct {
	ID          string  `json:"id"`
	TeamID      string  `json:"teamId"`
	Key         string  `json:"key"`
	Value       string  `json:"value"`
	Description *string `json:"description"`
	Category    *string `json:"category"`
	IsSecure    bool    `json:"isSecure"`
	IsEditable  bool    `json:"isEditable"`
	CreatedAt   string  `json:"createdAt"`
	UpdatedAt   string  `json:"updatedAt"`
}

const variableColumns = `id, team_id, key, value, description, category, is_secure, is_editable, created_at, updated_at`

func (v *variableRow) scan(scan func(...any) error) error {
	return scan(&v.ID, &v.TeamID, &v.Key, &v.Value, &v.Description, &v.Category,
		&v.IsSecure, &v.IsEditable, &v.CreatedAt, &v.UpdatedAt)
}

// teamEnvironment is a team with its environment as the API shows it.
type teamEnvironment struct {
	TeamID      string        `json:"teamId"`
	TeamSlug    string        `json:"teamSlug"`
	TeamName    string        `json:"teamName"`
	Environment []variableRow `json:"environment"`
	Categories  []string      `json:"categories"`
}

// getEnvironment answers for one team, or for all teams of all hackathons.
func (h *Hub) getEnvironment(r *http.Request) answer {
	slug, category := r.URL.Query().Get("team"), r.URL.Query().Get("category")
	teams, err := h.listTeams(r.Context(), `?1 = '' OR nickname = ?1`, slug)
	if err != nil {
		return internalError()
	}
	if slug != "" && len(teams) == 0 {
		return teamNotFound()
	}
	variables, err := collect(r.Context(), h.db, func(v *variableRow, scan func(...any) error) error { return v.scan(scan) },
		`SELECT `+variableColumns+` FROM team_environment_data WHERE ?1 = '' OR category = ?1
		 ORDER BY category IS NULL, category, key`, category)
	if err != nil {
		return internalError()
	}
	all := join(teams, variables)
	body := map[string]any{"teams": all}
	if slug != "" {
		body["team"] = all[0]
	}
	return ok(body)
}

// join puts the variables, masked, to their teams.
func join(teams []teamRow, variables []variableRow) []teamEnvironment {
	all := make([]teamEnvironment, len(teams))
	place := make(map[string]*teamEnvironment, len(teams))
	for i, t := range teams {
		all[i] = teamEnvironment{t.ID, t.Nickname, t.Name, []variableRow{}, []string{}}
		place[t.ID] = &all[i]
	}
	for _, v := range variables {
		team, wanted := place[v.TeamID]
		if !wanted {
			continue
		}
		if v.IsSecure {
			v.Value = mask(v.Value)
		}
		team.Environment = append(team.Environment, v)
		if v.Category != nil && *v.Category != "" && !slices.Contains(team.Categories, *v.Category) {
			team.Categories = append(team.Categories, *v.Category)
		}
	}
	return all
}

// mask is what the API shows of a secret value.
func mask(value string) string {
	units := utf16.Encode([]rune(value))
	if len(units) <= 8 {
		return "***"
	}
	return string(utf16.Decode(units[:4])) + "***" + string(utf16.Decode(units[len(units)-4:]))
}

// variableWrite is a variable as a request sets it; what is nil keeps its value.
type variableWrite struct {
	Key         string  `json:"key"`
	Value       string  `json:"value"`
	Description *string `json:"description"`
	Category    *string `json:"category"`
	IsSecure    *bool   `json:"isSecure"`
	IsEditable  *bool   `json:"isEditable"`
}

var keyPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// readVariable reads and validates a variable. Null is not the same as left out.
func readVariable(fields map[string]json.RawMessage) (w variableWrite, valid bool) {
	for _, name := range []string{"value", "description", "category", "isSecure"} {
		if string(fields[name]) == "null" {
			return w, false
		}
	}
	raw, err := json.Marshal(fields)
	if err != nil || json.Unmarshal(raw, &w) != nil {
		return w, false
	}
	return w, keyPattern.MatchString(w.Key) && within(&w.Key, 1, 100) && within(&w.Value, 1, 2000) &&
		within(w.Description, 0, 500) && within(w.Category, 0, 50)
}

// within reports whether s, if given, has least to most characters as
// JavaScript counts them.
func within(s *string, least, most int) bool {
	if s == nil {
		return true
	}
	n := len(utf16.Encode([]rune(*s)))
	return n >= least && n <= most
}

// store writes the variable and reports whether it was there before.
func (w variableWrite) store(ctx context.Context, tx *sql.Tx, teamID string) (existed bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM team_environment_data WHERE team_id = ? AND key = ?)`,
		teamID, w.Key).Scan(&existed)
	if err != nil {
		return false, fmt.Errorf("look up variable: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO team_environment_data (id, team_id, key, value, description, category, is_secure, is_editable, created_at, updated_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, 0), coalesce(?8, 0), ?9, ?9)
		ON CONFLICT (team_id, key) DO UPDATE SET value = ?4, description = coalesce(?5, description),
			category = coalesce(?6, category), is_secure = coalesce(?7, is_secure),
			is_editable = coalesce(?8, is_editable), updated_at = ?9`,
		newID(), teamID, w.Key, w.Value, w.Description, w.Category, w.IsSecure, w.IsEditable, timestamp())
	if err != nil {
		return false, fmt.Errorf("store variable %s: %w", w.Key, err)
	}
	return existed, nil
}

// putEnvironment sets several variables of one team, each in its own
// transaction.
func (h *Hub) putEnvironment(r *http.Request) answer {
	slug, writes, valid := readEnvironment(r)
	if !valid {
		return internalError()
	}
	team, found, err := findTeam(r.Context(), h.db, slug)
	switch {
	case err != nil:
		return internalError()
	case !found:
		return teamNotFound()
	}
	created, updated := 0, 0
	var refused []map[string]string
	for _, w := range writes {
		w.IsEditable = nil
		existed := false
		err := h.inTx(r.Context(), func(tx *sql.Tx) (err error) { existed, err = w.store(r.Context(), tx, team.ID); return err })
		switch {
		case err != nil:
			refused = append(refused, map[string]string{"key": w.Key, "error": err.Error()})
		case existed:
			updated++
		default:
			created++
		}
	}
	body := map[string]any{"teamId": team.ID, "updatedEntries": updated, "createdEntries": created}
	if len(refused) > 0 {
		body["errors"] = refused
	}
	return ok(body)
}

func readEnvironment(r *http.Request) (slug string, writes []variableWrite, valid bool) {
	fields, isObject := readBody(r)
	var entries []json.RawMessage
	if !isObject || json.Unmarshal(fields["teamSlug"], &slug) != nil || slug == "" ||
		json.Unmarshal(fields["updates"], &entries) != nil || entries == nil {
		return "", nil, false
	}
	for _, raw := range entries {
		entry, isObject := object(raw)
		w, valid := readVariable(entry)
		if !isObject || !valid {
			return "", nil, false
		}
		writes = append(writes, w)
	}
	return slug, writes, true
}

// putVariable sets one variable. Here the team is looked up before the body.
func (h *Hub) putVariable(r *http.Request) answer {
	team, found, err := findTeam(r.Context(), h.db, r.PathValue("slug"))
	switch {
	case err != nil:
		return internalError()
	case !found:
		return teamNotFound()
	}
	fields, isObject := readBody(r)
	if !isObject {
		return internalError()
	}
	key, err := json.Marshal(r.PathValue("key"))
	if err != nil {
		return internalError()
	}
	fields["key"] = key
	w, valid := readVariable(fields)
	if !valid {
		return internalError()
	}
	var row variableRow
	err = h.inTx(r.Context(), func(tx *sql.Tx) error {
		if _, err := w.store(r.Context(), tx, team.ID); err != nil {
			return err
		}
		return row.scan(tx.QueryRowContext(r.Context(),
			`SELECT `+variableColumns+` FROM team_environment_data WHERE team_id = ? AND key = ?`, team.ID, w.Key).Scan)
	})
	if err != nil {
		return internalError()
	}
	return ok(row)
}

func (h *Hub) deleteVariable(r *http.Request) answer {
	team, found, err := findTeam(r.Context(), h.db, r.PathValue("slug"))
	switch {
	case err != nil:
		return internalError()
	case !found:
		return teamNotFound()
	}
	var id string
	err = h.db.QueryRowContext(r.Context(),
		`DELETE FROM team_environment_data WHERE team_id = ? AND key = ? RETURNING id`, team.ID, r.PathValue("key")).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return failed(http.StatusNotFound, "Environment variable not found")
	case err != nil:
		return internalError()
	}
	return ok(map[string]string{"message": "Environment variable deleted successfully"})
}
