package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// hubWith starts a Hub with the teams and returns a configuration that reads it.
func hubWith(t *testing.T, permissions []string, teams ...labhub.Team) *config.Config {
	t.Helper()
	h, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	key, err := h.CreateKey(t.Context(), permissions...)
	require.NoError(t, err)
	require.NoError(t, h.Seed(t.Context(), teams...))
	server := httptest.NewServer(h.Handler())
	t.Cleanup(server.Close)
	c, err := config.Load(config.Source{})
	require.NoError(t, err)
	c.Hub.URL, c.Hub.APIKey, c.Hub.Retries, c.Hub.RateLimitPerMinute = server.URL, config.NewSecret(key), 1, 10_000
	return c
}

func teamAt(slug, endpoint string) labhub.Team {
	return labhub.Team{Slug: slug, Name: slug, Environment: []labhub.Variable{{Key: "ENDPOINT_URL", Value: endpoint, Category: "api"}}}
}

func teamsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "teams.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// wired reads the teams as serve does, and returns what was told besides.
func wired(t *testing.T, c *config.Config) (teams []contest.Team, told []string, err error) {
	t.Helper()
	client, err := hub.New(hubConfig(c))
	require.NoError(t, err)
	from, err := openSources(c, client.Teams)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, from.Close()) })
	read := from.teams(c, func(finding string) { told = append(told, finding) })
	for range 3 { // what was told once is not told again
		teams, err = read(t.Context())
	}
	return teams, told, err
}

func TestHubCountsBeforeTheFile(t *testing.T) {
	t.Parallel()
	c := hubWith(t, []string{"*"}, teamAt("alem", "https://alem.example.org"), teamAt("zulu", "https://zulu.example.org"))
	c.Teams.File = teamsFile(t, "teams:\n  - {slug: alem, endpoint: https://elsewhere.example.org}\n  - {slug: guest, endpoint: https://guest.example.org}\n")
	teams, told, err := wired(t, c)
	require.NoError(t, err)
	require.Len(t, teams, 2)
	require.Equal(t, "https://alem.example.org", teams[0].Endpoint)
	require.Contains(t, teams[0].Notes[0], `the Hub has "https://alem.example.org", which is used; teams.yaml has "https://elsewhere.example.org"`)
	require.Equal(t, "https://zulu.example.org", teams[1].Endpoint)
	require.Contains(t, teams[1].Notes[0], "teams.yaml does not")
	require.Len(t, told, 3, "two differences and the team of the file alone, each once: %q", told)
}

func TestFileCountsWhereTheHubIsSilent(t *testing.T) {
	t.Parallel()
	c := hubWith(t, []string{"*"})
	c.Hub.URL = "http://127.0.0.1:1"
	c.Teams.File = teamsFile(t, "teams:\n  - {slug: alem, endpoint: https://alem.example.org}\n")
	teams, told, err := wired(t, c)
	require.NoError(t, err)
	require.Equal(t, []contest.Team{{Slug: "alem", Endpoint: "https://alem.example.org"}}, teams)
	require.Len(t, told, 1)
	require.Contains(t, told[0], "the Hub was passed over")
}

func TestKeysOfTheContestCount(t *testing.T) {
	t.Parallel()
	c := hubWith(t, []string{"*"}, labhub.Team{Slug: "alem", Name: "Alem", Environment: []labhub.Variable{
		{Key: "ENDPOINT_URL", Value: "https://usual.example.org"}, {Key: "MY_URL", Value: "https://mine.example.org"},
	}})
	rules := c.Contest.Criteria[contest.DeployedSolution]
	rules.Keys = []string{"MY_URL"}
	c.Contest.Criteria[contest.DeployedSolution] = rules
	teams, _, err := wired(t, c)
	require.NoError(t, err)
	require.Equal(t, "https://mine.example.org", teams[0].Endpoint)
}

func TestCheckAsksEverySource(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		permissions []string
		change      func(c *config.Config)
		want        survey
	}{
		"the Hub alone": {
			permissions: []string{"*"}, change: func(*config.Config) {},
			want: survey{said: []string{"teams: the Hub lists 1, of which 1 have an endpoint"}},
		},
		"a file that says the same": {
			permissions: []string{"*"},
			change: func(c *config.Config) {
				c.Teams.File = teamsFile(t, "teams:\n  - {slug: alem, endpoint: https://alem.example.org}\n")
			},
			want: survey{said: []string{
				"teams: the Hub lists 1, of which 1 have an endpoint", "teams: teams.yaml lists 1, of which 1 have an endpoint",
				"teams: those of the Hub count; the other sources say the same",
			}},
		},
		"a file that differs": {
			permissions: []string{"*"},
			change:      func(c *config.Config) { c.Teams.File = teamsFile(t, "teams:\n  - {slug: alem}\n") },
			want: survey{
				said: []string{
					"teams: the Hub lists 1, of which 1 have an endpoint", "teams: teams.yaml lists 1, of which 0 have an endpoint",
					"teams: those of the Hub count; 1 difference to the other sources is listed",
				},
				warnings: []string{`team alem: endpoint: the Hub has "https://alem.example.org", which is used; teams.yaml has none`},
			},
		},
		"a file with two mistakes": {
			permissions: []string{"*"},
			change:      func(c *config.Config) { c.Teams.File = teamsFile(t, "teams:\n  - {slug: 'a b'}\n  - {url: x}\n") },
			want: survey{
				said: []string{"teams: the Hub lists 1, of which 1 have an endpoint"},
				problems: []string{"teams cannot be read from teams.yaml: teams.yaml:2: teams[0].slug: is not a slug: want letters, digits, _ and -; " +
					`teams.yaml:3: teams[1]: "url" is not a key: want slug, name, hackathon, endpoint, repository or spend`},
			},
		},
		"a database address that is none": {
			permissions: []string{"*"},
			change:      func(c *config.Config) { c.HubDatabase.URL = config.NewSecret("postgresql://u:hunter2@h:port/hub") },
			want:        survey{problems: []string{"database URL: want one like postgresql://user:password@host:5432/database"}},
		},
		"a key as the seed makes it": {
			permissions: []string{"environment:read", "environment:write"}, change: func(*config.Config) {},
			want: survey{
				said: []string{"teams: the Hub lists 1, of which 1 have an endpoint"},
				warnings: []string{"the Hub's key may not list teams (permission teams:read): they are those of every hackathon and state, " +
					"and each verdict is published by a call of its own"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := hubWith(t, row.permissions, teamAt("alem", "https://alem.example.org"))
			row.change(c)
			var got survey
			got.checkTeams(t.Context(), c)
			require.Equal(t, row.want, got)
		})
	}
}

func TestCheckNamesASilentSource(t *testing.T) {
	t.Parallel()
	c := hubWith(t, []string{"*"})
	c.Hub.URL = "http://127.0.0.1:1"
	c.HubDatabase.URL = config.NewSecret("postgresql://u:hunter2@127.0.0.1:1/hub")
	var got survey
	got.checkTeams(t.Context(), c)
	require.Len(t, got.problems, 2)
	require.Contains(t, got.problems[0], "teams cannot be read from the Hub: ")
	require.Contains(t, got.problems[1], "teams cannot be read from the Hub's database: ")
	require.NotContains(t, got.problems[1], "hunter2")
}
