package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // also the database/sql driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Open locks dir (creating it if need be), opens its SQLite database and brings
// it to this program's schema. A database of a newer program is refused untouched.
func Open(ctx context.Context, dir string) (*Store, error) {
	s, err := inDir(dir)
	if err != nil {
		return nil, err
	}
	if err := s.openSQLite(ctx, filepath.Join(dir, DatabaseFile)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// dsn names the database file to the driver. SQLite reads it as a URL, so a
// directory called "a?b" must not end its path.
func dsn(path, more string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)" + more
}

func (s *Store) openSQLite(ctx context.Context, path string) error {
	err := private(path)
	if err != nil {
		return err
	}
	if s.write, err = sql.Open("sqlite", dsn(path, "&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_txlock=immediate")); err != nil {
		return fmt.Errorf("open state database: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write, inSQLite); err != nil {
		return fmt.Errorf("open state database %s: %w", path, err)
	}
	read, err := sql.Open("sqlite", dsn(path, "&_pragma=query_only(1)"))
	if err != nil {
		return fmt.Errorf("open state database for reading: %w", err)
	}
	read.SetMaxOpenConns(4)
	s.read = pool{read, inSQLite}
	return nil
}

// OpenRead opens the SQLite database in dir for reading only, beside the process
// that owns the directory, if there is one.
func OpenRead(ctx context.Context, dir string) (*Store, error) {
	path := filepath.Join(dir, DatabaseFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open state database: %w", err)
	}
	read, err := sql.Open("sqlite", dsn(path, "&_pragma=query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open state database for reading: %w", err)
	}
	s := &Store{read: pool{read, inSQLite}}
	if _, err := s.readable(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open state database %s: %w", path, err), s.Close())
	}
	return s, nil
}

// fullSQLite reports whether an error says that there is no room, in SQLite's
// terms: it knows a full disk, but calls a quota that is used up a failed write.
func fullSQLite(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE:
		return true
	}
	return false
}
