//go:build postgres

package roster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestDatabaseTeams(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t)
	zulu := contest.Team{
		Slug: "zulu", Name: "Zulu", HackathonID: "h25", Endpoint: "https://zulu.hub.example.org",
		Repository: "https://github.com/x/zulu", Spend: "1200", Secure: []string{"spend"},
	}
	overridden := contest.Team{
		Slug: "3g", Name: "Команда 3g", HackathonID: "h25", Endpoint: "http://10.0.0.7:8080", Secure: []string{},
		Notes: []string{"the organisers set API_URL, which is used in place of the team's own endpoint"},
	}
	ownAddress := contest.Team{Slug: "3g", Name: "Команда 3g", HackathonID: "h25", Endpoint: "https://3g.example.org", Secure: []string{"endpoint"}}
	odd := contest.Team{
		Slug: "alem", Name: "Alem", HackathonID: "h25",
		Notes: []string{"k6EnvironmentVars is not a JSON object, so the team's own endpoint is used"},
	}
	alem := contest.Team{Slug: "alem", Name: "Alem", HackathonID: "h25"}
	old := contest.Team{Slug: "old", Name: "Old", HackathonID: "h24", Endpoint: "https://old.example.org"}
	for name, row := range map[string]struct {
		hackathon, override string
		want                []contest.Team
	}{
		"by slug":             {"hackload-2025", "API_URL", []contest.Team{overridden, odd, zulu}},
		"by id":               {"h25", "API_URL", []contest.Team{overridden, odd, zulu}},
		"without an override": {"h25", "", []contest.Team{ownAddress, alem, zulu}},
		"another hackathon":   {"h24", "API_URL", []contest.Team{old}},
		"all hackathons":      {"", "", []contest.Team{ownAddress, alem, old, zulu}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, DatabaseConfig{URL: DatabaseURL(db.url), Override: row.override})
			teams, err := d.Teams(t.Context(), row.hackathon)
			require.NoError(t, err)
			require.Equal(t, row.want, teams)
		})
	}
}

func TestDatabaseSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change    string // a statement; %[1]s is the reader
		hackathon string
		want      string
	}{
		"a table":            {"DROP TABLE team_environment_data", "h25", "there is no table team_environment_data"},
		"a column":           {`ALTER TABLE team_environment_data DROP COLUMN "isSecure"`, "h25", `there is no column team_environment_data."isSecure"`},
		"a renamed column":   {`ALTER TABLE teams RENAME "hackathonId" TO hackathonid`, "h25", `there is no column teams."hackathonId"`},
		"the right to read":  {"REVOKE SELECT ON team_environment_data FROM %[1]s", "h25", `this user may not read team_environment_data."teamId", team_environment_data."key"`},
		"the right to enter": {"REVOKE USAGE ON SCHEMA public FROM PUBLIC", "h25", "there is no table teams"},
		"the hackathon":      {"SELECT 1", "hackload-2030", `look up the hackathon: none has the id or slug "hackload-2030"`},
		"hackathons":         {"DROP TABLE hackathons CASCADE", "h25", "there is no table hackathons"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := hubDatabase(t)
			reader := strings.TrimPrefix(strings.SplitN(db.url, ":"+password, 2)[0], "postgresql://")
			if strings.Contains(row.change, "%") {
				row.change = fmt.Sprintf(row.change, reader)
			}
			db.exec(t, row.change)
			d := open(t, DatabaseConfig{URL: DatabaseURL(db.url), Override: "API_URL"})
			_, err := d.Teams(t.Context(), row.hackathon)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), password)
		})
	}
}

func TestDatabaseWithoutWhatMayBeMissing(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t, `ALTER TABLE teams DROP COLUMN "k6EnvironmentVars"`, "DROP TABLE hackathons CASCADE")
	d := open(t, DatabaseConfig{URL: DatabaseURL(db.url), Override: "API_URL"})
	teams, err := d.Teams(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, teams, 4)
}

