package conduct_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func again(team contest.Slug, c contest.Criterion) conduct.Rerun {
	return conduct.Rerun{Team: team, Criterion: c, Who: "Aigerim", Why: "its host was down"}
}

// A team is measured once more, and nobody else is; who is behind it is kept. A
// process that dies right after it was asked for loses nothing.
func TestRerunMeasuresOneTeam(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a"), team("b")}
	good := false
	b.gens.plan = func(l contest.Launch, _ int) outcome {
		if l.Team == "b" && !good {
			return failing
		}
		return pass
	}
	line, _ := b.open()
	b.drive(line, b.begin(line))
	require.Equal(t, contest.Failed, b.verdict("b").Status)
	good = true

	id, err := line.Rerun(t.Context(), again("b", contest.EventSearch))
	require.NoError(t, err)
	next, _ := b.open() // the process was killed; this one takes up what is there
	require.NoError(t, next.Resume(t.Context()))
	b.drive(next, id)
	require.Equal(t, contest.Passed, b.verdict("b").Status)
	require.Equal(t, id, b.verdict("b").Round)
	require.Equal(t, []int{10}, b.gens.launches("a"))
	require.Equal(t, []int{10, 10}, b.gens.launches("b"))
	trail, err := b.store.AuditTrail(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, trail, 1)
	require.Equal(t, "re-run", trail[0].What)
	require.Equal(t, "b EVENT_SEARCH: round "+string(id), trail[0].Subject)
	require.Equal(t, "its host was down", trail[0].Why)

	rounds, err := b.store.Rounds(t.Context(), contest.SearchTesting, 10)
	require.NoError(t, err)
	require.Len(t, rounds, 1, "it is no round of the service")
	b.atRest()
}

// A round may begin while a team is measured again, and the other way round.
func TestRerunStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a"), team("b")}
	line, _ := b.open()
	rerun, err := line.Rerun(t.Context(), again("a", contest.EventSearch))
	require.NoError(t, err)
	_, err = line.Rerun(t.Context(), again("a", contest.EventSearch))
	require.ErrorIs(t, err, conduct.ErrUnderWay)
	round := b.begin(line)
	_, err = line.Rerun(t.Context(), again("b", contest.EventSearch))
	require.ErrorIs(t, err, conduct.ErrUnderWay, "the round is to measure it")
	b.drive(line, rerun)
	b.drive(line, round)
	b.drive(line, rerun)
	require.Equal(t, []int{10, 10}, b.gens.launches("a"))
	require.Equal(t, []int{10}, b.gens.launches("b"))
	require.Equal(t, 1, b.count(`audit`), "what was refused is not in it")
	b.atRest()
}

func TestRerunOfWhoCannotBeMeasured(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{with(team("a"), "")}
	line, _ := b.open()
	_, err := line.Rerun(t.Context(), again("nobody", contest.EventSearch))
	require.ErrorIs(t, err, conduct.ErrNoTeam)
	_, err = line.Rerun(t.Context(), again("a", "NOSUCH"))
	require.Error(t, err)
	_, err = line.Rerun(t.Context(), again("a", contest.EventSearch))
	require.NoError(t, err)
	require.Equal(t, contest.NoData, b.verdict("a").Status, "it has no endpoint")
	line.Teams = func(context.Context) ([]contest.Team, error) { return nil, errors.New("the Hub is away") }
	_, err = line.Rerun(t.Context(), again("a", contest.EventSearch))
	require.ErrorIs(t, err, conduct.ErrNoRoster)
	require.Equal(t, 1, b.count(`audit`))
	b.atRest()
}

// A service that puts no load on anyone looks at that team alone.
func TestRerunLooksAtOneTeam(t *testing.T) {
	t.Parallel()
	k, all := &looker{say: passedVerdict}, &looker{say: passedVerdict}
	b := lookBench(t, all)
	b.again = map[contest.ServiceKey]conduct.Measure{contest.GitMonitor: k.measure}
	line, stop := b.serve()
	id, err := line.Rerun(t.Context(), again("b", contest.CodeRepo))
	require.NoError(t, err)
	b.ended(id)
	_, err = line.Rerun(t.Context(), again("b", contest.DeployedSolution))
	require.ErrorContains(t, err, "nothing measures deployment-monitor here")
	stop()
	require.Equal(t, [][]contest.Slug{{"b"}}, k.calls())
	require.Empty(t, all.calls(), "it is no round of all")
	require.Equal(t, 1, b.count("verdicts WHERE published = 1 AND round_id = ?", id))
	b.atRest()
}
