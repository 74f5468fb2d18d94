package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Replica is a process that shares the database with others.
type Replica struct {
	ID       string
	Host     string
	Embedded bool  // it keeps metrics in itself, where no other can ask for them
	Beat     int64 // grows as long as it lives
}

// identity returns what the processes of a state directory are called, one after
// the other: what the last one has put under load, the next one takes up.
func identity(dir string) (string, error) {
	path := filepath.Join(dir, "replica")
	known, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(known)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read name of replica: %w", err)
	}
	id := ulid.Make().String()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep name of replica: %w", err)
	}
	return id, nil
}

// Replica is this process' name among those that share a PostgreSQL; empty with
// SQLite, which it has for itself.
func (s *Store) Replica() string { return s.replica }

// Shared reports whether the database is a PostgreSQL, on which other processes
// may work.
func (s *Store) Shared() bool { return s.dialect == inPostgres }

// Beat says that a replica lives, and returns all that have said so, itself
// included, in no order.
func (s *Store) Beat(ctx context.Context, r Replica) ([]Replica, error) {
	err := s.Write(ctx, func(tx *Tx) error {
		_, err := tx.SQL.ExecContext(ctx, `INSERT INTO replicas (id, host, embedded, beat, seen_at) VALUES (?, ?, ?, 1, ?)
			ON CONFLICT (id) DO UPDATE SET host = excluded.host, embedded = excluded.embedded,
				beat = replicas.beat + 1, seen_at = excluded.seen_at`, r.ID, r.Host, flag(r.Embedded), millis(tx.now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write beat: %w", err)
	}
	all, err := s.replicas(ctx)
	return all, wrap("read beats", err)
}

func (s *Store) replicas(ctx context.Context) (all []Replica, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, host, embedded, beat FROM replicas`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Replica
		var embedded int
		if err := rows.Scan(&r.ID, &r.Host, &embedded, &r.Beat); err != nil {
			return nil, err
		}
		r.Embedded = embedded != 0
		all = append(all, r)
	}
	return all, rows.Err()
}

// Forget removes a replica that has left: nobody waits for it any more.
func (tx *Tx) Forget(ctx context.Context, replica string) error {
	if _, err := tx.SQL.ExecContext(ctx, `DELETE FROM duties WHERE owner = ?`, replica); err != nil {
		return wrap("give up duties", err)
	}
	_, err := tx.SQL.ExecContext(ctx, `DELETE FROM replicas WHERE id = ?`, replica)
	return wrap("forget replica", err)
}

// Claim makes a leased run the owner's, if it is still nobody's; else it fails
// with ErrStale.
func (tx *Tx) Claim(ctx context.Context, run Run, owner string) (Run, error) {
	claimed := run
	claimed.Owner = owner
	return claimed, tx.Move(ctx, run, claimed)
}

// RoundOwner returns who measures a round without load; empty: nobody yet.
func (s *Store) RoundOwner(ctx context.Context, id contest.RoundID) (owner string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT owner FROM rounds WHERE id = ?`, id).Scan(&owner)
	return owner, wrap("read owner of round "+string(id), notFound(err))
}

// ClaimRound makes a round another owner's, if it is still the former's; else it
// fails with ErrStale.
func (tx *Tx) ClaimRound(ctx context.Context, id contest.RoundID, from, to string) error {
	return wrap("claim round "+string(id), changedOne(tx.SQL.ExecContext(ctx,
		`UPDATE rounds SET owner = ? WHERE id = ? AND owner = ? AND ended_at IS NULL`, to, id, from)))
}

// Duty returns who does what only one may do; empty: nobody.
func (s *Store) Duty(ctx context.Context, name string) (owner string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT owner FROM duties WHERE name = ?`, name).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return owner, wrap("read duty "+name, err)
}

// TakeDuty takes a duty over, if it is still the former owner's or nobody's;
// else it fails with ErrStale.
func (tx *Tx) TakeDuty(ctx context.Context, name, from, to string) error {
	return wrap("take duty "+name, changedOne(tx.SQL.ExecContext(ctx, `INSERT INTO duties (name, owner) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET owner = excluded.owner WHERE duties.owner = ?`, name, to, from)))
}

// AskCancel asks the owner of a run to cancel it at its next step. The first
// who asks is kept.
func (tx *Tx) AskCancel(ctx context.Context, run contest.RunID, who, why string) error {
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO cancellations (run_id, who, why) VALUES (?, ?, ?)
		ON CONFLICT (run_id) DO NOTHING`, run, who, why)
	return wrap("ask to cancel run "+string(run), err)
}

// AskedCancel returns who asked for a run to be cancelled, and why; ErrNotFound
// when nobody did.
func (s *Store) AskedCancel(ctx context.Context, run contest.RunID) (who, why string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT who, why FROM cancellations WHERE run_id = ?`, run).Scan(&who, &why)
	return who, why, wrap("read cancellation of run "+string(run), notFound(err))
}
