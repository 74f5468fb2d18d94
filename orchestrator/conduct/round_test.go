package conduct_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// crowd is n teams of which a few share a host.
func crowd(n int) []contest.Team {
	var teams []contest.Team
	for i := range n {
		t := team(fmt.Sprintf("team-%03d", i))
		if i%20 == 0 {
			t.Endpoint = fmt.Sprintf("http://shared.example.org:80/%d", i) // a path makes no other target
		}
		teams = append(teams, t)
	}
	return teams
}

// A round of many teams never holds more targets than it may, never puts
// two loads on one target, and asks the metric store no more often than one of
// five.
func TestRoundOfManyTeams(t *testing.T) {
	t.Parallel()
	asked := map[int]int64{}
	for _, n := range []int{5, manyTeams} {
		b := newBench(t, ladder(1, 10))
		b.teams = crowd(n)
		// The first two wait for each other, so they are under load together.
		var launched atomic.Int64
		b.gens.plan = func(contest.Launch, int) outcome {
			switch launched.Add(1) {
			case 1:
				return held
			case 2:
				close(b.gens.let)
			}
			return pass
		}
		line, _ := b.open()
		b.crew(line, b.begin(line))
		b.settled(1)
		require.Len(t, b.gens.history, n)
		require.LessOrEqual(t, b.gens.most, b.limits.Targets)
		require.Greater(t, b.gens.most, 1, "targets are measured side by side")
		require.Equal(t, n, b.count(`outbox`))
		asked[n] = b.queries.Load()
	}
	require.Positive(t, asked[5])
	require.Equal(t, asked[5], asked[manyTeams])
}

// crew drives a round with many hands, as the queue would, until it has ended.
func (b *bench) crew(line *conduct.Line, round contest.RoundID) {
	b.t.Helper()
	due := make(chan contest.RunID)
	var hands sync.WaitGroup
	for range 2 * b.limits.Targets {
		hands.Go(func() {
			for id := range due {
				if _, err := line.Advance(b.t.Context(), id); err != nil {
					b.t.Error(err)
				}
			}
		})
	}
	deadline := time.Now().Add(patience)
	for looks := 0; ; looks++ {
		for _, r := range b.runs(round, contest.RunLeased, contest.RunPrepared, contest.RunLaunched) {
			due <- r.ID
		}
		if looks%10 == 0 {
			_, err := line.Collect(b.t.Context(), round)
			require.NoError(b.t, err)
		}
		open, err := b.store.OpenClimbs(b.t.Context(), round)
		require.NoError(b.t, err)
		if open == 0 {
			break
		}
		require.True(b.t, time.Now().Before(deadline), "round does not end")
		time.Sleep(15 * time.Millisecond)
	}
	close(due)
	hands.Wait()
}

// Every team is first once before any is first again.
func TestOrderRotates(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.limits.Targets = 1
	b.teams = []contest.Team{team("a"), team("b"), team("c")}
	line, _ := b.open()
	for range 4 {
		b.drive(line, b.begin(line))
	}
	order := ""
	for _, l := range b.gens.history {
		order += string(l.Team)
	}
	require.Equal(t, "abc"+"bca"+"cab"+"abc", order)
	b.settled(4)
}

func TestFiringWhileARoundIsOpen(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a"), with(team("b"), "")}
	line, _ := b.open()
	round := b.begin(line)
	before := b.count(`runs`) + b.count(`climbs`) + b.count(`verdicts`)

	_, err := line.Begin(t.Context(), contest.SearchTesting)
	require.ErrorIs(t, err, conduct.ErrRoundOpen)
	require.ErrorContains(t, err, string(round))
	require.Equal(t, 1, b.count(`rounds`))
	require.Equal(t, before, b.count(`runs`)+b.count(`climbs`)+b.count(`verdicts`))

	other, err := line.Begin(t.Context(), contest.ArchiveTesting)
	require.NoError(t, err, "another service's round is none of its business")
	b.drive(line, round)
	b.drive(line, other)
	b.drive(line, b.begin(line))
	b.settled(3)
}

// A round that could not begin counts in the service's health; a stop of ours
// does not.
func TestTeamListFails(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		ctx    func() context.Context
		rounds int
	}{
		{"hub answers 500", t.Context, 1},
		{"the step's time ran out", func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 0)
			t.Cleanup(cancel)
			return ctx
		}, 1},
		{"this process was stopped", func() context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			line, _ := b.open()
			line.Teams = func(context.Context) ([]contest.Team, error) { return nil, errors.New("hub answered 500") }
			_, err := line.Begin(row.ctx(), contest.SearchTesting)
			require.ErrorContains(t, err, "hub answered 500")
			rounds, err := b.store.Rounds(t.Context(), contest.SearchTesting, 10)
			require.NoError(t, err)
			require.Len(t, rounds, row.rounds)
			for _, r := range rounds {
				require.Contains(t, r.Error, "hub answered 500")
				require.NotNil(t, r.EndedAt, "it does not keep the next one from beginning")
			}
			line.Teams = func(context.Context) ([]contest.Team, error) { return []contest.Team{team("a")}, nil }
			b.drive(line, b.begin(line))
		})
	}
}

