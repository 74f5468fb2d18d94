package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// PutUpdate makes u the newest update of its team and criterion. An unchanged
// update is not queued again when the Hub holds it already, and leaves a waiting
// one alone: its version, its back-off and its age.
func (tx *Tx) PutUpdate(ctx context.Context, u contest.Update) error {
	doc, err := encode(u)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO outbox (slug, criterion, version, doc, state, attempts, created_at, due_at)
		VALUES (?, ?, 1, ?, 'pending', 0, ?, ?)
		ON CONFLICT (slug, criterion) DO UPDATE SET version = outbox.version + 1, doc = excluded.doc,
			state = 'pending', attempts = 0, created_at = excluded.created_at, due_at = excluded.due_at, error = ''
		WHERE NOT (outbox.state = 'sent' AND outbox.sent_sha256 = ?)
			AND NOT (outbox.state = 'pending' AND outbox.doc = excluded.doc)`,
		u.TeamSlug, u.CriteriaType, doc, millis(tx.now), millis(tx.now), Hash([]byte(doc)))
	return wrap("put update in outbox", err)
}

// Outbox returns the rows in one of the states, or all when none is given.
func (s *Store) Outbox(ctx context.Context, states ...contest.OutboxState) ([]contest.OutboxRow, error) {
	rows, err := s.outboxRows(ctx, `ORDER BY slug, criterion`)
	if err != nil || len(states) == 0 {
		return rows, err
	}
	var some []contest.OutboxRow
	for _, r := range rows {
		for _, st := range states {
			if r.State == st {
				some = append(some, r)
			}
		}
	}
	return some, nil
}

const dueRows = `WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, slug, criterion LIMIT ?`

// Due returns the pending rows that are due at now, the longest waiting first.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]contest.OutboxRow, error) {
	return s.outboxRows(ctx, dueRows, millis(now), limit)
}

func (s *Store) outboxRows(ctx context.Context, rest string, args ...any) ([]contest.OutboxRow, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT doc, version, state, attempts, created_at, due_at, sent_at, error FROM outbox `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var all []contest.OutboxRow
	for rows.Next() {
		var r contest.OutboxRow
		var doc string
		var created, due, sent sql.NullInt64
		if err := rows.Scan(&doc, &r.Version, &r.State, &r.Attempts, &created, &due, &sent, &r.Error); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		if r.Update, err = decode[contest.Update](doc); err != nil {
			return nil, err
		}
		r.CreatedAt, r.DueAt, r.SentAt = *timeOrNil(created), *timeOrNil(due), timeOrNil(sent)
		all = append(all, r)
	}
	return all, rows.Err()
}

// Settlement is what became of one outbox row that was sent.
type Settlement struct {
	Team      contest.Slug
	Criterion contest.Criterion
	Version   int64
	State     contest.OutboxState
	Attempts  int
	DueAt     time.Time
	Error     string
	At        time.Time
}

// SettleUpdate writes a settlement. One for an older version than the row's is
// without effect: a newer update has come meanwhile and is still to be sent.
func (tx *Tx) SettleUpdate(ctx context.Context, st Settlement) error {
	sent := sql.NullInt64{Int64: millis(st.At), Valid: st.State == contest.OutboxSent}
	sha := ""
	if sent.Valid {
		var doc string
		err := tx.SQL.QueryRowContext(ctx, `SELECT doc FROM outbox WHERE slug = ? AND criterion = ? AND version = ?`,
			st.Team, st.Criterion, st.Version).Scan(&doc)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("settle update: %w", err)
		}
		sha = Hash([]byte(doc))
	}
	_, err := tx.SQL.ExecContext(ctx, `UPDATE outbox SET state = ?, attempts = ?, due_at = ?, error = ?,
		sent_at = coalesce(?, sent_at), sent_sha256 = CASE WHEN ? = '' THEN sent_sha256 ELSE ? END
		WHERE slug = ? AND criterion = ? AND version = ?`,
		st.State, st.Attempts, millis(st.DueAt), st.Error, sent, sha, sha, st.Team, st.Criterion, st.Version)
	return wrap("settle update", err)
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
