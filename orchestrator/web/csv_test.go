package web_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// table reads the results as a spreadsheet does.
func table(t *testing.T, s *state) [][]string {
	t.Helper()
	got := get(t, start(t, web.New(s.config()))+"/api/v1/results.csv")
	require.Equal(t, "text/csv; charset=utf-8", got.header.Get("Content-Type"))
	require.Contains(t, got.header.Get("Content-Disposition"), `filename="results.csv"`)
	text, marked := strings.CutPrefix(got.body, "\ufeff")
	require.True(t, marked, "Excel takes it for another encoding")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return rows
}

func TestResultsAsCSV(t *testing.T) {
	t.Parallel()
	rows := table(t, sample())
	require.Len(t, rows, 5)
	assert.Equal(t, []string{"rank", "tied", "slug", "name", "total", "CODE_REPO_status", "CODE_REPO_score",
		"DEPLOYED_SOLUTION_status", "DEPLOYED_SOLUTION_score", "EVENT_SEARCH_status", "EVENT_SEARCH_score"}, rows[0][:11])
	assert.Equal(t, []string{"1", "false", "zero-downtime", "Zero Downtime", "4", "PASSED", "1", "", "", "PASSED", "3"}, rows[1][:11])
	assert.Equal(t, []string{"2", "true", "empty", "empty", "0"}, rows[2][:5])
}

func TestTeamsCannotHarmASpreadsheet(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ name, want string }{
		"formula":              {`=HYPERLINK("http://evil.example","click")`, `'=HYPERLINK("http://evil.example","click")`},
		"plus":                 {"+1+1", "'+1+1"},
		"minus":                {"-2+3", "'-2+3"},
		"at":                   {"@SUM(A1)", "'@SUM(A1)"},
		"wide equals":          {"＝1+1", "'＝1+1"},
		"behind a tab":         {"\t=1+1", "'=1+1"},
		"behind a space":       {"  =1+1", "'=1+1"},
		"behind a line break":  {"\r\n=1+1", "'=1+1"},
		"behind the invisible": {"\u200b\ufeff=1+1", "'=1+1"},
		"sign inside":          {"a=b", "a=b"},
		"quotes and commas":    {`Say "hi", team`, `Say "hi", team`},
		"line break":           {"two\nlines", "two lines"},
		"semicolon":            {"a;b", "a;b"},
		"Cyrillic":             {"Жұлдыз командасы", "Жұлдыз командасы"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := table(t, &state{teams: []contest.Team{{Slug: "-slug", Name: row.name}}})
			assert.Equal(t, []string{"1", "false", "'-slug", row.want, "0"}, rows[1][:5])
		})
	}
}
