package roster

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestFill(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		environment map[string]variable
		keys        contest.EnvironmentKeys
		want        contest.Team
	}{
		"nothing":             {},
		"the design's keys":   {environment: map[string]variable{"APPLICATION_URL": {value: "https://a"}, "GITHUB_REPOSITORY_URL": {value: "https://r"}}, want: contest.Team{Endpoint: "https://a", Repository: "https://r"}},
		"the keys in use":     {environment: map[string]variable{"ENDPOINT_URL": {value: "https://a"}, "Repo": {value: "https://r"}, "MONEY_SPEND": {value: " 12 "}}, want: contest.Team{Endpoint: "https://a", Repository: "https://r", Spend: "12"}},
		"the first one wins":  {environment: map[string]variable{"APPLICATION_URL": {value: "https://a"}, "ENDPOINT_URL": {value: "https://b"}}, want: contest.Team{Endpoint: "https://a"}},
		"an empty first one":  {environment: map[string]variable{"APPLICATION_URL": {value: " "}, "ENDPOINT_URL": {value: "https://b"}}, want: contest.Team{Endpoint: "https://b"}},
		"keys of one's own":   {keys: contest.EnvironmentKeys{Endpoint: []string{"ENDPOINT_IP"}}, environment: map[string]variable{"ENDPOINT_IP": {value: "http://192.0.2.1"}, "ENDPOINT_URL": {value: "https://b"}}, want: contest.Team{Endpoint: "http://192.0.2.1"}},
		"case matters":        {environment: map[string]variable{"repo": {value: "https://r"}}},
		"secure ones":         {environment: map[string]variable{"Repo": {value: "https://r", secure: true}, "MONEY_SPEND": {value: "12"}}, want: contest.Team{Repository: "https://r", Spend: "12", Secure: []string{"repository"}}},
		"an empty secure one": {environment: map[string]variable{"MONEY_SPEND": {secure: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got contest.Team
			fill(&got, row.keys.WithDefaults(), row.environment)
			require.Equal(t, row.want, got)
		})
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ variables, want, wantErr string }{
		"no variables":   {},
		"null":           {variables: "null"},
		"an empty one":   {variables: "{}"},
		"set":            {variables: `{"API_URL": " https://a ", "OTHER": 1}`, want: "https://a"},
		"set to null":    {variables: `{"API_URL": null}`},
		"other case":     {variables: `{"api_url": "https://a"}`},
		"a list":         {variables: `["API_URL"]`, wantErr: "is not a JSON object"},
		"cut off":        {variables: `{"API_URL": "hunter2`, wantErr: "is not a JSON object"},
		"a number":       {variables: `{"API_URL": 8080}`, wantErr: "has a API_URL that is not text"},
		"an object":      {variables: `{"API_URL": {"hunter2": 1}}`, wantErr: "has a API_URL that is not text"},
		"twice":          {variables: `{"API_URL": "https://a", "API_URL": "https://b"}`, want: "https://b"},
		"broken letters": {variables: "{\"API_URL\": \"https://\xff\"}", want: "https://\ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := override([]byte(row.variables), "API_URL")
			if row.wantErr != "" {
				require.EqualError(t, err, row.wantErr)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, row.want, got)
		})
	}
}

func FuzzOverride(f *testing.F) {
	for _, seed := range []string{"", "null", `{"API_URL":"https://a"}`, `{"API_URL":[1]}`, `[`, "{\"API_URL\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, variables []byte) {
		got, err := override(variables, "API_URL")
		require.True(t, utf8.ValidString(got))
		require.Equal(t, strings.TrimSpace(got), got)
		if err != nil {
			require.Empty(t, got)
			require.Less(t, len(err.Error()), 60, "an error quotes nothing")
		}
	})
}

func TestMissing(t *testing.T) {
	t.Parallel()
	whole := func() map[need]bool {
		readable := map[need]bool{}
		for _, n := range needs("2025", "") {
			readable[n] = true
		}
		return readable
	}
	for name, row := range map[string]struct {
		change func(map[need]bool)
		want   string
	}{
		"nothing":                  {change: func(map[need]bool) {}},
		"only the optional column": {change: func(m map[need]bool) { delete(m, need{"teams", "k6EnvironmentVars", false}) }},
		"a column": {
			change: func(m map[need]bool) { delete(m, need{"teams", "hackathonId", false}) },
			want:   `there is no column teams."hackathonId": is this the Hub's database and schema?`,
		},
		"a table and a column": {
			change: func(m map[need]bool) {
				delete(m, need{"hackathons", "id", false})
				delete(m, need{"hackathons", "slug", false})
				delete(m, need{"teams", "name", false})
			},
			want: `there is no column teams."name", no table hackathons: is this the Hub's database and schema?`,
		},
		"a right": {
			change: func(m map[need]bool) { m[need{"team_environment_data", "value", false}] = false },
			want:   `this user may not read team_environment_data."value": GRANT SELECT to it`,
		},
		"everything": {
			change: func(m map[need]bool) { clear(m) },
			want:   `there is no table teams, no table team_environment_data, no table hackathons: is this the Hub's database and schema?`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readable := whole()
			row.change(readable)
			err := missing(needs("2025", "API_URL"), readable)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, row.want)
		})
	}
	require.NoError(t, missing(needs("", ""), map[need]bool{
		{"teams", "id", false}: true, {"teams", "name", false}: true, {"teams", "nickname", false}: true, {"teams", "hackathonId", false}: true, {"teams", "status", false}: true,
		{"team_environment_data", "teamId", false}: true, {"team_environment_data", "key", false}: true,
		{"team_environment_data", "value", false}: true, {"team_environment_data", "isSecure", false}: true,
	}), "hackathons are not needed when none is named")
}
