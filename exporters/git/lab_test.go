package git_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// stand is a GitHub on a real socket with an exporter that asks it.
type stand struct {
	lab *github.Server
	url string
	x   *git.Exporter

	mu    sync.Mutex
	asked []string
}

// open starts a GitHub; change may alter how it is asked.
func open(t *testing.T, o github.Options, rules git.Rules, change func(*git.Config)) *stand {
	t.Helper()
	s := &stand{lab: github.New(o)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.RequestURI())
		s.mu.Unlock()
		s.lab.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	c := git.Config{APIURL: server.URL, Token: "ghp_secret", PerSecond: 1e6, Request: 2 * time.Minute, Timeout: 10 * time.Minute}
	if change != nil {
		change(&c)
	}
	var err error
	s.x, err = git.New(c, rules)
	require.NoError(t, err)
	t.Cleanup(s.x.Close)
	return s
}

// paths returns what was asked since the last call, sorted.
func (s *stand) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	slices.Sort(asked)
	return asked
}

func teamOf(slug, repository string) contest.Team {
	return contest.Team{Slug: contest.Slug(slug), HackathonID: "7", Repository: repository}
}

// measure runs a round and returns the verdicts by team.
func measure(ctx context.Context, t *testing.T, x *git.Exporter, teams ...contest.Team) map[contest.Slug]contest.Verdict {
	t.Helper()
	all := map[contest.Slug]contest.Verdict{}
	require.NoError(t, x.Measure(ctx, teams, func(v contest.Verdict) {
		require.NotContains(t, all, v.Team.Slug)
		all[v.Team.Slug] = v
	}))
	require.Len(t, all, len(teams))
	for _, v := range all {
		checkMetrics(t, v.Metrics)
		for _, f := range v.Findings {
			require.NotContains(t, f.Sentence, "secret")
			require.NotContains(t, f.Sentence, "127.0.0.1")
		}
	}
	return all
}

func finding(t *testing.T, v contest.Verdict, rule string) contest.Finding {
	t.Helper()
	i := slices.IndexFunc(v.Findings, func(f contest.Finding) bool { return f.Rule == rule })
	require.GreaterOrEqual(t, i, 0, "no finding %q in %v", rule, v.Findings)
	return v.Findings[i]
}

// commits makes n of them, the newest so long ago and one each step before.
func commits(n int, newest, step time.Duration) []github.Commit {
	var all []github.Commit
	for i := range n {
		all = append(all, github.Commit{Author: "captain", At: time.Now().Add(-newest - time.Duration(i)*step)})
	}
	return all
}

func repo(name string, all []github.Commit) github.Repo {
	return github.Repo{Owner: "hackload-kz", Name: name, Commits: all}
}

func at(name string) string { return "https://github.com/hackload-kz/" + name }

// What dev has to show of each sample team.
func TestSampleTeams(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: github.SampleRepos(time.Now())}, cardRules(), nil)
	var teams []contest.Team
	for _, slug := range []string{"good", "slow", "flaky", "oversold", "leaky", "down"} {
		teams = append(teams, teamOf(slug, at(slug)))
	}
	all := measure(t.Context(), t, s.x, append(teams, teamOf("empty", ""))...)
	for slug, want := range map[contest.Slug]contest.Status{
		"good": contest.Passed, "slow": contest.Passed, "leaky": contest.Passed, "down": contest.Passed,
		"flaky": contest.Failed, "oversold": contest.Failed, "empty": contest.NoData,
	} {
		require.Equal(t, want, all[slug].Status, slug)
		require.False(t, all[slug].Invalid, slug)
	}
	require.Equal(t, 1, all["good"].Score)
	require.Equal(t, "4 people have contributed.", finding(t, all["good"], "contributors").Sentence)
	require.Equal(t, contest.OutcomeFailed, finding(t, all["flaky"], "commits").Outcome)
	require.Equal(t, contest.OutcomePassed, finding(t, all["flaky"], "last commit").Outcome)
	require.Contains(t, finding(t, all["oversold"], "repository").Sentence, "no such repository")
	require.Equal(t, true, all["oversold"].Metrics["hasRepository"])
	require.Equal(t, false, all["empty"].Metrics["hasRepository"])
}

