package schedule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/riverqueue/river/rivermigrate"
)

// migrate brings the job tables to this program's version. Those of a newer
// program are refused untouched, in words that say what can be done.
func migrate(ctx context.Context, db *sql.DB, m *rivermigrate.Migrator[*sql.Tx]) error {
	if _, err := m.ExistingVersions(ctx); err != nil { // also when one of them is not known here
		return errors.Join(refuseNewer(ctx, db, m), fmt.Errorf("read their version: %w", err))
	}
	_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func refuseNewer(ctx context.Context, db *sql.DB, m *rivermigrate.Migrator[*sql.Tx]) error {
	known := 0
	for _, v := range m.AllVersions() {
		known = max(known, v.Version)
	}
	var current int
	err := db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM river_migration WHERE line = 'main'`).Scan(&current)
	if err != nil || current <= known {
		return err
	}
	return fmt.Errorf("their version is %d and this program knows %d: they belong to a newer hackload; use that one, or another --state directory", current, known)
}
