package hub

import (
	"context"
	"database/sql"
	"fmt"
)

// DefaultHackathon is the id and the slug of the hackathon of teams that name
// none.
const DefaultHackathon = "hackload-2025"

// Team is a team as it is put into the Hub.
type Team struct {
	Slug        string // the Hub's nickname
	Name        string
	HackathonID string // default DefaultHackathon
	Status      string // default APPROVED
	Level       string // BEGINNER, ADVANCED or empty
	Environment []Variable
}

// Variable is one entry of a team's environment.
type Variable struct {
	Key         string
	Value       string
	Description string
	Category    string
	Secure      bool // the API shows it masked
}

// Seed makes each of the teams, its hackathon and its environment exactly as
// given, in one transaction. Criteria, history and other teams stay as they are,
// so it may be called again on a Hub that is in use.
func (h *Hub) Seed(ctx context.Context, teams ...Team) error {
	return h.inTx(ctx, func(tx *sql.Tx) error {
		for _, t := range teams {
			if err := seed(ctx, tx, t); err != nil {
				return fmt.Errorf("seed team %q: %w", t.Slug, err)
			}
		}
		return nil
	})
}

func seed(ctx context.Context, tx *sql.Tx, t Team) error {
	if t.HackathonID == "" {
		t.HackathonID = DefaultHackathon
	}
	if t.Status == "" {
		t.Status = "APPROVED"
	}
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO hackathons (id, slug, name) VALUES (?1, ?1, ?1) ON CONFLICT DO NOTHING`, t.HackathonID); err != nil {
		return fmt.Errorf("insert hackathon: %w", err)
	}
	var id string
	err := tx.QueryRowContext(ctx, `
		INSERT INTO teams (id, name, nickname, hackathon_id, status, level, created_at, updated_at)
		VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, ''), ?7, ?7)
		ON CONFLICT (nickname) DO UPDATE SET name = ?2, hackathon_id = ?4, status = ?5, level = nullif(?6, ''), updated_at = ?7
		RETURNING id`,
		newID(), t.Name, t.Slug, t.HackathonID, t.Status, t.Level, timestamp()).Scan(&id)
	if err != nil {
		return fmt.Errorf("insert team: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM team_environment_data WHERE team_id = ?`, id); err != nil {
		return fmt.Errorf("clear environment: %w", err)
	}
	for _, v := range t.Environment {
		w := variableWrite{Key: v.Key, Value: v.Value, Description: optional(v.Description), Category: optional(v.Category), IsSecure: &v.Secure}
		if _, err := w.store(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// optional returns nil for an empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
