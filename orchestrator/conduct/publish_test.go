package conduct_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// climbTo begins a round in which the team passes so many levels, and returns
// its climb's runs.
func (b *bench) climbTo(line *conduct.Line, levels int) []contest.RunID {
	b.t.Helper()
	b.gens.plan = func(l contest.Launch, _ int) outcome {
		if l.Level.Users > 10*levels {
			return failing
		}
		return pass
	}
	round := b.begin(line)
	b.drive(line, round)
	var ids []contest.RunID
	for _, r := range b.runs(round, contest.RunJudged) {
		ids = append(ids, r.ID)
	}
	return ids
}

// Where the best climb counts, pages and Hub keep it: a worse one and an equal
// one later are kept as history only, a better one takes its place.
func TestBestClimbCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20, 30)) // 1, 3, 7 points
	b.rules.Result = config.ResultBest
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	var best []contest.RunID
	for i, row := range []struct {
		name           string
		levels, counts int // points
		takes          bool
		version        int64
	}{
		{"the first", 1, 1, true, 1},
		{"a worse one", 0, 1, false, 1},
		{"a better one", 2, 3, true, 2},
		{"an equal one", 2, 3, false, 2},
		{"a worse one again", 1, 3, false, 2},
		{"the best", 3, 7, true, 3},
	} {
		runs := b.climbTo(line, row.levels)
		if row.takes {
			best = runs
		}
		v := b.verdict("a")
		require.Equal(t, row.counts, v.Score, row.name)
		require.Equal(t, contest.Passed, v.Status, row.name)
		require.ElementsMatch(t, best, v.Runs, row.name)
		told, _ := b.outbox("a")
		require.Equal(t, row.counts, told.Update.Score, row.name)
		require.Equal(t, row.version, told.Version, "%s: the Hub is told of what takes the place, and of nothing else", row.name)
		require.Equal(t, i+1, b.count(`(SELECT DISTINCT climb_id FROM verdicts)`), "%s: every climb is kept", row.name)
	}
	b.settled(6)
}

// An override stands above the best climb; lifted, the best stands again, not
// the latest.
func TestOverrideStandsAboveTheBest(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20))
	b.rules.Result = config.ResultBest
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	best := b.climbTo(line, 2)
	require.NoError(t, line.Override(t.Context(), conduct.Override{
		Team: "a", Criterion: contest.EventSearch, Status: contest.Failed, Who: "jury", Why: "a fixed answer"}))
	for _, levels := range []int{2, 1} {
		b.climbTo(line, levels)
		require.Equal(t, contest.Failed, b.verdict("a").Status)
		told, _ := b.outbox("a")
		require.Equal(t, contest.Failed, told.Update.Status)
	}
	require.NoError(t, line.Lift(t.Context(), "a", contest.EventSearch, store.AuditEntry{Who: "jury", Why: "shown to be right"}))
	v := b.verdict("a")
	require.Equal(t, 3, v.Score)
	require.ElementsMatch(t, best, v.Runs)
	told, _ := b.outbox("a")
	require.Equal(t, 3, told.Update.Score)
}

// Data that the team took away overwrites the best too; once there is something
// to measure again, the best counts again.
func TestBestYieldsToDataThatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20))
	b.rules.Result = config.ResultBest
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	b.climbTo(line, 2)
	b.teams[0].Endpoint = ""
	b.climbTo(line, 2)
	told, _ := b.outbox("a")
	require.Equal(t, contest.NoData, told.Update.Status)
	require.Equal(t, contest.NoData, b.verdict("a").Status)
	b.teams[0] = team("a")
	b.climbTo(line, 1)
	told, _ = b.outbox("a")
	require.Equal(t, 3, told.Update.Score)
	require.Equal(t, 3, b.verdict("a").Score)
}

