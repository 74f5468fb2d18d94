package git_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// field is so many teams whose repositories are on GitHub, the last of 200 with
// more than a page of commits.
func field(n int) ([]contest.Team, []github.Repo) {
	var teams []contest.Team
	var repos []github.Repo
	for i := range n {
		name := fmt.Sprintf("team-%d", i)
		teams = append(teams, teamOf(name, at(name)))
		repos = append(repos, repo(name, commits(8+i%10+i/195*100, time.Minute, time.Hour)))
	}
	return teams, repos
}

// Two rounds an hour of 200 teams fit into GitHub's 5000 requests, even if each
// team commits between any two rounds; where nothing changed a round is free.
func TestTwoHundredTeamsFitIntoAnHour(t *testing.T) {
	t.Parallel()
	const hourly = 5000
	teams, repos := field(200)
	s := open(t, github.Options{Repos: repos, Limit: hourly}, cardRules(), nil)
	passed := func() (n int) {
		for _, v := range measure(t.Context(), t, s.x, teams...) {
			if v.Status == contest.Passed {
				n++
			}
		}
		return n
	}
	require.Equal(t, 160, passed(), "two of ten have fewer than ten commits")
	first := s.lab.Counts().Charged
	require.LessOrEqual(t, 2*first, hourly/2)
	t.Logf("a round in which everything is new takes %d requests off the limit", first)

	require.Equal(t, 160, passed())
	require.Equal(t, first, s.lab.Counts().Charged, "nothing changed: the second round is free")
	require.Equal(t, first, s.lab.Counts().NotModified)

	for i := range 10 {
		repos[i].Commits = append([]github.Commit{{At: time.Now()}}, repos[i].Commits...)
	}
	s.lab.SetRepos(repos...)
	require.Equal(t, 161, passed())
	third := s.lab.Counts().Charged - first
	require.Greater(t, third, 0)
	require.LessOrEqual(t, third, 4*10, "only what changed is paid for")

	for i := range repos {
		repos[i].Commits = append([]github.Commit{{At: time.Now()}}, repos[i].Commits...)
	}
	s.lab.SetRepos(repos...)
	before := s.lab.Counts().Charged
	passed()
	require.LessOrEqual(t, 2*(s.lab.Counts().Charged-before), hourly/2)
}

// When the hour is nearly used up, a round stops before its end: the rest are
// invalid, and GitHub refuses nothing.
func TestTheHourIsNotUsedUp(t *testing.T) {
	t.Parallel()
	teams, repos := field(100)
	s := open(t, github.Options{Repos: repos, Limit: 250}, cardRules(), nil)
	invalid := 0
	for _, v := range measure(t.Context(), t, s.x, teams...) {
		if v.Invalid {
			invalid++
			require.Contains(t, finding(t, v, "repository").Sentence, "its rate limit is used up until")
		}
	}
	require.Greater(t, invalid, 0)
	require.Less(t, invalid, 100)
	counts := s.lab.Counts()
	require.Zero(t, counts.Refused)
	require.LessOrEqual(t, counts.Charged, 245, "a fiftieth is left to others")
	require.GreaterOrEqual(t, counts.Charged, 230)
}

// Without credentials GitHub allows 60 an hour, and 304 are not free.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	teams, repos := field(30)
	s := open(t, github.Options{Repos: repos}, cardRules(), func(c *git.Config) { c.Token = "" })
	valid := 0
	for _, v := range measure(t.Context(), t, s.x, teams...) {
		if !v.Invalid {
			valid++
		}
	}
	require.GreaterOrEqual(t, valid, 10)
	require.Zero(t, s.lab.Counts().Refused)
	require.LessOrEqual(t, s.lab.Counts().Charged, 59)
}

// The secondary limit is obeyed: nobody is sent away twice for long.
func TestSecondaryLimit(t *testing.T) {
	t.Parallel()
	teams, repos := field(20)
	s := open(t, github.Options{Repos: repos}, cardRules(), nil)
	s.lab.Throttle(1, time.Second)
	for slug, v := range measure(t.Context(), t, s.x, teams...) {
		require.False(t, v.Invalid, slug)
	}
	refused := s.lab.Counts().Refused
	require.GreaterOrEqual(t, refused, 1)
	require.LessOrEqual(t, refused, 8, "at most what was under way already")
}

// 200 teams, 40 of them on hosts that hang in two ways and 40 whose GitHub
// answers hang: the round ends, and sockets are bounded all the way.
func TestTwoHundredTeamsOfWhichManyHang(t *testing.T) {
	t.Parallel()
	const workers, pause = 8, 250 * time.Millisecond
	teams, repos := field(200)
	lab := github.New(github.Options{Repos: repos})
	lab.Fail(func(r *http.Request) *github.Fault {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/repos/hackload-kz/team-%d", &n); err == nil && n%5 == 1 {
			return &github.Fault{Hang: true}
		}
		return nil
	})
	var sockets gauge
	api := httptest.NewUnstartedServer(lab)
	api.Config.ConnState = sockets.state
	api.Start()
	defer api.Close()
	hanging, most := hang(t)
	for i := range teams {
		if i%5 == 0 {
			teams[i].Repository = strings.Replace(hanging, "http:", "https:", 1) + "/team/" + string(teams[i].Slug)
		}
	}
	x, err := git.New(git.Config{
		APIURL: api.URL, Token: "t", PerSecond: 1e6, Workers: workers, Request: pause, Guard: target.Guard{AllowPrivate: true},
	}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	began := time.Now()
	all := measure(t.Context(), t, x, teams...)
	t.Logf("200 teams, 80 of them hanging for %s: %s", pause, time.Since(began).Round(time.Millisecond))
	for i, team := range teams {
		v := all[team.Slug]
		switch i % 5 {
		case 0:
			require.Equal(t, contest.Failed, v.Status)
			require.Contains(t, finding(t, v, "repository").Sentence, "did not answer within")
		case 1:
			require.True(t, v.Invalid)
		default:
			if !v.Invalid { // a slow machine may be late
				require.Equal(t, i%10 >= 2 || i >= 195, v.Status == contest.Passed, team.Slug)
			}
		}
	}
	// The other side notices the end of a connection a little after it was closed here.
	require.LessOrEqual(t, sockets.most.Load(), int64(2*workers))
	require.LessOrEqual(t, most(), int64(2*workers))
}

// gauge counts open connections.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) add(n int64) {
	now := g.now.Add(n)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
}

func (g *gauge) state(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		g.add(1)
	case http.StateClosed, http.StateHijacked:
		g.add(-1)
	}
}

// hang accepts connections and says nothing on them, ever.
func hang(t *testing.T) (address string, most func() int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var g gauge
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			g.add(1)
			go func() {
				defer g.add(-1)
				defer conn.Close()
				buf := make([]byte, 1024)
				for {
					if _, err := conn.Read(buf); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return "http://" + ln.Addr().String(), g.most.Load
}
