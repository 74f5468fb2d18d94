package roster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		a, b contest.Team
		want []string
	}{
		"none":                      {a: contest.Team{Name: "A", Endpoint: "https://a.kz"}, b: contest.Team{Name: "A", Endpoint: "https://a.kz"}},
		"a slash at the end":        {a: contest.Team{Endpoint: "https://a.kz/"}, b: contest.Team{Endpoint: "https://a.kz"}},
		"a name that one leaves":    {a: contest.Team{Name: "A"}},
		"a hackathon one leaves":    {b: contest.Team{HackathonID: "h"}},
		"names":                     {a: contest.Team{Name: "A"}, b: contest.Team{Name: "B"}, want: []string{`name: the Hub has "A", which is used; the file has "B"`}},
		"endpoints":                 {a: contest.Team{Endpoint: "https://a.kz"}, b: contest.Team{Endpoint: "https://b.kz"}, want: []string{`endpoint: the Hub has "https://a.kz", which is used; the file has "https://b.kz"`}},
		"an endpoint that one has":  {b: contest.Team{Endpoint: "https://b.kz"}, want: []string{`endpoint: the Hub has none, which is used; the file has "https://b.kz"`}},
		"credentials in a URL":      {a: contest.Team{Endpoint: "https://user:hunter2@a.kz?k=hunter2"}, b: contest.Team{Endpoint: "https://a.kz"}, want: []string{`endpoint of the Hub and of the file differ, which is not shown whole: "https://a.kz"; the first is used`}},
		"a secret instead of a URL": {a: contest.Team{Repository: "hunter2"}, b: contest.Team{Repository: "https://github.com/x/y"}, want: []string{`repository: the Hub has one that is not a URL, which is used; the file has "https://github.com/x/y"`}},
		"what is secure":            {a: contest.Team{Spend: "hunter2", Secure: []string{"spend"}}, b: contest.Team{Spend: "12"}, want: []string{`spend of the Hub and of the file differ, which is not shown whole: a secret one; the first is used`}},
		"what the other has secure": {b: contest.Team{Endpoint: "https://hunter2.kz", Secure: []string{"endpoint"}}, want: []string{`endpoint: the Hub has none, which is used; the file has a secret one`}},
		"text that breaks lines":    {a: contest.Team{Spend: "1\n2"}, b: contest.Team{Spend: strings.Repeat("9", 100)}, want: []string{`spend: the Hub has "1\n2", which is used; the file has "` + strings.Repeat("9", 60) + `…"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := differences(pair{"the Hub", "the file"}, row.a, row.b)
			require.Equal(t, row.want, got)
			require.NotContains(t, fmt.Sprint(got), "hunter2")
		})
	}
}

func TestWeighNotesWhatDiffers(t *testing.T) {
	t.Parallel()
	answers := []answer{
		{source: "hub", err: errDown},
		{source: "database", teams: []contest.Team{{Slug: "b", Spend: "1", Notes: []string{"own"}}, {Slug: "a"}, {Slug: "a", Spend: "2"}, {Slug: "no slug"}}},
		{source: "file", teams: []contest.Team{{Slug: "c"}, {Slug: "b", Spend: "3"}}},
	}
	teams, findings := weigh(answers, 1)
	require.Equal(t, []contest.Team{
		{Slug: "a", Notes: []string{"database lists the team, file does not"}},
		{Slug: "b", Spend: "1", Notes: []string{"own", `spend: database has "1", which is used; file has "3"`}},
	}, teams)
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.text)
	}
	require.Equal(t, []string{
		"hub was passed over: connection refused",
		"database has the team a twice: the second was left out",
		`database has a team with the slug "no slug", which cannot be one: it was left out`,
		"team a: database lists the team, file does not",
		`team b: spend: database has "1", which is used; file has "3"`,
		"team c: file lists the team, database does not, so it does not take part",
	}, texts)
	require.Equal(t, []string{"own"}, answers[1].teams[0].Notes, "the source's own answer is left alone")
}

func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	var many []contest.Team
	for i := range 3 * maxFindings {
		many = append(many, contest.Team{Slug: contest.Slug(fmt.Sprintf("t%d", i))})
	}
	teams, findings := weigh([]answer{{source: "hub", teams: many}, {source: "file"}}, 0)
	require.Len(t, teams, 3*maxFindings)
	require.Len(t, findings, maxFindings+1)
	require.Equal(t, "401 more findings are not listed", findings[maxFindings].text) // one says that the file lists no team
}
