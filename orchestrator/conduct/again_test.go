package conduct_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// A launcher that asks for patience has said nothing of the run: it is launched
// later, by the same testid, and no try of it is used up.
func TestLaunchIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	b.gens.hesitant = 1
	line, _ := b.open()
	round := b.begin(line)
	id := b.runs(round, contest.RunLeased)[0].ID
	_, err := line.Advance(t.Context(), id)
	require.ErrorIs(t, err, contest.ErrTryAgain)
	prepared := b.runs(round, contest.RunPrepared)
	require.Len(t, prepared, 1)
	b.drive(line, round)
	judged := b.runs(round, contest.RunJudged)
	require.Len(t, judged, 1)
	require.Equal(t, prepared[0].TestID, judged[0].TestID)
	require.Equal(t, contest.OutcomePassed, judged[0].Outcome)
}

// A clock that was set back must not hold up the collection of a round.
func TestClockSetBackHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a"), team("b")}
	line, _ := b.open()
	round := b.begin(line)
	b.advance(line, round)
	ahead := time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)
	b.exec(`UPDATE runs SET doc = json_set(doc, '$.result.started', ?, '$.result.ended', ?) WHERE slug = 'a'`, ahead, ahead)
	_, err := line.Collect(t.Context(), round)
	require.NoError(t, err)
	require.Empty(t, b.runs(round, contest.RunEnded), "all of it was collected")
}
