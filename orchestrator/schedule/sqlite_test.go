//go:build !postgres

package schedule

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

const onPostgres = false

// What the tests do to River's tables behind its back.
const (
	sqlWait = `SELECT (julianday(scheduled_at) - julianday(json_extract(errors, '$[0].at'))) * 86400
		FROM river_job WHERE json_extract(args, '$.run') = 'bad'`
	sqlYearAgo = `UPDATE river_job SET finalized_at = datetime('now', '-1 year')`
	sqlStuck   = `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = datetime('now'),
		attempted_by = json_array('a dead process')`
	sqlStuckLonger = `UPDATE river_job SET attempted_at = datetime('now', '-2 minutes') WHERE state = 'running'`
)

// database opens the kind of pool that the state database hands out.
func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "state.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
