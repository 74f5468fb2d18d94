package roster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "teams.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(`# who takes part
teams:
  - {slug: b, hackathon: "2024"}
  - slug: 3g
    name: Команда 3g
    hackathon: 2025
    endpoint: " https://3g.example.org "
    repository: https://github.com/x/3g
    spend: 1200
  - slug: a
    name: ~
`)
	f := NewFile(path)
	require.Equal(t, "teams.yaml", f.Name())
	whole := contest.Team{Slug: "3g", Name: "Команда 3g", HackathonID: "2025", Endpoint: "https://3g.example.org", Repository: "https://github.com/x/3g", Spend: "1200"}
	teams, err := f.Teams(t.Context(), "2025")
	require.NoError(t, err)
	require.Equal(t, []contest.Team{whole, {Slug: "a"}}, teams)
	teams, err = f.Teams(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, teams, 3)

	write("teams: []")
	teams, err = f.Teams(t.Context(), "2025")
	require.NoError(t, err)
	require.Empty(t, teams, "an edit counts at once")

	require.NoError(t, os.Remove(path))
	_, err = f.Teams(t.Context(), "2025")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"empty":              {"", "t.yaml: is empty: want a list of teams"},
		"only a comment":     {"# nobody\n", "t.yaml: is empty: want a list of teams"},
		"only a marker":      {"---\n", "t.yaml:2: is nothing, want a mapping of keys to values"},
		"not YAML":           {"teams: [", "t.yaml: is not YAML: line 1: did not find expected node content"},
		"two documents":      {"teams: []\n---\nteams: []\n", "t.yaml: holds more than one YAML document"},
		"a list":             {"- slug: a", "t.yaml:1: is a list, want a mapping of keys to values"},
		"another key":        {"teams: []\nteam: []", `t.yaml:2: "team": is not a key: want teams`},
		"no list":            {"teams: {slug: a}", "t.yaml:1: teams: is a mapping, want a list"},
		"nothing":            {"teams:", "t.yaml:1: teams: is nothing, want a list"},
		"a team of text":     {"teams:\n- good", "t.yaml:2: teams[0]: is a single value, want a mapping of keys to values"},
		"no slug":            {"teams:\n- name: A", "t.yaml:2: teams[0]: has no slug"},
		"a bad slug":         {"teams:\n- slug: good team", "t.yaml:2: teams[0].slug: is not a slug: want letters, digits, _ and -"},
		"a slug twice":       {"teams:\n- slug: a\n- slug: b\n- slug: a", "t.yaml:4: teams[2].slug: is the slug of the team in line 2 too"},
		"a key of the Hub":   {"teams:\n- slug: a\n  endpoint_url: https://hunter2", `t.yaml:3: teams[0]: "endpoint_url" is not a key: want slug, name, hackathon, endpoint, repository or spend`},
		"a key twice":        {"teams:\n- slug: a\n  slug: b", `t.yaml:3: teams[0]: "slug" is set twice`},
		"a list as endpoint": {"teams:\n- slug: a\n  endpoint: [hunter2]", "t.yaml:3: teams[0].endpoint: is a list, want text"},
		"an alias":           {"teams:\n- slug: &s a\n- slug: *s", "t.yaml:3: teams[1].slug: is a reference, want text"},
		"a merge":            {"teams:\n- &t {slug: a}\n- <<: *t", `t.yaml:3: teams[1]: "<<" is not a key: want slug, name, hackathon, endpoint, repository or spend`},
		"a list as key":      {"teams:\n- [a]: b\n  slug: a", "t.yaml:2: teams[0]: has a key that is a list, want a word"},
		"too large":          {"teams: []\n#" + strings.Repeat("x", maxFile), "t.yaml: is larger than 1048576 bytes"},
		"all at once": {
			"teams:\n- slug: a b\n- naam: x\nx: y",
			"t.yaml:2: teams[0].slug: is not a slug: want letters, digits, _ and -\n" +
				"t.yaml:3: teams[1]: \"naam\" is not a key: want slug, name, hackathon, endpoint, repository or spend\n" +
				"t.yaml:4: \"x\": is not a key: want teams",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			teams, err := ParseFile("t.yaml", []byte(row.text))
			require.EqualError(t, err, row.want)
			require.Nil(t, teams)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func FuzzParseFile(f *testing.F) {
	for _, seed := range []string{
		"", "---", "teams:\n- {slug: a, spend: 1}", "teams: [*a]", "a: &a [*a]", "teams:\n- ? [x]\n  : y", "\xff", "teams: !!binary aGk=", "teams:\n- !!map {slug: !!int a}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		teams, err := ParseFile("t.yaml", data)
		if err != nil {
			require.Nil(t, teams)
			return
		}
		seen := map[contest.Slug]bool{}
		for _, team := range teams {
			require.True(t, team.Slug.Valid())
			require.False(t, seen[team.Slug])
			seen[team.Slug] = true
		}
	})
}
