package conduct_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// The launches that go on when a process ends on purpose are ended with it, and
// measured anew.
func TestAbandon(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.gens.plan = func(l contest.Launch, nth int) outcome {
		if nth == 0 {
			return held
		}
		return pass
	}
	b.teams = []contest.Team{team("a"), team("b")}
	line, _ := b.open()
	round := b.begin(line)
	under := b.runs(round, contest.RunLeased)
	require.Len(t, under, 2)
	for _, r := range under {
		again, err := line.Advance(t.Context(), r.ID)
		require.NoError(t, err)
		require.Equal(t, b.limits.Poll, again)
	}
	live := line.Live().Runs()
	require.Len(t, live, 2)
	require.Equal(t, "steady", live[0].Progress.Phase)
	require.Less(t, live[0].Run.ID, live[1].Run.ID)

	require.NoError(t, line.Abandon(t.Context()))
	require.Empty(t, line.Live().Runs())
	require.Zero(t, b.count(`leases`))
	left, err := b.gens.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	for _, r := range b.runs(round, contest.RunPlanned) {
		require.Empty(t, r.TestID)
		require.Nil(t, r.LaunchedAt)
	}

	next, stop := b.serve()
	b.ended(round)
	stop()
	require.Empty(t, next.Live().Runs())
	require.Equal(t, []int{10, 10}, b.gens.launches("a"))
	require.Equal(t, contest.Passed, b.verdict("a").Status)
	require.Equal(t, contest.Passed, b.verdict("b").Status)
	b.settled(1)
}

// A launch that cannot be removed keeps its run; it does not keep the others.
func TestAbandonWhatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.gens.plan = func(contest.Launch, int) outcome { return held }
	b.teams = []contest.Team{team("a"), team("b")}
	line, _ := b.open()
	round := b.begin(line)
	first := b.runs(round, contest.RunLeased)[0]
	_, err := line.Advance(t.Context(), first.ID)
	require.NoError(t, err)

	b.gens.setStuck(true)
	require.ErrorContains(t, line.Abandon(t.Context()), "permission denied")
	require.Equal(t, first.ID, b.runs(round, contest.RunLaunched)[0].ID)
	require.Len(t, b.runs(round, contest.RunPlanned), 1, "the other run had no launch")
	b.gens.setStuck(false)
	close(b.gens.let)
	require.NoError(t, line.Resume(t.Context()))
	b.drive(line, round)
	b.settled(1)
}

func (g *generators) setStuck(stuck bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stuck = stuck
}

// A process that dies at any point of a run is followed by one that ends the
// round with the same verdicts, over the same state and the same launches.
func TestResumeAfterADeathAtEachPoint(t *testing.T) {
	t.Parallel()
	woken := []string{"prepared", "launched", "ended", "collected"} // by the queue; the others by hand, which is quicker
	for _, point := range []string{
		"leased", "before-prepared", "prepared", "started", "before-launched", "launched",
		"before-ended", "ended", "before-collected", "collected", "before-judged", "judged",
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10, 20))
			b.gens.plan = func(l contest.Launch, _ int) outcome {
				if l.Team == "b" {
					return failing
				}
				return pass
			}
			b.teams = []contest.Team{team("a"), team("b")}
			round := b.die(point)
			b.reached = nil
			b.takeUp(round, slices.Contains(woken, point))
			require.Equal(t, contest.Passed, b.verdict("a").Status)
			require.Equal(t, 3, b.verdict("a").Score)
			require.Equal(t, contest.Failed, b.verdict("b").Status)
			require.Equal(t, 2, b.count(`verdicts`))
			row, _ := b.outbox("a")
			require.EqualValues(t, 1, row.Version)
			require.Equal(t, []int{10, 20}, b.gens.launches("a"), "what ran is adopted, not begun again")
			require.Equal(t, []int{10}, b.gens.launches("b"))
			b.atRest()
		})
	}
}

// die begins a round and drives it until a step reaches the point for the first
// time, where it ends in the middle, and with it everything of its process.
func (b *bench) die(point string) (round contest.RoundID) {
	b.t.Helper()
	type death struct{}
	b.reached = func(p string) {
		if p == point {
			panic(death{})
		}
	}
	line, _ := b.open()
	round = b.begin(line)
	defer func() {
		_, died := recover().(death)
		require.True(b.t, died, "point %s is never reached", point)
	}()
	b.drive(line, round)
	return round
}

// takeUp takes a round up in a new process and brings it to its end.
func (b *bench) takeUp(round contest.RoundID, queue bool) {
	b.t.Helper()
	if queue {
		_, stop := b.serve()
		b.ended(round)
		b.until(func() bool { left, _ := b.gens.List(b.t.Context()); return len(left) == 0 })
		stop()
		return
	}
	line, _ := b.open()
	require.NoError(b.t, line.Resume(b.t.Context()))
	b.drive(line, round)
}

// What an earlier process left that belongs to no run is removed; where nothing
// is left to do, nothing is done.
func TestResumeSweeps(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	require.NoError(t, b.gens.Start(t.Context(), contest.Launch{
		TestID: "a-search-10-old", Team: "a", Env: map[string]string{"API_URL": "http://a.example.org"}, Timeout: contest.Duration(time.Minute),
	}))
	line, _ := b.open()
	require.NoError(t, line.Resume(t.Context()))
	b.atRest()

	b.gens.plan = func(contest.Launch, int) outcome { return held }
	require.NoError(t, b.gens.Start(t.Context(), contest.Launch{TestID: "a-search-10-stuck", Env: map[string]string{"API_URL": "http://b"}}))
	b.gens.setStuck(true)
	require.ErrorContains(t, line.Resume(t.Context()), "a-search-10-stuck")
	b.gens.setStuck(false)
}

// The next process knows no tokens; it lets the load that goes on write to its
// end.
func TestResumeAdmitsTheLoadThatGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.gens.plan = func(contest.Launch, int) outcome { return held }
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	round := b.begin(line)
	_, err := line.Advance(t.Context(), b.runs(round, contest.RunLeased)[0].ID)
	require.NoError(t, err)
	b.metrics.Revoke(b.runs(round, contest.RunLaunched)[0].TestID)

	next, _ := b.open()
	require.NoError(t, next.Resume(t.Context()))
	close(b.gens.let)
	b.drive(next, round)
	require.Equal(t, contest.Passed, b.verdict("a").Status, "%+v", b.verdict("a").Findings)
	require.Equal(t, []int{10}, b.gens.launches("a"))
	b.settled(1)
}
