package cost_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func secretly(slug contest.Slug, spend string) cost.Facts {
	return cost.Facts{Team: contest.Team{Slug: slug, Spend: spend, Secure: []string{contest.SecureSpend}}}
}

func openly(slug contest.Slug, spend string) cost.Facts {
	return cost.Facts{Team: contest.Team{Slug: slug, Spend: spend}}
}

// TestSecretSpendCountsUntold ranks spends that are secret, and looks for them in
// what anybody is told.
func TestSecretSpendCountsUntold(t *testing.T) {
	t.Parallel()
	with := func(f cost.Facts, change func(*cost.Facts)) cost.Facts { change(&f); return f }
	for name, row := range map[string]struct {
		teams  []cost.Facts
		scores []int
		first  string // findings on the first team
	}{
		"the cheapest and the dearest": {
			teams: []cost.Facts{secretly("a", "717171"), openly("b", "800000"), secretly("c", "919191 KZT")}, scores: []int{30, 20, 5},
			first: "passed spend: Spent <secret>: so MONEY_SPEND was read.\n" +
				"passed rank: The cheapest of the ranked teams (3) spent <secret>, the dearest <secret>: <secret> is worth 30 of 30 points.",
		},
		"between two that are not": {
			teams: []cost.Facts{secretly("a", "717171"), openly("b", "0"), openly("c", "1000000")}, scores: []int{12, 30, 5},
			first: "passed spend: Spent <secret>: so MONEY_SPEND was read.\n" +
				"passed rank: The cheapest of the ranked teams (3) spent 0 KZT, the dearest 1 000 000 KZT: <secret> is worth 12 of 30 points.",
		},
		"in another currency": {
			teams: []cost.Facts{secretly("a", "717171 USD")}, scores: []int{0},
			first: "passed spend: Spent <secret>: so MONEY_SPEND was read.\nwarning rank: A spend in another currency cannot be ranked among spends in KZT, " +
				"and no rate of exchange is assumed: give it in KZT for points.",
		},
		"beside a form that says otherwise": {
			teams: []cost.Facts{with(secretly("a", "717171"), func(f *cost.Facts) { f.Entry = form(kzt(5)) })}, scores: []int{30},
			first: "passed spend: Spent 5 KZT, as the form says.\n" +
				"warning spend by hand: MONEY_SPEND, which the team keeps secret, differs from the form: the form counts.\n" +
				"passed rank: The cheapest of the ranked teams (1) spent 5 KZT, the dearest 5 KZT: 5 KZT is worth 30 of 30 points.",
		},
		"below what was billed": {
			teams: []cost.Facts{with(secretly("a", "717171"), func(f *cost.Facts) { f.Bills = []cost.Bill{bill("AWS", kzt(5_000_000))} })}, scores: []int{30},
			first: "passed spend: Spent <secret>: so MONEY_SPEND was read.\n" +
				"passed rank: The cheapest of the ranked teams (1) spent <secret>, the dearest <secret>: <secret> is worth 30 of 30 points.",
		},
		"that cannot be read": {
			teams: []cost.Facts{secretly("a", "717171 USD EUR")}, scores: []int{0},
			first: "failed MONEY_SPEND: MONEY_SPEND cannot be read. It is kept secret, and so is why: write one number and its currency, like 1200.50 KZT.\n" +
				"failed spend: Nothing is known of the spend: type it into the form or into MONEY_SPEND, 0 if nothing was spent.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdicts := cost.Judge(cost.Rules{Rule: cost.RuleRank, Points: 30}, cost.Round{Teams: row.teams})
			require.Equal(t, row.first, judged(verdicts[0]))
			for i, v := range verdicts {
				require.Equal(t, row.scores[i], v.Score, v.Team.Slug)
				v.Team = v.Team.Shown()
				told, err := json.Marshal(v)
				require.NoError(t, err)
				for _, secret := range []string{"717171", "717 171", "919191", "919 191"} {
					require.NotContains(t, strings.ReplaceAll(string(told), "\u00a0", " "), secret)
				}
			}
		})
	}
}

// A zero that stands for an unknown sum must not be read as one.
func TestSecretSpendIsNotShownAsNothing(t *testing.T) {
	t.Parallel()
	v := cost.Judge(cost.Rules{Points: 1}, cost.Round{Teams: []cost.Facts{secretly("a", "717171")}})[0]
	require.Equal(t, contest.Passed, v.Status)
	require.Equal(t, false, v.Metrics["hasSpendingData"])
	require.Equal(t, "", v.Metrics["currency"])
	require.Empty(t, v.Metrics["breakdown"])
	require.Equal(t, "Сумма скрыта: команда пометила MONEY_SPEND как секрет", v.Metrics["confirmationDescription"])
}

// An end of the span that an open spend shares is no secret.
func TestSharedEndIsShown(t *testing.T) {
	t.Parallel()
	for _, order := range [][]cost.Facts{
		{secretly("a", "100"), openly("b", "100"), openly("c", "900")}, {openly("b", "100"), secretly("a", "100"), openly("c", "900")},
	} {
		v := cost.Judge(cost.Rules{Rule: cost.RuleRank, Points: 30}, cost.Round{Teams: order})[2]
		require.Contains(t, judged(v), "spent 100 KZT, the dearest 900 KZT: 900 KZT is worth 5")
	}
}
