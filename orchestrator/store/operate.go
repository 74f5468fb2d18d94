package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Override is a verdict that an organiser set, and who did and why.
type Override struct {
	contest.Verdict
	Who string `json:"who"`
	Why string `json:"why"`
}

// Overrides returns the verdicts that organisers set and nobody lifted.
func (s *Store) Overrides(ctx context.Context) ([]Override, error) {
	all, err := documents[Override](ctx, s.read, `SELECT doc FROM overrides ORDER BY slug, criterion`)
	return all, wrap("read overrides", err)
}

// PutOverride keeps a verdict that an organiser set, in place of an earlier one.
func (tx *Tx) PutOverride(ctx context.Context, v Override) error {
	doc, err := encode(v)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO overrides (slug, criterion, doc) VALUES (?, ?, ?)
		ON CONFLICT (slug, criterion) DO UPDATE SET doc = excluded.doc`, v.Team.Slug, v.Criterion, doc)
	return wrap("put override", err)
}

// DropOverride lifts an override; ErrNotFound when there is none.
func (tx *Tx) DropOverride(ctx context.Context, team contest.Slug, c contest.Criterion) error {
	return wrap("drop override", foundOne(tx.SQL.ExecContext(ctx,
		`DELETE FROM overrides WHERE slug = ? AND criterion = ?`, team, c)))
}

// Override returns the verdict that an organiser set, or ErrNotFound.
func (tx *Tx) Override(ctx context.Context, team contest.Slug, c contest.Criterion) (contest.Verdict, error) {
	v, err := document[contest.Verdict](ctx, tx.SQL, `SELECT doc FROM overrides WHERE slug = ? AND criterion = ?`, team, c)
	return v, wrap("read override", err)
}

// Past returns a team's newest verdicts in a criterion, newest first; in all
// criteria when c is empty.
func (tx *Tx) Past(ctx context.Context, team contest.Slug, c contest.Criterion, limit int) ([]contest.Verdict, error) {
	query, args := `SELECT doc FROM verdicts WHERE slug = ?`, []any{team}
	if c != "" {
		query, args = query+` AND criterion = ?`, append(args, c)
	}
	vs, err := documents[contest.Verdict](ctx, tx.SQL, query+` ORDER BY criterion DESC, at DESC, seq DESC LIMIT ?`, append(args, limit)...)
	return vs, wrap("read past verdicts", err)
}

// RetryUpdate has a waiting or parked update sent as soon as possible. It is
// ErrNotFound when there is none, ErrStale when the Hub holds it already.
func (tx *Tx) RetryUpdate(ctx context.Context, team contest.Slug, c contest.Criterion) error {
	return tx.settled(ctx, "retry update", team, c, func() (sql.Result, error) {
		return tx.SQL.ExecContext(ctx, `UPDATE outbox SET state = 'pending', attempts = 0, due_at = ?
			WHERE slug = ? AND criterion = ? AND state <> 'sent'`, millis(tx.now), team, c)
	})
}

// DropUpdate gives a parked update up. Only parked ones can be: a pending one
// may be on its way this moment. It is ErrNotFound when there is none, ErrStale
// when it is not parked.
func (tx *Tx) DropUpdate(ctx context.Context, team contest.Slug, c contest.Criterion) error {
	return tx.settled(ctx, "drop update", team, c, func() (sql.Result, error) {
		return tx.SQL.ExecContext(ctx, `DELETE FROM outbox WHERE slug = ? AND criterion = ? AND state = 'parked'`, team, c)
	})
}

// settled tells an update that is not there from one that has moved on.
func (tx *Tx) settled(ctx context.Context, what string, team contest.Slug, c contest.Criterion, do func() (sql.Result, error)) error {
	what = fmt.Sprintf("%s of team %s in %s", what, team, c)
	err := changedOne(do())
	if !errors.Is(err, ErrStale) {
		return wrap(what, err)
	}
	there, missing := tx.HasPublished(ctx, team, c)
	if missing == nil && !there {
		err = ErrNotFound
	}
	return wrap(what, errors.Join(err, missing))
}

// foundOne turns "no row was changed" into ErrNotFound.
func foundOne(res sql.Result, err error) error {
	if err = changedOne(res, err); errors.Is(err, ErrStale) {
		return ErrNotFound
	}
	return err
}
