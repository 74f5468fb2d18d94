package git_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func cardRules() git.Rules {
	return git.Rules{Kind: git.KindCommits, Min: 10, Recent: 24 * time.Hour, Points: 1}
}

func dayRules() git.Rules {
	return git.Rules{Kind: git.KindGraded, Min: 2, Recent: 24 * time.Hour, Points: 100, StartsAt: time.Date(2025, 8, 15, 0, 0, 0, 0, time.UTC)}
}

var noon = time.Date(2025, 8, 16, 12, 0, 0, 0, time.UTC)

func found(commits int, age time.Duration) git.Facts {
	f := git.Facts{
		State: git.Found, Commits: commits, At: noon, Contributors: 3, Branch: "main", GitHub: true,
		Repository: git.Repository{Host: "github.com", Path: "hackload-kz/good"},
	}
	if commits > 0 {
		f.Last = noon.Add(-age)
	}
	return f
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	in := func(s git.State) git.Facts {
		return git.Facts{State: s, Reason: "Because.", At: noon, Contributors: -1, Repository: git.Repository{Host: "github.com", Path: "a/b"}}
	}
	rows := []struct {
		name    string
		rules   git.Rules
		facts   git.Facts
		status  contest.Status
		score   int
		invalid bool
	}{
		{"enough and recent", cardRules(), found(10, time.Hour), contest.Passed, 1, false},
		{"one too few", cardRules(), found(9, time.Hour), contest.Failed, 0, false},
		{"a moment before a day", cardRules(), found(10, day-time.Nanosecond), contest.Passed, 1, false},
		{"a day to the moment", cardRules(), found(10, day), contest.Failed, 0, false},
		{"none", cardRules(), found(0, 0), contest.Failed, 0, false},
		{"clock ahead of ours", cardRules(), found(10, -time.Minute), contest.Passed, 1, false},
		{"no repository", cardRules(), in(git.None), contest.NoData, 0, false},
		{"no address", cardRules(), in(git.Malformed), contest.Failed, 0, false},
		{"missing", cardRules(), in(git.Missing), contest.Failed, 0, false},
		{"private", cardRules(), in(git.Private), contest.Failed, 0, false},
		{"empty", cardRules(), in(git.Empty), contest.Failed, 0, false},
		{"blocked", cardRules(), in(git.Blocked), contest.Failed, 0, false},
		{"unreachable", cardRules(), in(git.Unreachable), contest.Failed, 0, false},
		{"other host", cardRules(), in(git.Undated), contest.NoData, 0, false},
		{"not measured", cardRules(), in(git.Unmeasured), contest.NoData, 0, true},

		{"day: enough and recent", dayRules(), found(2, time.Hour), contest.Passed, 100, false},
		{"day: one, recent", dayRules(), found(1, time.Hour), contest.Failed, 34, false},
		{"day: one, old", dayRules(), found(1, day), contest.Failed, 24, false},
		{"day: two, old", dayRules(), found(2, day), contest.Failed, 38, false},
		{"day: five, old", dayRules(), found(5, day), contest.Failed, 80, false},
		{"day: many, old", dayRules(), found(math.MaxInt32, day), contest.Failed, 80, false},
		{"day: none", dayRules(), found(0, 0), contest.NoData, 0, false},
		{"day: no repository", dayRules(), in(git.None), contest.NoData, 0, false},
		{"day: missing", dayRules(), in(git.Missing), contest.NoData, 0, false},
		{"day: not measured", dayRules(), in(git.Unmeasured), contest.NoData, 0, true},
		{"day's rule, other points", git.Rules{Kind: git.KindGraded, Min: 2, Recent: day, Points: 30}, found(1, time.Hour), contest.Failed, 10, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			team := contest.Team{Slug: "good", HackathonID: "7"}
			v := git.Judge(team, row.rules, row.facts)
			require.Equal(t, row.status, v.Status)
			require.Equal(t, row.score, v.Score)
			require.Equal(t, row.invalid, v.Invalid)
			require.Equal(t, team, v.Team)
			require.Equal(t, noon, v.At)
			u, err := v.Update()
			require.NoError(t, err)
			require.Equal(t, "git-monitor-service", u.UpdatedBy)
			checkMetrics(t, v.Metrics)
			require.NotEmpty(t, v.Findings)
			for _, f := range v.Findings {
				require.NotEmpty(t, f.Sentence, f.Rule)
				require.NotEmpty(t, f.Outcome, f.Rule)
				require.False(t, math.IsNaN(f.Value))
			}
		})
	}
}