func TestStates(t *testing.T) {
	t.Parallel()
	lively := commits(12, time.Hour, time.Hour)
	private, blocked, archived, fork, moved := repo("private", lively), repo("blocked", lively), repo("archived", lively), repo("fork", lively), repo("old", nil)
	private.Private, blocked.Blocked, archived.Archived, fork.Fork, moved.MovedTo = true, true, true, true, "hackload-kz/good"
	s := open(t, github.Options{Repos: []github.Repo{repo("good", lively), repo("blank", nil), private, blocked, archived, fork, moved}}, cardRules(), nil)
	rows := []struct {
		name, repository string
		status           contest.Status
		rule, sentence   string
		url              string
	}{
		{"good", at("good"), contest.Passed, "repository", `its default branch is "main"`, at("good")},
		{"other-case", "GITHUB.com/HACKLOAD-KZ/GOOD", contest.Passed, "repository", "can be read", at("good")},
		{"empty", at("blank"), contest.Failed, "repository", "empty: it has no commit", at("blank")},
		{"private", at("private"), contest.Failed, "repository", "private: the jury", at("private")},
		{"missing", at("gone"), contest.Failed, "repository", "no such repository", at("gone")},
		{"blocked", at("blocked"), contest.Failed, "repository", "keeps the repository shut", at("blocked")},
		{"archived", at("archived"), contest.Passed, "archived", "is archived", at("archived")},
		{"fork", at("fork"), contest.Passed, "fork", "is a fork", at("fork")},
		{"moved", at("old"), contest.Passed, "moved", "has moved", at("good")},
		{"malformed", "javascript:alert('secret')", contest.Failed, "repository", "it is not an address", ""},
		{"credentials", "https://captain:secret@github.com/hackload-kz/good", contest.Passed, "credentials", "change them", at("good")},
	}
	var teams []contest.Team
	for _, row := range rows {
		teams = append(teams, teamOf(row.name, row.repository))
	}
	all := measure(t.Context(), t, s.x, teams...)
	for _, row := range rows {
		v := all[contest.Slug(row.name)]
		require.Equal(t, row.status, v.Status, row.name)
		require.False(t, v.Invalid, row.name)
		require.Contains(t, finding(t, v, row.rule).Sentence, row.sentence, row.name)
		require.Equal(t, row.url, v.Metrics["repositoryUrl"], row.name)
		require.Equal(t, row.url, v.Metrics["confirmationUrl"], row.name)
		moved := slices.ContainsFunc(v.Findings, func(f contest.Finding) bool { return f.Rule == "moved" })
		require.Equal(t, row.name == "moved", moved, row.name)
	}
	for _, path := range s.paths() {
		require.NotContains(t, path, "secret")
	}
}

// The last page's number and length give the exact count, however many there are.
func TestCommitsAreCountedExactly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 99, 100, 101, 199, 200, 201, 730} {
		start := time.Now().Add(-40 * 24 * time.Hour).Truncate(time.Second)
		older := commits(5, 50*24*time.Hour, time.Hour) // do not count
		s := open(t, github.Options{Repos: []github.Repo{repo("good", append(commits(n, time.Minute, time.Hour), older...))}},
			git.Rules{Kind: git.KindCommits, Min: n, Recent: 24 * time.Hour, Points: 1, StartsAt: start}, nil)
		v := measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"]
		require.Equal(t, n, v.Metrics["commitsCount"])
		require.Equal(t, contest.Passed, v.Status, n)
		require.Contains(t, finding(t, v, "commits").Sentence, "of them "+map[bool]string{true: "24", false: ""}[n >= 24])
		require.LessOrEqual(t, len(s.paths()), 5, "rate limit, repository, first and last page, contributors")
	}
}

