package conduct_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestCancelledRunEndsItsClimbWithoutAVerdict(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20))
	b.limits.Targets = 1
	b.teams = []contest.Team{team("first"), team("second")}
	b.gens.plan = func(l contest.Launch, _ int) outcome {
		if l.Team == "first" {
			return held
		}
		return pass
	}
	line, _ := b.open()
	round := b.begin(line)
	leased, planned := b.runs(round, contest.RunLeased)[0], b.runs(round, contest.RunPlanned)[0]
	_, err := line.Advance(t.Context(), leased.ID)
	require.NoError(t, err)
	require.Len(t, b.runs(round, contest.RunLaunched), 1)

	got, err := line.Cancel(t.Context(), string(leased.ID), "Aigerim", "the team asked for it")
	require.NoError(t, err)
	require.Equal(t, contest.RunCancelled, got.State)
	left, err := b.gens.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, left, "its load goes on")
	require.Equal(t, planned.ID, b.runs(round, contest.RunLeased)[0].ID, "the next run has its place")
	_, err = line.Cancel(t.Context(), string(leased.ID), "Aigerim", "again")
	require.ErrorIs(t, err, conduct.ErrFinal)
	again, err := line.Advance(t.Context(), leased.ID)
	require.NoError(t, err)
	require.Zero(t, again, "nothing follows")

	b.drive(line, round)
	open, err := b.store.OpenClimbs(t.Context(), round)
	require.NoError(t, err)
	require.Zero(t, open)
	_, told := b.outbox(leased.Team.Slug)
	require.False(t, told)
	_, told = b.outbox(planned.Team.Slug)
	require.True(t, told)
	trail, err := b.store.AuditTrail(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, trail, 1)
	require.Equal(t, "Aigerim", trail[0].Who)
	require.Equal(t, "the team asked for it", trail[0].Why)
}

func TestStopAllLeavesNoLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.limits.Targets = 2
	b.teams = []contest.Team{team("one"), team("two"), team("three"), team("four")}
	b.gens.plan = func(contest.Launch, int) outcome { return held }
	line, _ := b.open()
	round := b.begin(line)
	_, err := line.Advance(t.Context(), b.runs(round, contest.RunLeased)[0].ID)
	require.NoError(t, err)
	stopped, err := line.StopAll(t.Context(), "Aigerim", "smoke in the hall")
	require.NoError(t, err)
	require.Equal(t, 4, stopped)
	require.Zero(t, b.count(`leases`))
	require.Zero(t, b.count(`rounds WHERE ended_at IS NULL`))
	require.Equal(t, 4, b.count(`runs WHERE state = 'cancelled'`))
	require.Equal(t, 1, b.seen.roundsEnded())
}

func TestOverrideStandsUntilItIsLifted(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("good")}
	line, _ := b.open()
	b.drive(line, b.begin(line))
	measured := b.verdict("good")
	require.Equal(t, contest.Passed, measured.Status)

	o := conduct.Override{Team: "good", Criterion: contest.EventSearch, Status: contest.Failed, Who: "Aigerim", Why: "answers were hard-coded"}
	require.NoError(t, line.Override(t.Context(), o))
	b.requireTold(t, contest.Failed, 0)
	require.Equal(t, measured.Metrics["p95"], b.verdict("good").Metrics["p95"], "what was measured is a fact")

	b.drive(line, b.begin(line))
	b.requireTold(t, contest.Failed, 0)
	require.Equal(t, 2, b.count(`verdicts WHERE json_extract(doc, '$.status') = 'PASSED'`), "measured all the same")

	require.NoError(t, line.Lift(t.Context(), "good", contest.EventSearch, store.AuditEntry{Who: "Aigerim", Why: "it was a mistake"}))
	b.requireTold(t, contest.Passed, measured.Score)
	require.ErrorIs(t, line.Lift(t.Context(), "good", contest.EventSearch, store.AuditEntry{Who: "Aigerim"}), store.ErrNotFound)

	o.Team = "nobody"
	require.ErrorIs(t, line.Override(t.Context(), o), conduct.ErrNoTeam)
	trail, err := b.store.AuditTrail(context.Background(), 10)
	require.NoError(t, err)
	require.Len(t, trail, 2, "what did not happen is not in it")
	require.Equal(t, "lift override", trail[0].What)
}

// requireTold checks what pages and the Hub are told of the good team.
func (b *bench) requireTold(t *testing.T, status contest.Status, score int) {
	t.Helper()
	v := b.verdict("good")
	require.Equal(t, status, v.Status)
	require.Equal(t, score, v.Score)
	row, told := b.outbox("good")
	require.True(t, told)
	require.Equal(t, status, row.Update.Status)
	require.Equal(t, score, row.Update.Score)
}
