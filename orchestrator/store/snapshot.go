package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
)

// DatabaseFile is the name of the SQLite database in a state directory.
const DatabaseFile = "state.db"

// Snapshot copies the database in dir to the new file into, as it stood at one
// moment, beside the process that owns dir and may be writing. It returns the
// version of the copy's schema.
func Snapshot(ctx context.Context, dir, into string) (schema int64, err error) {
	path := filepath.Join(dir, DatabaseFile)
	if _, err := os.Stat(path); err != nil {
		return 0, fmt.Errorf("open state database: %w", err)
	}
	if err := private(into); err != nil {
		return 0, err
	}
	// Not query_only, which forbids writing any file; mode=ro only this one.
	db, err := sql.Open("sqlite", dsn(path, "&mode=ro"))
	if err != nil {
		return 0, fmt.Errorf("open state database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, into); err != nil {
		return 0, fmt.Errorf("copy state database %s: %w", path, explain(err))
	}
	return schemaOf(ctx, into)
}

func schemaOf(ctx context.Context, path string) (version int64, err error) {
	db, err := sql.Open("sqlite", dsn(path, "&mode=ro"))
	if err != nil {
		return 0, fmt.Errorf("open state database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	return version, wrap("read schema version", err)
}

// SchemaVersion is the version of the schema that this program writes.
func SchemaVersion() (newest int64, err error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("read migrations: %w", err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}

// Own makes dir if need be and keeps every other process from using it as a
// state directory until the closer is closed; ErrInUse when one does already.
func Own(dir string) (io.Closer, error) {
	s, err := inDir(dir)
	if err != nil {
		return nil, err
	}
	return s.lock, nil
}

// private makes the file if it is missing, for its owner alone: SQLite would
// let everybody read it, and gives the files beside it the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create state database: %w", err)
	}
	return f.Close()
}

// ForgetSent has every update told to the Hub again as soon as it is put in the
// outbox anew, changed or not: of a state that was restored nobody knows what
// the Hub was told since.
func (tx *Tx) ForgetSent(ctx context.Context) error {
	_, err := tx.SQL.ExecContext(ctx, `UPDATE outbox SET sent_sha256 = ''`)
	return wrap("forget what was sent", err)
}