func TestManyRecentCommitsAreCountedUpToAFew(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("busy", commits(1000, time.Minute, time.Minute)), repo("lazy", commits(150, time.Minute, time.Minute))}}, cardRules(), nil)
	all := measure(t.Context(), t, s.x, teamOf("busy", at("busy")), teamOf("lazy", at("lazy")))
	require.Equal(t, 1000, all["busy"].Metrics["commitsCount"])
	require.Contains(t, finding(t, all["busy"], "commits").Sentence, "1000 commits in all, of them more than 300 in the last 24 h")
	require.Contains(t, finding(t, all["lazy"], "commits").Sentence, "150 commits in all, of them 150 in the last 24 h")
}

func TestDates(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	start := time.Now().Add(-2 * day).Truncate(time.Second)
	s := open(t, github.Options{Repos: []github.Repo{
		repo("idle", commits(20, 3*day, time.Hour)),
		repo("ahead", append(commits(20, 30*time.Hour, time.Minute), github.Commit{At: time.Now().Add(100 * day)})),
		repo("only-ahead", []github.Commit{{At: time.Now().Add(100 * day)}}),
	}}, git.Rules{Kind: git.KindCommits, Min: 10, Recent: day, Points: 1, StartsAt: start}, nil)
	all := measure(t.Context(), t, s.x, teamOf("idle", at("idle")), teamOf("ahead", at("ahead")), teamOf("only-ahead", at("only-ahead")))

	idle := all["idle"]
	require.Equal(t, contest.Failed, idle.Status)
	require.Equal(t, 0, idle.Metrics["commitsCount"], "all were made before the start")
	last, err := time.Parse(time.RFC3339, idle.Metrics["lastCommitTime"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-3*day), last, time.Minute, "but the last one is known")

	ahead := all["ahead"]
	require.Equal(t, 21, ahead.Metrics["commitsCount"])
	require.Equal(t, false, ahead.Metrics["hasRecentActivity"], "a date of the future is not believed")
	require.Contains(t, finding(t, ahead, "dates").Sentence, "1 commit is dated in the future")
	require.NotContains(t, all["only-ahead"].Metrics, "lastCommitTime")
	require.Equal(t, contest.OutcomeFailed, finding(t, all["only-ahead"], "last commit").Outcome)
}

// Commits from before a start that is not a day ago are none of the last day's.
func TestStartOfToday(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("early", commits(5, 2*time.Hour, time.Minute))}},
		git.Rules{Kind: git.KindCommits, Min: 1, Recent: 24 * time.Hour, Points: 1, StartsAt: time.Now().Add(-time.Hour)}, nil)
	v := measure(t.Context(), t, s.x, teamOf("early", at("early")))["early"]
	require.Equal(t, contest.Failed, v.Status)
	require.Contains(t, finding(t, v, "commits").Sentence, "of them 0 in the last 24 h")
	require.Equal(t, true, v.Metrics["hasRecentActivity"])
}

func TestHostsOfTheAPI(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", commits(12, time.Hour, time.Hour))}}, cardRules(), func(c *git.Config) {
		c.Hosts = []string{"github.example.kz"}
	})
	v := measure(t.Context(), t, s.x, teamOf("good", "https://github.example.kz/hackload-kz/good/pulls"))["good"]
	require.Equal(t, contest.Passed, v.Status)
	require.Equal(t, "https://github.example.kz/hackload-kz/good", v.Metrics["repositoryUrl"])
	for _, url := range []string{"ftp://github.com", "github.com", "://", "https://"} {
		_, err := git.New(git.Config{APIURL: url}, cardRules())
		require.ErrorContains(t, err, "no web address", url)
	}
}

