package store

import (
	"context"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// AuditEntry is one line of the audit trail: who did what to what, and why.
type AuditEntry struct {
	Seq     int64 // 1, 2, 3, … in the order of the changes
	At      time.Time
	Who     string
	What    string // "override", "cancel run", …
	Subject string
	Why     string
}

// Audit adds a line to the audit trail in the transaction of the change that it
// tells of. Nothing changes or removes lines. Seq and At are set here.
func (tx *Tx) Audit(ctx context.Context, e AuditEntry) error {
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO audit (seq, at, who, what, subject, why)
		SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ? FROM audit`,
		millis(tx.now), e.Who, e.What, e.Subject, e.Why)
	return wrap("write audit trail", err)
}

// AuditTrail returns the newest lines of the audit trail, newest first.
func (s *Store) AuditTrail(ctx context.Context, limit int) ([]AuditEntry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, at, who, what, subject, why FROM audit ORDER BY seq DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit trail: %w", err)
	}
	defer rows.Close()
	var all []AuditEntry
	for rows.Next() {
		var e AuditEntry
		var at int64
		if err := rows.Scan(&e.Seq, &at, &e.Who, &e.What, &e.Subject, &e.Why); err != nil {
			return nil, fmt.Errorf("read audit trail: %w", err)
		}
		e.At = time.UnixMilli(at).UTC()
		all = append(all, e)
	}
	return all, wrap("read audit trail", rows.Err())
}

// Exclude takes a team out of the rounds that begin from now on.
func (tx *Tx) Exclude(ctx context.Context, team contest.Slug, who, why string) error {
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO exclusions (slug, who, why, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (slug) DO UPDATE SET who = excluded.who, why = excluded.why, at = excluded.at`, team, who, why, millis(tx.now))
	return wrap("exclude team "+string(team), err)
}

// Include takes a team in again; ErrNotFound when it was not excluded.
func (tx *Tx) Include(ctx context.Context, team contest.Slug) error {
	return wrap("include team "+string(team), foundOne(tx.SQL.ExecContext(ctx, `DELETE FROM exclusions WHERE slug = ?`, team)))
}

// Exclusion is a team that an organiser took out.
type Exclusion struct {
	Team     contest.Slug
	Who, Why string
	At       time.Time
}

// Exclusions returns the teams that organisers took out.
func (s *Store) Exclusions(ctx context.Context) ([]Exclusion, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT slug, who, why, at FROM exclusions ORDER BY slug`)
	if err != nil {
		return nil, fmt.Errorf("read exclusions: %w", err)
	}
	defer rows.Close()
	var all []Exclusion
	for rows.Next() {
		var e Exclusion
		var at int64
		if err := rows.Scan(&e.Team, &e.Who, &e.Why, &at); err != nil {
			return nil, fmt.Errorf("read exclusions: %w", err)
		}
		e.At = time.UnixMilli(at).UTC()
		all = append(all, e)
	}
	return all, wrap("read exclusions", rows.Err())
}