// checkMetrics holds metrics to what the Hub's page can bear.
func checkMetrics(t *testing.T, metrics map[string]any) {
	t.Helper()
	for _, key := range []string{"repositoryUrl", "confirmationUrl", "confirmationTitle", "confirmationDescription"} {
		require.IsType(t, "", metrics[key], key)
	}
	require.IsType(t, 0, metrics["commitsCount"])
	require.IsType(t, false, metrics["hasRecentActivity"])
	require.IsType(t, false, metrics["hasRepository"])
	require.Equal(t, "Репозиторий", metrics["confirmationTitle"])
	require.Equal(t, "Исходный код решения команды", metrics["confirmationDescription"])
	if last, ok := metrics["lastCommitTime"]; ok {
		_, err := time.Parse(time.RFC3339, last.(string))
		require.NoError(t, err)
	}
	doc, err := json.Marshal(metrics)
	require.NoError(t, err)
	require.NotContains(t, string(doc), "null")
}

func TestJudgeTellsWhatItSaw(t *testing.T) {
	t.Parallel()
	f := found(12, 90*time.Minute)
	f.Recent, f.RecentMore, f.Ahead, f.Fork, f.Archived, f.Moved = 300, true, 1, true, true, true
	f.Repository.Credentials = true
	v := git.Judge(contest.Team{Slug: "good"}, dayRules(), f)
	byRule := map[string]contest.Finding{}
	for _, f := range v.Findings {
		byRule[f.Rule] = f
	}
	require.Equal(t, contest.Finding{
		Rule: "commits", Outcome: contest.OutcomePassed, Value: 12, Bound: 2, Op: ">=", Unit: "commits",
		Sentence: "12 commits since 15 August 2025 00:00 UTC, of them more than 300 in the last 24 h; at least 2 are wanted.",
	}, byRule["commits"])
	require.Equal(t, contest.Finding{
		Rule: "last commit", Outcome: contest.OutcomePassed, Value: 1.5, Bound: 24, Op: "<", Unit: "h",
		Sentence: "The last commit is 1 h old; less than 24 h is wanted.",
	}, byRule["last commit"])
	require.Equal(t, "3 people have contributed.", byRule["contributors"].Sentence)
	for _, rule := range []string{"credentials", "moved", "archived", "fork", "dates"} {
		require.Equal(t, contest.OutcomeWarning, byRule[rule].Outcome, rule)
	}
	require.Equal(t, map[string]any{
		"commitsCount": 12, "hasRecentActivity": true, "lastCommitTime": "2025-08-16T10:30:00Z", "hasRepository": true,
		"repositoryUrl": "https://github.com/hackload-kz/good", "confirmationUrl": "https://github.com/hackload-kz/good",
		"confirmationTitle": "Репозиторий", "confirmationDescription": "Исходный код решения команды",
	}, v.Metrics)
}

func TestRulesAreChecked(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		rules git.Rules
		want  string
	}{
		"unknown kind": {git.Rules{Kind: "commit", Recent: time.Hour}, `rule "commit" is not known`},
		"no kind":      {git.Rules{Recent: time.Hour}, `rule "" is not known`},
		"negative":     {git.Rules{Kind: git.KindCommits, Min: -1, Recent: time.Hour}, "cannot be negative"},
		"never recent": {git.Rules{Kind: git.KindCommits}, "is none"},
	} {
		_, err := git.New(git.Config{}, row.rules)
		require.ErrorContains(t, err, row.want, name)
	}
}

func TestSecureRepositoryIsNotTold(t *testing.T) {
	t.Parallel()
	team := contest.Team{Slug: "good", Repository: "https://github.com/owner/name", Secure: []string{contest.SecureRepository}}
	f := found(12, time.Hour)
	f.Repository = git.Repository{Host: "github.com", Path: "owner/name"}
	v := git.Judge(team, cardRules(), f)
	require.Equal(t, contest.Passed, v.Status)
	require.Equal(t, true, v.Metrics["hasRepository"])
	for _, key := range []string{"repositoryUrl", "confirmationUrl"} {
		require.Equal(t, "", v.Metrics[key], key)
	}
}
