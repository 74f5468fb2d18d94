package conduct_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// spenders is a contest of four teams that are ranked by what they spent.
func spenders(t *testing.T, look func(conduct.Measure) conduct.Measure) *bench {
	t.Helper()
	b := newBench(t, config.Criterion{Rule: config.RuleRank, Points: 30})
	for slug, spend := range map[string]string{"a": "1000 KZT", "b": "2000 KZT", "c": "3000 KZT", "d": "4000 KZT"} {
		spender := team(slug)
		spender.Spend = spend
		b.teams = append(b.teams, spender)
	}
	x, err := cost.New(cost.Config{Rules: cost.Rules{Rule: cost.RuleRank, Points: 30}})
	require.NoError(t, err)
	b.measures = map[contest.ServiceKey]conduct.Measure{contest.CostTracking: look(x.Measure)}
	return b
}

// scores are what the verdicts in force give each team.
func (b *bench) scores() map[contest.Slug]int {
	b.t.Helper()
	verdicts, err := b.store.Verdicts(b.t.Context())
	require.NoError(b.t, err)
	scores := map[contest.Slug]int{}
	for _, v := range verdicts {
		scores[v.Team.Slug] = v.Score
	}
	return scores
}

// A round of comparisons that is killed after each number of verdicts gives in
// the end what it would have given at once.
func TestComparisonsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	whole := spenders(t, func(m conduct.Measure) conduct.Measure { return m })
	line, _ := whole.serve()
	id, err := line.Begin(t.Context(), contest.CostTracking)
	require.NoError(t, err)
	whole.ended(id)
	want := whole.scores()
	require.Len(t, want, 4)
	require.Equal(t, 30, want["a"])
	require.Less(t, want["d"], want["c"])

	for _, told := range []int{1, 2, 3} {
		reached := make(chan struct{})
		var once sync.Once
		b := spenders(t, func(m conduct.Measure) conduct.Measure {
			return func(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
				left := told
				return m(ctx, teams, func(v contest.Verdict) {
					if left == 0 {
						once.Do(func() {
							close(reached)
							<-ctx.Done() // until the process ends
						})
					}
					each(v)
					left--
				})
			}
		})
		line, stop := b.serve()
		id, err := line.Begin(t.Context(), contest.CostTracking)
		require.NoError(t, err)
		<-reached
		stop()
		require.Equal(t, told, b.count("verdicts"), "the others are not told before the next process")
		b.serve()
		b.ended(id)
		require.Equal(t, want, b.scores(), "after %d teams", told)
		require.Equal(t, 4, b.count("verdicts"), "nobody is told twice")
	}
}

// A team that is measured again alone stands among all others.
func TestRerunComparesWithAll(t *testing.T) {
	t.Parallel()
	b := spenders(t, func(m conduct.Measure) conduct.Measure { return m })
	line, _ := b.serve()
	id, err := line.Begin(t.Context(), contest.CostTracking)
	require.NoError(t, err)
	b.ended(id)
	want := b.scores()
	for _, slug := range []contest.Slug{"d", "a"} {
		id, err := line.Rerun(t.Context(), again(slug, contest.BudgetTracking))
		require.NoError(t, err)
		b.ended(id)
		require.Equal(t, 1, b.count("verdicts WHERE round_id = ?", id), "of that team alone")
		require.Equal(t, want, b.scores())
	}
}