// However often a firing is tried, it is one round: one record while it cannot
// begin, and the round itself once it can.
func TestTriesOfAFiringAreOneRound(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	teams := line.Teams
	id := conduct.NewRound()
	for try := range 3 {
		line.Teams = func(context.Context) ([]contest.Team, error) { return nil, fmt.Errorf("hub answered 50%d", try) }
		_, err := line.BeginAs(t.Context(), contest.SearchTesting, id)
		require.Error(t, err)
		rounds, err := b.store.Rounds(t.Context(), contest.SearchTesting, 10)
		require.NoError(t, err)
		require.Len(t, rounds, 1)
		require.Contains(t, rounds[0].Error, fmt.Sprintf("hub answered 50%d", try), "the newest try is what people read")
	}
	line.Teams = teams
	for range 2 { // a twin begins nothing, neither beside the round nor after it
		for range 2 {
			got, err := line.BeginAs(t.Context(), contest.SearchTesting, id)
			require.NoError(t, err)
			require.Equal(t, id, got)
		}
		b.drive(line, id)
	}
	line.Teams = func(context.Context) ([]contest.Team, error) { return nil, errors.New("hub answered 500") }
	_, err := line.BeginAs(t.Context(), contest.SearchTesting, id)
	require.Error(t, err)
	rounds, err := b.store.Rounds(t.Context(), contest.SearchTesting, 10)
	require.NoError(t, err)
	require.Len(t, rounds, 1)
	require.Empty(t, rounds[0].Error, "a late twin that fails does not unmake the round")
	require.Equal(t, []int{10}, b.gens.launches("a"))
	b.settled(1)
}

func TestRoundsThatCannotBegin(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1))
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	for _, row := range []struct {
		name string
		key  contest.ServiceKey
		want string
	}{
		{"unknown service", "k6-unknown", "unknown service"},
		{"no levels", contest.SearchTesting, "no levels"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := line.Begin(t.Context(), row.key)
			require.ErrorContains(t, err, row.want)
		})
	}
	require.Zero(t, b.count(`rounds`))
}

// A round of nobody, and one in which there is nothing to measure, end at once.
func TestRoundsWithoutLoad(t *testing.T) {
	t.Parallel()
	for name, teams := range map[string][]contest.Team{
		"no team": nil, "no endpoints": {with(team("a"), ""), with(team("b"), "nonsense")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			b.teams = teams
			line, _ := b.open()
			b.ended(b.begin(line))
			require.Len(t, teams, b.count(`outbox`))
			b.settled(1)
		})
	}
}

// The scenario and the environment are those of the configuration when the
// round began, for all of its runs.
func TestConfigurationOfTheRoundStays(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20))
	b.rules.Scenario, b.rules.Env = "search-heavy", map[string]string{"MODE": "old"}
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	round := b.begin(line)
	b.rules = ladder(1, 99)
	b.drive(line, round)
	require.Equal(t, []int{10, 20}, b.gens.launches("a"))
	for _, l := range b.gens.history {
		require.Equal(t, "search-heavy", l.Scenario)
		require.Equal(t, map[string]string{
			"API_URL": "http://a.example.org", "USERS": fmt.Sprint(l.Level.Users), "TIME_UNIT": "1s", "RAMP": "0s", "DURATION": "1s", "MODE": "old",
		}, l.Env)
	}
}

// A script that belongs to no criterion is judged by itself, and nobody is told.
func TestByHand(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	line, _ := b.open()
	script := contest.Service{Key: "by-hand", Name: "by-hand", Scenario: "mine"}
	rules := ladder(1, 10)
	rules.Scenario = "mine"

	round, err := line.ByHand(t.Context(), team("a"), script, rules, true)
	require.NoError(t, err)
	b.drive(line, round)
	judged := b.runs(round, contest.RunJudged)
	require.Len(t, judged, 1)
	v, err := b.store.RunVerdict(t.Context(), judged[0].ID)
	require.NoError(t, err)
	require.Equal(t, contest.OutcomePassed, v.Verdict.Outcome, "%+v", v.Verdict.Findings)
	require.Zero(t, b.count(`verdicts`))
	require.Zero(t, b.count(`outbox`))

	search, err := contest.FindService("EVENT_SEARCH")
	require.NoError(t, err)
	round, err = line.ByHand(t.Context(), team("a"), search, ladder(1, 10), false)
	require.NoError(t, err)
	b.drive(line, round)
	require.Equal(t, contest.Passed, b.verdict("a").Status)
	require.Zero(t, b.count(`outbox`), "not to be published")

	_, err = line.ByHand(t.Context(), with(team("a"), "nonsense"), script, rules, false)
	require.ErrorContains(t, err, "http://")
	_, err = line.ByHand(t.Context(), team("a"), script, ladder(1), false)
	require.ErrorContains(t, err, "no levels")
	b.settled(2)
}
