package schedule

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Job tables that a newer program has changed are refused, and left as they are.
func TestNewerJobTablesAreRefused(t *testing.T) {
	t.Parallel()
	_, db := freshQueue(t, Config{})
	_, err := db.ExecContext(t.Context(), `INSERT INTO river_migration (line, version) VALUES ('main', 999)`)
	require.NoError(t, err)

	_, err = New(t.Context(), db, Config{Postgres: onPostgres})
	require.ErrorContains(t, err, "their version is 999 and this program knows ")
	require.ErrorContains(t, err, "belong to a newer hackload; use that one, or another --state directory")

	_, err = db.ExecContext(t.Context(), `DELETE FROM river_migration WHERE version = 999`)
	require.NoError(t, err)
	_, err = New(t.Context(), db, Config{Postgres: onPostgres})
	require.NoError(t, err, "nothing was changed")
}
