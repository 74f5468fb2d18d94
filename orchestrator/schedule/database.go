package schedule

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// lockTables is the advisory lock of whoever migrates River's tables.
const lockTables = 0x4861636b_00000003

const unlockTimeout = 10 * time.Second

// prepare returns River's driver for the database, with its tables brought up to
// date. Both drivers share database/sql's transactions.
func prepare(ctx context.Context, db *sql.DB, c Config) (riverdriver.Driver[*sql.Tx], error) {
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(db)
	if c.Postgres {
		driver = riverdatabasesql.New(db)
		release, err := alone(ctx, db)
		if err != nil {
			return nil, fmt.Errorf("wait for another replica to migrate job tables: %w", err)
		}
		defer release()
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet(c.Log)})
	if err != nil {
		return nil, fmt.Errorf("prepare job tables: %w", err)
	}
	if err := migrate(ctx, db, migrator); err != nil {
		return nil, fmt.Errorf("migrate job tables: %w", err)
	}
	return driver, nil
}

// alone keeps other replicas from migrating until release is called.
func alone(ctx context.Context, db *sql.DB) (release func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(lockTables)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", int64(lockTables)); err != nil {
			_ = conn.Raw(func(any) error { return sqldriver.ErrBadConn }) // closes it, and the lock with it
		}
		_ = conn.Close()
	}, nil
}
