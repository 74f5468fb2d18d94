package conduct_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// shapes hands out the shape that a cluster of these tests begins with.
func shapes(context.Context, contest.Run, contest.Script) (contest.Shape, error) {
	return contest.Shape{Runners: 2, Memory: 1 << 30, MostRunners: 3, MostMemory: 2 << 30, VUs: 2000, Rate: 1000}, nil
}

// A run that its generators made invalid is tried again with more of them, also
// by a process that was started between the two, and at the bound it says so.
func TestInvalidRunsGetMoreGenerators(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams, b.shape = []contest.Team{team("a")}, shapes
	b.limits.Retries = 3
	b.gens.plan = func(contest.Launch, int) outcome { return starved }
	line, _ := b.open()
	round := b.begin(line)
	// Whatever was chosen before a process ended is what its successor launches.
	stop := sync.OnceFunc(func() { panic(errAway) })
	b.reached = func(point string) {
		if point == string(contest.RunPrepared) {
			stop()
		}
	}
	dying, _ := b.open()
	require.Panics(t, func() { _, _ = dying.Advance(t.Context(), b.runs(round, contest.RunLeased)[0].ID) })
	prepared := b.runs(round, contest.RunPrepared)
	require.Len(t, prepared, 1)
	require.Equal(t, 2, prepared[0].Shape.Runners)
	b.reached = nil

	for range 10 { // each process does a little, and is followed by another
		line, _ = b.open()
		b.advance(line, round)
		_, err := line.Collect(t.Context(), round)
		require.NoError(t, err)
	}
	b.atRest()
	var tried []string
	for _, l := range b.gens.history {
		tried = append(tried, contest.Shape{Runners: l.Generators, Memory: l.Memory}.String())
	}
	require.Equal(t, []string{"2 runners of 1Gi", "2 runners of 2Gi", "3 runners of 2Gi", "3 runners of 2Gi"}, tried)
	v := b.verdict("a")
	require.True(t, v.Invalid)
	require.Contains(t, v.Findings, contest.Finding{Rule: "generator remedy", Outcome: contest.OutcomeWarning,
		Sentence: "Nothing larger can be tried: kubernetes.max_runner_memory allows no more memory than 2Gi and kubernetes.max_runners no more runners than 3. Raise one of them where the cluster has room."})
	judged := b.runs(round, contest.RunJudged)
	require.Len(t, judged, 4)
	require.Equal(t, "Tried again with 2 runners of 2Gi in place of 2 runners of 1Gi, because generator 1 of 1 was OOM-killed after 3 s.", judged[1].Shape.Remedy)
	require.Empty(t, judged[3].Shape.Remedy)
}

// What helped one repeat is there for the next one from the start, and another
// team begins anew.
func TestRemedyIsKeptInTheClimb(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(3, 10))
	b.teams, b.shape = []contest.Team{team("a"), team("b")}, shapes
	b.gens.plan = func(l contest.Launch, nth int) outcome {
		if l.Team == "a" && nth == 0 {
			return starved
		}
		return pass
	}
	line, _ := b.open()
	round := b.begin(line)
	b.drive(line, round)
	b.atRest()
	tried := map[contest.Slug][]string{}
	for _, l := range b.gens.history {
		tried[l.Team] = append(tried[l.Team], contest.Shape{Runners: l.Generators, Memory: l.Memory}.String())
	}
	require.Equal(t, []string{"2 runners of 1Gi", "2 runners of 2Gi", "2 runners of 2Gi"}, tried["a"])
	require.Equal(t, []string{"2 runners of 1Gi", "2 runners of 1Gi"}, tried["b"])

	// What they carried is there for the next round.
	carried, err := b.store.Carried(t.Context(), contest.EventSearch, "search", "~", 100)
	require.NoError(t, err)
	require.Len(t, carried, 5)
	short := 0
	for _, c := range carried {
		require.Equal(t, 5.0, c.Rate, "10 arrivals a second by two runners")
		require.Equal(t, 2.5, c.VUs)
		if c.Short == contest.ShortOfMemory {
			short++
			require.Equal(t, int64(1<<30), c.Memory)
		}
	}
	require.Equal(t, 1, short)
}
