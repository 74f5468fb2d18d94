package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

func migrate(ctx context.Context, db *sql.DB, d dialect) (err error) {
	if d == inPostgres { // several replicas may start at once
		release, err := lockedSchema(ctx, db)
		if err != nil {
			return err
		}
		defer release()
	}
	p, err := provider(db, d)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if current > target {
		return newerSchema(current, target)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	return nil
}

// lockedSchema keeps other processes from migrating until release is called. The
// lock is the connection's, and goes with it.
func lockedSchema(ctx context.Context, db *sql.DB) (release func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(lockSchema)); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another replica to migrate: %w", err), conn.Close())
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", int64(lockSchema)); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it, and the lock with it
		}
		_ = conn.Close()
	}, nil
}

func provider(db *sql.DB, d dialect) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	speaks := goose.DialectSQLite3
	if d == inPostgres {
		speaks = goose.DialectPostgres
	}
	p, err := goose.NewProvider(speaks, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// readable returns the version of the schema, and refuses one that is not
// exactly this program's: one who only reads cannot migrate it.
func (s *Store) readable(ctx context.Context) (version int64, err error) {
	p, err := provider(s.read.DB, s.dialect)
	if err != nil {
		return 0, err
	}
	sources := p.ListSources()
	target := sources[len(sources)-1].Version
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case version > target:
		return version, newerSchema(version, target)
	case version < target:
		return version, fmt.Errorf("its schema version is %d and this program reads %d: start the contest on it once, which brings it up to date", version, target)
	}
	return version, nil
}

func newerSchema(current, target int64) error {
	return fmt.Errorf("its schema version is %d and this program knows %d: it belongs to a newer hackload; use that one, or another --state directory or database", current, target)
}