// From the third round in a row that could not be measured, the verdict says so;
// one that was measured ends the row. The Hub keeps the earlier result.
func TestRoundsInARowThatCouldNotBeMeasured(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.limits.Retries = 0
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	measured := func(o outcome) contest.Verdict {
		b.gens.plan = func(contest.Launch, int) outcome { return o }
		b.drive(line, b.begin(line))
		return b.verdict("a")
	}
	for i, row := range []struct {
		outcome outcome
		streak  string
	}{
		{pass, ""}, {silent, ""}, {silent, ""}, {silent, "in 3 rounds in a row"}, {silent, "in 4 rounds in a row"},
		{pass, ""}, {silent, ""}, {silent, ""},
	} {
		v := measured(row.outcome)
		require.Equal(t, row.streak != "", conduct.InvalidStreak(v), "round %d", i+1)
		if row.streak != "" {
			require.Contains(t, v.Findings[len(v.Findings)-1].Sentence, row.streak)
		}
		told, _ := b.outbox("a")
		require.Equal(t, contest.Passed, told.Update.Status, "round %d", i+1)
	}
}

// A state directory that is new does not know what the Hub holds, so the Hub is
// asked before it is told of something that could not be measured: once a round.
func TestFreshStateAsksTheHub(t *testing.T) {
	t.Parallel()
	here := func(status contest.Status) contest.Update {
		return contest.Update{TeamSlug: "a", HackathonID: "1", CriteriaType: contest.EventSearch, Status: status}
	}
	elsewhere := here(contest.Passed)
	elsewhere.HackathonID = "2"
	for _, row := range []struct {
		name    string
		holds   []contest.Update
		err     error
		outcome outcome
		told    bool
		asked   int
	}{
		{"it holds a pass", []contest.Update{here(contest.Passed)}, nil, silent, false, 1},
		{"it holds a failure", []contest.Update{here(contest.Failed)}, nil, silent, false, 1},
		{"it holds no data", []contest.Update{here(contest.NoData)}, nil, silent, true, 1},
		{"it holds nothing", nil, nil, silent, true, 1},
		{"it holds another contest's", []contest.Update{elsewhere}, nil, silent, true, 1},
		{"it is away", nil, errors.New("hub answered 503"), silent, false, 1},
		{"what was measured needs no question", []contest.Update{here(contest.Passed)}, nil, failing, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			b.limits.Retries = 0
			b.teams = []contest.Team{team("a"), team("b"), team("c")}
			b.gens.plan = func(contest.Launch, int) outcome { return row.outcome }
			line, _ := b.open()
			asked := 0
			line.Held = func(_ context.Context, c contest.Criterion) ([]contest.Update, error) {
				asked++
				require.Equal(t, contest.EventSearch, c)
				return row.holds, row.err
			}
			b.drive(line, b.begin(line))
			_, told := b.outbox("a")
			require.Equal(t, row.told, told)
			_, toldOfB := b.outbox("b")
			require.Equal(t, row.err == nil, toldOfB)
			require.Equal(t, row.asked, asked, "for all three teams")
			require.Equal(t, row.outcome == silent, b.verdict("a").Invalid, "our own pages tell it")
			b.settled(1)

			b.drive(line, b.begin(line))
			again := 0
			if row.asked > 0 && !row.told {
				again = 1 // another round, another question, where we still do not know
			}
			require.Equal(t, row.asked+again, asked)
		})
	}
}

// The same holds for what is looked at without load.
func TestFreshStateAsksTheHubBeforeALookIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	b.measures = map[contest.ServiceKey]conduct.Measure{
		contest.GitMonitor: func(context.Context, []contest.Team, func(contest.Verdict)) error { return fmt.Errorf("no answer") },
	}
	line, _ := b.open()
	line.Held = func(context.Context, contest.Criterion) ([]contest.Update, error) {
		return []contest.Update{{TeamSlug: "a", HackathonID: "1", Status: contest.Passed}}, nil
	}
	b.during(line.Run)
	id, err := line.Begin(t.Context(), contest.GitMonitor)
	require.NoError(t, err)
	_, err = line.Look(t.Context(), id)
	require.NoError(t, err)
	b.ended(id)
	require.Zero(t, b.count(`outbox`))
	require.Equal(t, 1, b.count(`verdicts WHERE published = 0`))
}
