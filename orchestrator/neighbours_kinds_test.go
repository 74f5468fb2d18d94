//go:build chaos

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/roster"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// The state database goes away while a team is under load, noticed or not, and
// then answers badly for a whole round. Nobody's verdict suffers, and nobody has
// to start anything again.
func TestNeighbourStateDatabase(t *testing.T) {
	t.Parallel()
	d, o := newDice(t), standUp(t)
	server, err := pgtest.Start()
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	name, err := server.Database(t.Context())
	require.NoError(t, err)
	direct := server.URL(pgtest.Owner, name)
	n, through := behindSocket(t, direct)
	through.RawQuery += "&statement_timeout=10s" // a silent one is given up 5 s later
	s := serveAmong(t, o.config(t, t.TempDir()), "STATE_DATABASE_URL="+through.String(), "PROMETHEUS_URL="+realPrometheus(t).URL())
	s.requireReady(t, http.StatusOK, "ready")
	before := s.settled(t)
	l := line{t, func() (*store.Store, error) { return store.OpenPostgresRead(t.Context(), direct) }}
	for _, way := range ways() {
		earlier := l.runs()
		s.fire(t, contest.SearchTesting)
		l.until(contest.RunLaunched, earlier)
		n.goAway(way)
		s.requireReady(t, http.StatusServiceUnavailable, "the state database does not answer")
		n.Set(nil)
		s.requireReady(t, http.StatusOK, "ready")
		l.over(earlier)
	}
	earlier, heal := l.runs(), n.goWrong(d)
	s.fire(t, contest.SearchTesting)
	n.until(t, 200, func() bool { return l.isOver(earlier) })
	heal()
	if len(l.newer(earlier)) == 0 { // it could not begin in its two tries, and waits among the dead letters
		s.fire(t, contest.SearchTesting)
	}
	l.over(earlier)
	s.requireReady(t, http.StatusOK, "ready")
	requireAllPassed(t, o.hub, "good")
	s.requireFlat(t, before)
	s.stop(t)
}

// Prometheus answers and takes badly for a whole round, does not answer at the
// end of another, and takes nothing of a third. What could not be measured is
// measured again; what was measured is judged once it can be asked for.
func TestNeighbourPrometheus(t *testing.T) {
	t.Parallel()
	d, o, state := newDice(t), standUp(t), t.TempDir()
	prometheus := realPrometheus(t)
	queries, writes := behindANetwork(t, prometheus.Addr()), behindANetwork(t, prometheus.Addr())
	s := serveAmong(t, o.config(t, state), "PROMETHEUS_URL=http://"+queries.at, "PROMETHEUS_WRITE_URL=http://"+writes.at+"/api/v1/write")
	s.requireReady(t, http.StatusOK, "ready")
	before := s.settled(t)
	l := line{t, func() (*store.Store, error) { return store.OpenRead(t.Context(), state) }}

	healQueries, healWrites := queries.goWrong(d), writes.goWrong(d)
	s.fire(t, contest.SearchTesting)
	t.Logf("with a bad network on both sides: %v", outcomes(l.over(nil)))
	healQueries()
	healWrites()

	for _, way := range ways() {
		earlier := l.runs()
		s.fire(t, contest.SearchTesting)
		l.until(contest.RunLaunched, earlier)
		queries.goAway(way)
		l.until(contest.RunEnded, earlier)
		s.requireReady(t, http.StatusServiceUnavailable, "the metric store does not answer")
		waiting, err := l.since(earlier)
		require.NoError(t, err)
		for _, r := range waiting {
			require.Equal(t, contest.RunEnded, r.State, "without evidence nothing is judged")
		}
		queries.Set(nil)
		s.requireReady(t, http.StatusOK, "ready")
		t.Logf("queries %s at the end: %v", way.Name, outcomes(l.over(earlier)))
	}

	earlier := l.runs()
	writes.goAway(ways()[1])
	s.fire(t, contest.SearchTesting)
	l.until(contest.RunJudged, earlier)
	writes.Set(nil)
	again := outcomes(l.over(earlier))
	t.Logf("no write taken at first: %v", again)
	require.Positive(t, again[contest.OutcomeInvalid], "a run of which nothing is known")
	require.Positive(t, again[contest.OutcomePassed], "and the same measured again")
	requireAllPassed(t, o.hub, "good")
	s.requireFlat(t, before)
	s.stop(t)
}

func outcomes(runs []contest.Run) map[contest.Outcome]int {
	counts := map[contest.Outcome]int{}
	for _, r := range runs {
		counts[r.Outcome]++
	}
	return counts
}

