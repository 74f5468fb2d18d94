// Package store is the state database: rounds, climbs, runs, evidence,
// verdicts and the outbox, in SQLite under the state directory or in PostgreSQL.
//
// What comes in is written in transactions (Write), one writer at a time; what
// goes out is read from a second pool that cannot write, so pages never wait
// for a run's step. A run moves from state to state through Move, which is
// fenced by the state and the attempt it was read in: a twin that comes late
// changes nothing and learns so by ErrStale.
//
// A kill -9 loses nothing that was committed. The journal is write-ahead with
// synchronous=NORMAL: a power loss may lose the last commits, never the
// database; the runs concerned are then repeated. One process owns a state
// directory; a second one is refused. A PostgreSQL serves several processes.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors that callers branch on.
var (
	// ErrStale means that the row has moved on since it was read: someone else
	// (or an earlier life of this process) has done the step already.
	ErrStale = errors.New("row has moved on")
	// ErrNotFound means that no such row exists.
	ErrNotFound = errors.New("not found")
	// ErrInUse means that another process owns the state directory.
	ErrInUse = errors.New("state directory is in use by another process")
	// ErrFull means that there is no room for what was to be written. What was
	// committed is safe, and writing works again when there is room.
	ErrFull = errors.New("the disk of the state is full or its quota is used up")
	// ErrAway means that the database does not answer, or takes no connection.
	ErrAway = errors.New("the state database cannot be reached")
)

// Store is an open state database. Its methods are safe for concurrent use.
type Store struct {
	dialect dialect
	replica string
	write   *sql.DB // of SQLite, one connection
	read    pool    // cannot write
	lock    *os.File
	decoded decodedVerdicts
}

// inDir locks a state directory, which is created if need be.
func inDir(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	return &Store{lock: lock}, nil
}

// acquire takes an advisory lock that the kernel drops when the process dies.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s; stop it, or choose another directory with --state", ErrInUse, filepath.Dir(path))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// DB returns the writing pool, for the job queue that shares the transactions.
func (s *Store) DB() *sql.DB { return s.write }

// Close closes the database and gives the state directory free.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read.DB, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Write runs do in one transaction, which is committed when do returns nil.
// Inside, only tx may be used: SQLite's writing pool has one connection.
//
// There is one writer at a time on either database. SQLite has no other way; on
// PostgreSQL every transaction takes one advisory lock first, also against other
// replicas. That costs nothing here (transactions are a few statements, some
// dozens a second) and makes what holds on one database hold on the other:
// nothing that was read can change before the commit, and do runs once. With
// SERIALIZABLE it would have to be repeated, and it tells others what it did.
func (s *Store) Write(ctx context.Context, do func(tx *Tx) error) error {
	sqlTx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", explain(err))
	}
	defer sqlTx.Rollback() // does nothing after a commit
	statements := Statements{sqlTx, s.dialect}
	if err := statements.becomeWriter(ctx); err != nil {
		return fmt.Errorf("begin transaction: wait for other writers: %w", explain(err))
	}
	if err := do(&Tx{SQL: statements, now: time.Now()}); err != nil {
		return explain(err)
	}
	if err := sqlTx.Commit(); err != nil {
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			err = ctx.Err() // that is what rolled it back
		}
		return fmt.Errorf("commit transaction: %w", explain(err))
	}
	return nil
}

// explain puts ErrFull or ErrAway before an error that says so in the terms of
// its database.
func explain(err error) error {
	if err == nil || errors.Is(err, ErrFull) || errors.Is(err, ErrAway) {
		return err
	}
	if fullSQLite(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if told := explainPostgres(pg); errors.Is(told, ErrFull) || errors.Is(told, ErrAway) {
			return fmt.Errorf("%w: %w", told, err)
		}
	}
	var network *net.OpError
	lost := pgconn.SafeToRetry(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) // the driver found its connection closed
	if lost || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return err
}

// Tx is one writing transaction.
type Tx struct {
	SQL Statements
	now time.Time
}

// Now is the time at which the transaction began.
func (tx *Tx) Now() time.Time { return tx.now }

// Meta returns a named value, empty when it was never set.
func (s *Store) Meta(ctx context.Context, name string) (string, error) {
	return metaOf(ctx, s.read, name)
}

// Meta returns a named value, empty when it was never set.
func (tx *Tx) Meta(ctx context.Context, name string) (string, error) {
	return metaOf(ctx, tx.SQL, name)
}

func metaOf(ctx context.Context, q querier, name string) (v string, err error) {
	err = q.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = ?`, name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, wrap("read "+name, err)
}

// SetMeta sets a named value.
func (tx *Tx) SetMeta(ctx context.Context, name, value string) error {
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return wrap("set "+name, err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, explain(err))
}
