//go:build postgres

package schedule

import (
	"database/sql"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
)

const onPostgres = true

// What the tests do to River's tables behind its back.
const (
	sqlWait = `SELECT extract(epoch FROM scheduled_at - (errors[1]->>'at')::timestamptz)
		FROM river_job WHERE args->>'run' = 'bad'`
	sqlYearAgo = `UPDATE river_job SET finalized_at = now() - interval '1 year'`
	sqlStuck   = `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now(),
		attempted_by = array['a dead process']`
	sqlStuckLonger = `UPDATE river_job SET attempted_at = now() - interval '2 minutes' WHERE state = 'running'`
)

// started is the server of all tests, from the first that needs it.
var started = sync.OnceValues(func() (*pgtest.Server, error) {
	s, err := pgtest.Start()
	if err == nil {
		teardown = s.Stop
	}
	return s, err
})

// database opens the kind of pool that the state database hands out.
func database(t *testing.T) *sql.DB {
	t.Helper()
	s, err := started()
	require.NoError(t, err)
	name, err := s.Database(t.Context())
	require.NoError(t, err)
	return pool(t, s.URL(pgtest.Owner, name))
}

func pool(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
