package conduct_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// looker measures teams without load, and remembers whom it was asked about.
type looker struct {
	mu    sync.Mutex
	asked [][]contest.Slug
	err   error
	// say decides each team's verdict; false: the looker says nothing of it.
	say func(ctx context.Context, t contest.Team) (contest.Verdict, bool)
}

func (k *looker) measure(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	var slugs []contest.Slug
	for _, t := range teams {
		slugs = append(slugs, t.Slug)
	}
	k.mu.Lock()
	k.asked = append(k.asked, slugs)
	err := k.err
	k.mu.Unlock()
	if err != nil {
		return err
	}
	for _, t := range teams {
		if v, ok := k.say(ctx, t); ok {
			each(v)
		}
	}
	return nil
}

func (k *looker) calls() [][]contest.Slug {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

func passedVerdict(_ context.Context, t contest.Team) (contest.Verdict, bool) {
	return contest.Verdict{
		Team: t, Service: contest.GitMonitor, Criterion: contest.CodeRepo, Status: contest.Passed, Score: 1,
		Metrics: map[string]any{"commitsCount": 12}, At: time.Now(),
	}, true
}

func lookBench(t *testing.T, k *looker) *bench {
	t.Helper()
	b := newBench(t, config.Criterion{Rule: config.RuleCommits, Points: 1})
	b.teams = []contest.Team{team("a"), team("b"), {Slug: "c", Name: "without endpoint"}}
	b.measures = map[contest.ServiceKey]conduct.Measure{contest.GitMonitor: k.measure}
	return b
}

func TestLookGivesEachTeamItsVerdict(t *testing.T) {
	t.Parallel()
	k := &looker{say: passedVerdict}
	b := lookBench(t, k)
	line, _ := b.serve()
	id, err := line.Begin(t.Context(), contest.GitMonitor)
	require.NoError(t, err)
	b.ended(id)
	require.Equal(t, 3, b.count("verdicts WHERE published = 1 AND round_id = ?", id))
	require.Equal(t, 3, b.count("outbox WHERE state = 'pending'"))
	require.Zero(t, b.count("runs"), "looking puts no load on anyone")
	require.Equal(t, [][]contest.Slug{{"a", "b", "c"}}, k.calls())
	require.Eventually(t, func() bool { return b.seen.roundsEnded() == 1 }, patience, time.Millisecond)
	_, err = line.Begin(t.Context(), contest.GitMonitor)
	require.NoError(t, err, "the round has ended, so the next may begin")
}

func TestLookThatCannotMeasureOverwritesNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		looker *looker
	}{
		{"nothing could be measured", &looker{err: errors.New("no credentials")}},
		{"a team was passed over", &looker{say: func(context.Context, contest.Team) (contest.Verdict, bool) { return contest.Verdict{}, false }}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := &looker{say: passedVerdict}
			b := lookBench(t, k)
			line, _ := b.serve()
			first, err := line.Begin(t.Context(), contest.GitMonitor)
			require.NoError(t, err)
			b.ended(first)
			k.mu.Lock()
			k.err, k.say = tt.looker.err, tt.looker.say
			k.mu.Unlock()
			b.teams = append(b.teams, team("late"))
			second, err := line.Begin(t.Context(), contest.GitMonitor)
			require.NoError(t, err)
			b.ended(second)
			require.Equal(t, 4, b.count("verdicts WHERE round_id = ?", second))
			require.Equal(t, 3, b.count("outbox WHERE doc LIKE '%PASSED%'"), "the earlier results stay")
			require.Equal(t, 1, b.count("outbox WHERE slug = 'late' AND doc LIKE '%NO_DATA%'"), "a team without a result is told so")
		})
	}
}

func TestLookIsTakenUpWhereItWasLeft(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	k := &looker{say: func(ctx context.Context, tm contest.Team) (contest.Verdict, bool) {
		if tm.Slug == "b" {
			close(held)
			<-ctx.Done() // until the process ends
			return contest.Verdict{}, false
		}
		return passedVerdict(ctx, tm)
	}}
	b := lookBench(t, k)
	line, stop := b.serve()
	id, err := line.Begin(t.Context(), contest.GitMonitor)
	require.NoError(t, err)
	<-held
	stop()
	require.Equal(t, 1, b.count("verdicts"), "a was known, and a stop is nobody's failure")

	k.mu.Lock()
	k.say = passedVerdict
	k.mu.Unlock()
	b.serve()
	b.ended(id)
	require.Equal(t, 3, b.count("verdicts"))
	calls := k.calls()
	require.Equal(t, []contest.Slug{"b", "c"}, calls[len(calls)-1], "a has its verdict")
}

func TestLookOfAServiceThatNothingMeasures(t *testing.T) {
	t.Parallel()
	b := lookBench(t, &looker{say: passedVerdict})
	b.measures = nil
	line, _ := b.open()
	_, err := line.Begin(t.Context(), contest.GitMonitor)
	require.ErrorContains(t, err, "nothing measures git-monitor")
	require.Zero(t, b.count("rounds WHERE ended_at IS NULL"))
}

func TestProbesWaitForLoadAndLoadForProbes(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.gens.plan = func(contest.Launch, int) outcome { return held }
	b.teams = []contest.Team{team("a")}
	line, _ := b.serve()
	target, err := team("a").Target()
	require.NoError(t, err)

	release, ok := line.Hold(t.Context(), target)
	require.True(t, ok)
	round := b.begin(line)
	require.Len(t, b.runs(round, contest.RunPlanned), 1, "load waits for the probe")
	release()
	b.until(func() bool { return len(b.runs(round, contest.RunLaunched)) == 1 })

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, ok = line.Hold(ctx, target)
	require.False(t, ok, "the probe gives up in time")
	close(b.gens.let)
	release, ok = line.Hold(t.Context(), target)
	require.True(t, ok, "the probe waits for the load to end")
	release()
	b.ended(round)
}