// GitHub answers badly, then not at all; then the Hub does not. No repository is
// found wanting for it, and /readyz says who is away.
func TestNeighbourGitHub(t *testing.T) {
	t.Parallel()
	d, o, state := newDice(t), standUp(t), t.TempDir()
	server := httptest.NewServer(github.New(github.Options{Repos: github.SampleRepos(time.Now())}))
	t.Cleanup(server.Close)
	n := behindANetwork(t, server.Listener.Addr().String())
	var teams []contest.Slug
	for i := range 12 {
		slug := fmt.Sprintf("team-%02d", i)
		teams = append(teams, contest.Slug(slug))
		repository := "https://github.com/hackload-kz/" + []string{"good", "slow", "leaky", "down"}[i%4]
		require.NoError(t, o.hub.Seed(t.Context(), labhub.Team{Slug: slug, Name: slug, Environment: []labhub.Variable{{Key: "Repo", Value: repository, Category: "development"}}}))
	}
	file := o.config(t, state, "    CODE_REPO: {rule: commits, points: 1, commits: {min: 10, recent: 24h}, keys: [Repo]}\n", "  teams: {exclude: [good]}\n")
	s := serveAmong(t, file, "GITHUB_API_URL=http://"+n.at, "GITHUB_TOKEN=ghp_secret", "K6_SERVICES_ENABLED=false")
	s.requireReady(t, http.StatusOK, "ready")
	before := s.settled(t)
	round := func() {
		t.Helper()
		from, fired := time.Now(), time.Now()
		s.fire(t, contest.GitMonitor)
		require.Eventually(t, func() bool {
			last := lastRoundIn(t, state, contest.GitMonitor)
			ours := last.StartedAt.After(from.Add(-time.Second)) && last.Error == ""
			if !ours && time.Since(fired) > 3*time.Second { // skipped: another try of one that had failed was under way
				fired = time.Now()
				s.fire(t, contest.GitMonitor)
			}
			return ours && last.EndedAt != nil
		}, patience, 50*time.Millisecond)
	}
	heal := n.goWrong(d)
	round()
	heal()
	for _, way := range ways() {
		n.goAway(way)
		round()
		s.requireReady(t, http.StatusOK, "GitHub could not be asked")
		n.Set(nil)
	}
	round()
	requireAllPassed(t, o.hub, teams...)
	code, text := answerOf(t, s.pages+"/readyz")
	require.Equal(t, "200 ready\n", fmt.Sprint(code, " ", text))

	o.stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); { // the teams are remembered for a while
		s.fire(t, contest.GitMonitor)
		require.NoError(t, wait(t.Context(), time.Second))
		if _, text := answerOf(t, s.pages+"/readyz"); strings.Contains(text, "the Hub did not answer") {
			break
		}
	}
	s.requireReady(t, http.StatusOK, "the Hub did not answer")
	o.open(t, o.hubAt)
	round()
	requireAllPassed(t, o.hub, teams...)
	s.requireFlat(t, before)
	s.stop(t)
}

// lastRoundIn is the service's newest round; one that has not ended where there
// is none yet.
func lastRoundIn(t *testing.T, state string, service contest.ServiceKey) (last contest.Round) {
	t.Helper()
	s, err := store.OpenRead(t.Context(), state)
	if err != nil {
		return last
	}
	defer s.Close()
	if rounds, err := s.Rounds(t.Context(), service, 1); err == nil && len(rounds) == 1 {
		last = rounds[0]
	}
	return last
}

// The Hub's database, asked for teams because the Hub's API is silent, gives all
// of them or none, in time, and nothing stays open.
func TestNeighbourHubDatabase(t *testing.T) {
	t.Parallel()
	n, through := behindSocket(t, hubDatabase(t).Reveal())
	c := hubWith(t, []string{"*"})
	c.Hub.URL, c.HubDatabase.URL, c.HubDatabase.Timeout = refusing, config.NewSecret(through.String()), contest.Duration(2*time.Second)
	read := func() (teams []contest.Team, err error) {
		from, err := openSources(c, roster.TeamsFunc(func(context.Context, string) ([]contest.Team, error) { return nil, fmt.Errorf("the Hub is away") }))
		require.NoError(t, err)
		defer func() { require.NoError(t, from.Close()) }()
		return from.teams(c, func(string) {})(t.Context())
	}
	for _, f := range networkFaults() {
		n.goAway(f)
		if teams, err := read(); err == nil {
			require.Len(t, teams, 2, f.Name)
		} else {
			require.ErrorContains(t, err, "read teams from the Hub's database", f.Name)
			require.NotContains(t, err.Error(), pgtest.Password)
		}
		n.Set(nil)
		require.Eventually(t, func() bool { // its two seconds may pass on a busy machine
			teams, err := read()
			return err == nil && len(teams) == 2
		}, patience, 10*time.Millisecond, "after it was %s", f.Name)
	}
	require.Eventually(t, func() bool { return n.Open() == 0 }, patience, 10*time.Millisecond, "connections stay open")
}
