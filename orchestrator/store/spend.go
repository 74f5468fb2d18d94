package store

import (
	"context"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// SpendEntry is what an organiser wrote down of a team's spend: all of it so
// far, not an addition.
type SpendEntry struct {
	Seq         int64 // 1, 2, 3, … over all teams, in the order of writing
	At          time.Time
	Team        contest.Slug
	Micros      int64  // millionths of the currency
	Currency    string // ISO 4217
	Approximate bool
	Note        string
	Who         string
}

// AddSpend adds an entry and its line in the audit trail. Nothing changes or
// removes entries. Seq and At are set here.
func (tx *Tx) AddSpend(ctx context.Context, e SpendEntry, said string) error {
	approximate := 0
	if e.Approximate {
		approximate = 1
	}
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO spend_entries (seq, at, slug, micros, currency, approximate, note, who)
		SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM spend_entries`,
		millis(tx.now), e.Team, e.Micros, e.Currency, approximate, e.Note, e.Who)
	if err != nil {
		return wrap("add spend of team "+string(e.Team), err)
	}
	return tx.Audit(ctx, AuditEntry{Who: e.Who, What: "enter spend", Subject: string(e.Team) + " " + said, Why: e.Note})
}

// Spends returns the newest entry of each team, by its slug.
func (s *Store) Spends(ctx context.Context) (map[contest.Slug]SpendEntry, error) {
	newest, err := s.spendEntries(ctx, `WHERE seq IN (SELECT max(seq) FROM spend_entries GROUP BY slug)`)
	bySlug := make(map[contest.Slug]SpendEntry, len(newest))
	for _, e := range newest {
		bySlug[e.Team] = e
	}
	return bySlug, wrap("read spends", err)
}

// SpendHistory returns a team's newest entries, newest first.
func (s *Store) SpendHistory(ctx context.Context, team contest.Slug, limit int) ([]SpendEntry, error) {
	all, err := s.spendEntries(ctx, `WHERE slug = ? ORDER BY seq DESC LIMIT ?`, team, limit)
	return all, wrap("read spend of team "+string(team), err)
}

func (s *Store) spendEntries(ctx context.Context, where string, args ...any) ([]SpendEntry, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, at, slug, micros, currency, approximate, note, who FROM spend_entries `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []SpendEntry
	for rows.Next() {
		var e SpendEntry
		var at, approximate int64
		if err := rows.Scan(&e.Seq, &at, &e.Team, &e.Micros, &e.Currency, &approximate, &e.Note, &e.Who); err != nil {
			return nil, err
		}
		e.At, e.Approximate = time.UnixMilli(at).UTC(), approximate != 0
		all = append(all, e)
	}
	return all, rows.Err()
}
