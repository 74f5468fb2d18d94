package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSourcesOfTeams(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{
		Data:   []byte("hub_database: {url: 'postgresql://u:hunter2@h/hub', endpoint_variable: API_URL}\nteams: {file: teams.yaml}\n"),
		Getenv: env("DB_POOL_SIZE", "7", "DB_TIMEOUT", "1500", "HACKLOAD_TEAMS_FILE", "/etc/hackload/teams.yaml"),
	})
	require.NoError(t, err)
	assert.Equal(t, HubDatabase{
		URL: NewSecret("postgresql://u:hunter2@h/hub"), PoolSize: 7, Timeout: duration(1500 * time.Millisecond), EndpointVariable: "API_URL",
	}, c.HubDatabase)
	assert.Equal(t, "/etc/hackload/teams.yaml", c.Teams.File)
	assert.Empty(t, c.Warnings)
}

func TestSourcesThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		file string
		want string // of Load's error, or else of Check's only problem
	}{
		"no connection at all":    {"hub_database: {pool_size: 0}", "hub_database.pool_size"},
		"a pool beyond reason":    {"hub_database: {pool_size: 101}", "hub_database.pool_size"},
		"no time":                 {"hub_database: {timeout: 0}", "hub_database.timeout must be longer than nothing"},
		"the Hub's own for state": {"hub_database: {url: postgresql://u:hunter2@h/hub}\nstate: {database_url: postgresql://u:hunter2@h/hub}", "are the same"},
		"a list of teams inside":  {"teams: [{slug: good}]", "teams"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Data: []byte(row.file)})
			if err != nil {
				require.ErrorContains(t, err, row.want)
				return
			}
			problems := c.Check(nil)
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0], row.want)
			assert.NotContains(t, problems[0], "hunter2")
		})
	}
}