func TestDatabaseCannotBeWritten(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t)
	d := open(t, DatabaseConfig{URL: DatabaseURL(db.owner)}) // a user who could
	_, err := d.db.ExecContext(t.Context(), "DELETE FROM team_environment_data")
	require.ErrorContains(t, err, "read-only transaction")
	teams, err := d.Teams(t.Context(), "h25")
	require.NoError(t, err)
	require.Len(t, teams, 3)
}

// Prisma's parameters stand in the Hub's own address, and PostgreSQL would
// refuse them as settings that it does not know.
func TestDatabaseAddressOfPrisma(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t, "ALTER SCHEMA public RENAME TO hub", "GRANT USAGE ON SCHEMA hub TO PUBLIC", "CREATE SCHEMA public")
	for name, parameters := range map[string]string{
		"schema":     "&schema=hub",
		"pool":       "&schema=hub&connection_limit=5&pool_timeout=2&connect_timeout=10&socket_timeout=3&sslaccept=strict",
		"via pooler": "&schema=hub&pgbouncer=true&statement_cache_size=0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, DatabaseConfig{URL: DatabaseURL(db.url + parameters)})
			teams, err := d.Teams(t.Context(), "hackload-2025")
			require.NoError(t, err)
			require.Len(t, teams, 3)
		})
	}
	_, err := open(t, DatabaseConfig{URL: DatabaseURL(db.url)}).Teams(t.Context(), "")
	require.ErrorContains(t, err, "there is no table teams, no table team_environment_data")
}

func TestDatabaseThatHangs(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t)
	lock, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.Rollback()) }()
	_, err = lock.ExecContext(t.Context(), "LOCK TABLE teams IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)

	d := open(t, DatabaseConfig{URL: DatabaseURL(db.url), Timeout: 300 * time.Millisecond})
	_, err = d.Teams(t.Context(), "")
	require.Error(t, err) // the server's timeout or ours, whichever is first
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Teams(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
}

func TestDatabaseKeepsToItsPool(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t)
	d := open(t, DatabaseConfig{URL: DatabaseURL(db.url), PoolSize: 2})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			teams, err := d.Teams(t.Context(), "h25")
			if err != nil || len(teams) != 3 {
				t.Errorf("%d teams, %v", len(teams), err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 2, d.db.Stats().MaxOpenConnections)
	require.LessOrEqual(t, d.db.Stats().OpenConnections, 2)
	require.Positive(t, d.db.Stats().WaitCount, "there was a queue for the pool")
}

func TestDatabaseRefusesUs(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t)
	for name, row := range map[string]struct{ address, want string }{
		"wrong password": {strings.Replace(db.url, password, "swordfish", 1), "is the password in the database URL right?"},
		"wrong database": {strings.Replace(db.url, "/test", "/notest", 1), "is the database in the database URL right?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, DatabaseConfig{URL: DatabaseURL(row.address)}).Teams(t.Context(), "")
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "swordfish")
			require.NotContains(t, err.Error(), password)
		})
	}
}

// Two hundred teams, hostile text in every column.
func TestDatabaseOfAWholeContest(t *testing.T) {
	t.Parallel()
	db := hubDatabase(t, `
		INSERT INTO teams (id, nickname, name, status, "hackathonId")
			SELECT 'x' || n, 'team-' || n, E'<script>\n"' || n, 'APPROVED', 'h24' FROM generate_series(1, 200) n;
		INSERT INTO team_environment_data ("teamId", key, value)
			SELECT 'x' || n, 'ENDPOINT_URL', repeat('й', 3000) FROM generate_series(1, 200) n`)
	d := open(t, DatabaseConfig{URL: DatabaseURL(db.url)})
	teams, err := Combine(d).Teams(t.Context(), "h24")
	require.NoError(t, err)
	require.Len(t, teams, 201)
	require.Equal(t, "<script>\n\"1", teams[1].Name)
	require.Equal(t, strings.Repeat("й", maxValue), teams[1].Endpoint)
}
