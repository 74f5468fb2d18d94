// Package store is the state database: rounds, climbs, runs, evidence,
// verdicts and the outbox, in SQLite under the state directory.
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
// directory; a second one is refused.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"modernc.org/sqlite" // also the database/sql driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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
	ErrFull = errors.New("the disk of the state directory is full or its quota is used up")
)

// Store is an open state database. Its methods are safe for concurrent use.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB // query_only
	lock  *os.File
}

// Open locks dir (creating it if need be), opens its database and brings it to
// this program's schema. A database of a newer program is refused untouched.
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	s := &Store{lock: lock}
	if err := s.open(ctx, filepath.Join(dir, "state.db")); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
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

// dsn names the database file to the driver. SQLite reads it as a URL, so a
// directory called "a?b" must not end its path.
func dsn(path, more string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)" + more
}

func (s *Store) open(ctx context.Context, path string) error {
	var err error
	if s.write, err = sql.Open("sqlite", dsn(path, "&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_txlock=immediate")); err != nil {
		return fmt.Errorf("open state database: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write); err != nil {
		return fmt.Errorf("open state database %s: %w", path, err)
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "&_pragma=query_only(1)")); err != nil {
		return fmt.Errorf("open state database for reading: %w", err)
	}
	s.read.SetMaxOpenConns(4)
	return nil
}

// OpenRead opens the database in dir for reading only, beside the process that
// owns the directory, if there is one.
func OpenRead(ctx context.Context, dir string) (*Store, error) {
	path := filepath.Join(dir, "state.db")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open state database: %w", err)
	}
	read, err := sql.Open("sqlite", dsn(path, "&_pragma=query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open state database for reading: %w", err)
	}
	if err := readable(ctx, read); err != nil {
		return nil, errors.Join(fmt.Errorf("open state database %s: %w", path, err), read.Close())
	}
	return &Store{read: read}, nil
}

// DB returns the writing pool, for the job queue that shares the transactions.
func (s *Store) DB() *sql.DB { return s.write }

// Close closes the database and gives the state directory free.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
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
// Inside, only tx may be used: the writing pool has one connection.
func (s *Store) Write(ctx context.Context, do func(tx *Tx) error) error {
	sqlTx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", full(err))
	}
	defer sqlTx.Rollback() // does nothing after a commit
	if err := do(&Tx{SQL: sqlTx, now: time.Now()}); err != nil {
		return full(err)
	}
	if err := sqlTx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", full(err))
	}
	return nil
}

// full puts ErrFull before an error that says so in SQLite's terms: it knows a
// full disk, but calls a quota that is used up a failed write.
func full(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || errors.Is(err, ErrFull) {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// Tx is one writing transaction.
type Tx struct {
	SQL *sql.Tx
	now time.Time
}

// Now is the time at which the transaction began.
func (tx *Tx) Now() time.Time { return tx.now }

// querier is what reading needs of a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Meta returns a named value, empty when it was never set.
func (s *Store) Meta(ctx context.Context, name string) (string, error) {
	var v string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = ?`, name).Scan(&v)
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
	return fmt.Errorf("%s: %w", what, err)
}
