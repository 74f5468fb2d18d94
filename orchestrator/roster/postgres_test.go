//go:build postgres

package roster

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
)

const password = pgtest.Password

// started is the server of all tests, from the first that needs it.
var started = sync.OnceValues(func() (*pgtest.Server, error) {
	s, err := pgtest.Start("max_connections=30")
	if err == nil {
		teardown = s.Stop
	}
	return s, err
})

// database is a fresh database with the Hub's tables and a user who may read
// them.
type database struct {
	*sql.DB        // as its owner
	url     string // as the reader
	owner   string
}

func hubDatabase(t *testing.T, statements ...string) database {
	t.Helper()
	s, err := started()
	require.NoError(t, err)
	name, err := s.Database(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Exec(t.Context(), fmt.Sprintf("CREATE ROLE reader_%s LOGIN PASSWORD '%s'", name, password)))
	d := database{url: s.URL("reader_"+name, name), owner: s.URL(pgtest.Owner, name)}
	d.DB, err = sql.Open("pgx", d.owner)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	d.exec(t, schema, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_"+name)
	d.exec(t, statements...)
	return d
}

func (d database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := d.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func open(t *testing.T, cfg DatabaseConfig) *Database {
	t.Helper()
	d, err := OpenDatabase(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// schema is the part of the Hub's that matters, with the types that Prisma gives it.
const schema = `
CREATE TYPE "TeamStatus" AS ENUM ('NEW', 'INCOMPLETED', 'FINISHED', 'IN_REVIEW', 'APPROVED', 'CANCELED', 'REJECTED');
CREATE TABLE hackathons (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE,
	"startDate" TIMESTAMP(3) NOT NULL, "endDate" TIMESTAMP(3) NOT NULL);
CREATE TABLE teams (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, nickname TEXT NOT NULL UNIQUE,
	status "TeamStatus" NOT NULL DEFAULT 'NEW', "hackathonId" TEXT NOT NULL REFERENCES hackathons(id),
	"k6EnvironmentVars" JSONB);
CREATE TABLE team_environment_data (
	id SERIAL PRIMARY KEY, "teamId" TEXT NOT NULL REFERENCES teams(id), key TEXT NOT NULL, value TEXT NOT NULL,
	"isSecure" BOOLEAN NOT NULL DEFAULT false, UNIQUE ("teamId", key));
INSERT INTO hackathons VALUES
	('h25', 'HackLoad 2025', 'hackload-2025', '2025-08-15', '2025-08-17'), ('h24', 'Before', 'hackload-2024', '2024-08-15', '2024-08-17');
INSERT INTO teams (id, nickname, name, status, "hackathonId", "k6EnvironmentVars") VALUES
	('t1', 'zulu', 'Zulu', 'APPROVED', 'h25', NULL),
	('t2', '3g', 'Команда 3g', 'APPROVED', 'h25', '{"API_URL": "http://10.0.0.7:8080", "VUS": "10"}'),
	('t3', 'alem', 'Alem', 'APPROVED', 'h25', '["API_URL"]'),
	('t4', 'late', 'Late', 'IN_REVIEW', 'h25', NULL),
	('t5', 'old', 'Old', 'APPROVED', 'h24', NULL);
INSERT INTO team_environment_data ("teamId", key, value, "isSecure") VALUES
	('t1', 'ENDPOINT_URL', 'https://zulu.hub.example.org', false), ('t1', 'Repo', 'https://github.com/x/zulu', false),
	('t1', 'MONEY_SPEND', '1200', true), ('t1', 'MERCHANT_PASSWORD', 'hunter2', true),
	('t2', 'APPLICATION_URL', ' https://3g.example.org ', true), ('t2', 'ENDPOINT_URL', 'https://other.example.org', false),
	('t3', 'MONEY_SPEND', '', false),
	('t5', 'ENDPOINT_URL', 'https://old.example.org', false);`