// GitHub's own failures are nobody's fault.
func TestGitHubFails(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name     string
		fault    github.Fault
		sentence string
	}{
		{"500", github.Fault{Status: 500, Body: "secret"}, "answered 500"},
		{"502", github.Fault{Status: 502, Body: "<html>"}, "answered 502"},
		{"403 for its own reasons", github.Fault{Status: 403, Body: `{"message":"Resource not accessible by integration"}`}, "answered 403"},
		{"no JSON", github.Fault{Body: "<html>secret</html>"}, "no proper answer"},
		{"JSON of something else", github.Fault{Body: `["secret"]`}, "no proper answer"},
		{"broken off", github.Fault{Drop: true}, "no proper answer"},
		{"304 that was not asked for", github.Fault{Status: 304}, "answered 304"},
		{"silence", github.Fault{Hang: true}, "did not answer in time"},
		{"sent to the metadata", github.Fault{Status: 301, Header: http.Header{"Location": {"http://169.254.169.254/latest"}}}, "sent us to another address"},
		{"sent in circles", github.Fault{Status: 301, Header: http.Header{"Location": {"/repos/hackload-kz/good"}}}, "sent us to another address"},
		{"endless", github.Fault{Body: `{"full_name":"` + strings.Repeat("x", 17<<20)}, "too large"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, github.Options{Repos: []github.Repo{repo("good", commits(12, time.Hour, time.Hour))}}, cardRules(), func(c *git.Config) {
				if row.fault.Hang {
					c.Request = 200 * time.Millisecond
				}
			})
			s.lab.Fail(func(r *http.Request) *github.Fault {
				if strings.HasPrefix(r.URL.Path, "/repos/") {
					return &row.fault
				}
				return nil
			})
			v := measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"]
			require.True(t, v.Invalid)
			require.Equal(t, contest.NoData, v.Status)
			require.Equal(t, contest.OutcomeInvalid, finding(t, v, "repository").Outcome)
			require.Contains(t, finding(t, v, "repository").Sentence, row.sentence)
		})
	}
}

// One bad moment is not told to anyone.
func TestGitHubFailsOnce(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", commits(12, time.Hour, time.Hour))}}, cardRules(), nil)
	var once sync.Once
	s.lab.Fail(func(r *http.Request) (f *github.Fault) {
		if strings.HasSuffix(r.URL.Path, "/commits") {
			once.Do(func() { f = &github.Fault{Status: 502} })
		}
		return f
	})
	require.Equal(t, contest.Passed, measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"].Status)
}

// Contributors are told where they can be had; no rule needs them.
func TestContributorsMayFail(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", commits(12, time.Hour, time.Hour))}}, cardRules(), nil)
	s.lab.Fail(func(r *http.Request) *github.Fault {
		if strings.HasSuffix(r.URL.Path, "/contributors") {
			return &github.Fault{Status: 403, Body: `{"message":"The history or contributor list is too large to list contributors for this repository via the API."}`}
		}
		return nil
	})
	v := measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"]
	require.Equal(t, contest.Passed, v.Status)
	for _, f := range v.Findings {
		require.NotEqual(t, "contributors", f.Rule)
	}
}

// A GitHub that is down is asked once a round, not once a team.
func TestGitHubIsDown(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{}, cardRules(), func(c *git.Config) { c.Request = 10 * time.Second })
	s.lab.Fail(func(*http.Request) *github.Fault { return &github.Fault{Hang: true} })
	var teams []contest.Team
	for _, slug := range []string{"a", "b", "c", "d"} {
		teams = append(teams, teamOf(slug, at(slug)))
	}
	all := measure(t.Context(), t, s.x, append(teams, teamOf("empty", ""))...)
	require.True(t, all["a"].Invalid)
	require.False(t, all["empty"].Invalid)
	require.Equal(t, []string{"/rate_limit"}, s.paths())
}

func nolog() *log.Logger { return log.New(io.Discard, "", 0) }

// loopback allows this machine and nothing else of the inside.
func loopback() target.Guard {
	return target.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}
