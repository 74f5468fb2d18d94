package conduct_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// No load starts outside of a window. One run looks for the next one, and then
// all that wait begin, also those that had their turn when the last one closed.
func TestRunsWaitForAWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20))
	b.teams = []contest.Team{team("a"), team("b"), team("c")}
	b.closed.Store(true)
	line, _ := b.open()
	round := b.begin(line)
	planned := b.runs(round, contest.RunPlanned)
	require.Len(t, planned, 3)
	waiting := `river_job WHERE kind = 'advance'`
	require.Equal(t, 1, b.count(waiting), "one looks for all")
	for range 2 { // it is woken again, and still one
		require.NoError(t, line.Resume(t.Context()))
	}
	require.Equal(t, 1, b.count(waiting))
	again, err := line.Advance(t.Context(), planned[0].ID)
	require.NoError(t, err)
	require.Equal(t, time.Minute, again)
	require.Empty(t, b.gens.launches("a"))

	b.closed.Store(false)
	again, err = line.Advance(t.Context(), planned[0].ID)
	require.NoError(t, err)
	require.Zero(t, again)
	leased := b.runs(round, contest.RunLeased)
	require.Len(t, leased, 3)

	b.closed.Store(true) // before any of them has begun
	for _, r := range leased {
		again, err = line.Advance(t.Context(), r.ID)
		require.NoError(t, err)
		require.Equal(t, time.Minute, again)
	}
	require.Zero(t, b.count(`leases`))
	require.Empty(t, b.gens.launches("a"))

	b.closed.Store(false)
	_, err = line.Advance(t.Context(), leased[2].ID)
	require.NoError(t, err)
	b.drive(line, round)
	for _, slug := range []contest.Slug{"a", "b", "c"} {
		require.Equal(t, []int{10, 20}, b.gens.launches(slug))
		require.Equal(t, contest.Passed, b.verdict(slug).Status)
	}
	b.settled(1)
}

// What is under load when the window closes goes on to its end.
func TestLoadGoesOnWhenTheWindowCloses(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	b.reached = func(point string) {
		if point == "launched" {
			b.closed.Store(true)
		}
	}
	line, _ := b.open()
	round := b.begin(line)
	b.drive(line, round)
	require.Equal(t, contest.Passed, b.verdict("a").Status)
	b.settled(1)
}
