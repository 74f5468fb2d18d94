//go:build postgres || chaos

package main

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
)

// hubTables are the Hub's that matter, with a team whose addresses are secret
// and another, of which the API may say otherwise.
const hubTables = `
CREATE TYPE "TeamStatus" AS ENUM ('NEW', 'APPROVED');
CREATE TABLE hackathons (id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE);
CREATE TABLE teams (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, nickname TEXT NOT NULL UNIQUE, status "TeamStatus" NOT NULL,
	"hackathonId" TEXT NOT NULL REFERENCES hackathons(id), "k6EnvironmentVars" JSONB);
CREATE TABLE team_environment_data (
	id SERIAL PRIMARY KEY, "teamId" TEXT NOT NULL REFERENCES teams(id), key TEXT NOT NULL, value TEXT NOT NULL,
	"isSecure" BOOLEAN NOT NULL DEFAULT false);
INSERT INTO hackathons VALUES ('h25', 'hackload-2025');
INSERT INTO teams VALUES
	('t1', 'Alem', 'alem', 'APPROVED', 'h25', '{"API_URL": "http://10.0.0.7:8080"}'), ('t2', 'Zulu', 'zulu', 'APPROVED', 'h25', NULL);
INSERT INTO team_environment_data ("teamId", key, value, "isSecure") VALUES
	('t1', 'ENDPOINT_URL', 'https://canary.example.org', true), ('t1', 'MY_SPEND', '1200', false),
	('t2', 'APPLICATION_URL', 'https://zulu.example.org', false);`

// hubDatabase makes the Hub's database, and returns its address for a user who
// may only read.
func hubDatabase(t *testing.T) config.Secret {
	t.Helper()
	server, err := pgtest.Start("max_connections=20")
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	name, err := server.Database(t.Context())
	require.NoError(t, err)
	require.NoError(t, server.Exec(t.Context(), "CREATE ROLE reader LOGIN PASSWORD '"+pgtest.Password+"'"))
	db, err := sql.Open("pgx", server.URL(pgtest.Owner, name))
	require.NoError(t, err)
	defer db.Close()
	for _, statement := range []string{hubTables, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"} {
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return config.NewSecret(server.URL("reader", name))
}

func TestPostgresTeams(t *testing.T) {
	t.Parallel()
	database := hubDatabase(t)
	configured := func(t *testing.T) *config.Config {
		t.Helper()
		c := hubWith(t, []string{"*"}, teamAt("alem", "https://alem.example.org"))
		c.HubDatabase.URL = database
		rules := c.Contest.Criteria[contest.BudgetTracking]
		rules.Keys = []string{"MY_SPEND"}
		c.Contest.Criteria[contest.BudgetTracking] = rules
		return c
	}
	t.Run("count where the Hub is silent", func(t *testing.T) {
		t.Parallel()
		c := configured(t)
		c.Hub.URL = "http://127.0.0.1:1"
		c.Teams.File = teamsFile(t, "teams:\n  - {slug: guest}\n")
		teams, told, err := wired(t, c)
		require.NoError(t, err)
		require.Len(t, teams, 2)
		require.Equal(t, "https://canary.example.org", teams[0].Endpoint)
		require.Equal(t, []string{contest.SecureEndpoint}, teams[0].Secure)
		require.Equal(t, "1200", teams[0].Spend, "the contest's own key counts for the database too")
		require.Equal(t, "https://zulu.example.org", teams[1].Endpoint)
		require.Contains(t, told[0], "the Hub was passed over")
	})
	t.Run("give way to the organisers' own address", func(t *testing.T) {
		t.Parallel()
		c := configured(t)
		c.Hub.URL, c.HubDatabase.EndpointVariable = "http://127.0.0.1:1", "API_URL"
		teams, _, err := wired(t, c)
		require.NoError(t, err)
		require.Equal(t, "http://10.0.0.7:8080", teams[0].Endpoint)
		require.Empty(t, teams[0].Secure)
	})
	t.Run("are held against the Hub's by check", func(t *testing.T) {
		t.Parallel()
		var got survey
		got.checkTeams(t.Context(), configured(t))
		require.Empty(t, got.problems)
		require.Equal(t, []string{
			"teams: the Hub lists 1, of which 1 have an endpoint", "teams: the Hub's database lists 2, of which 2 have an endpoint",
		}, got.said[:2])
		require.Contains(t, got.warnings, "team alem: endpoint of the Hub and of the Hub's database differ, which is not shown whole: a secret one; the first is used")
		for _, warning := range got.warnings {
			require.NotContains(t, warning, "canary")
		}
	})
}
