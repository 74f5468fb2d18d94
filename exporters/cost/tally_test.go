package cost_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestTally(t *testing.T) {
	t.Parallel()
	tally := cost.NewTally([]contest.Slug{"alem", "Team_1", "A", "a", "alem"})
	for _, row := range [][3]string{
		{"alem", "USD", "0.1"}, {"alem", "USD", "0.2"}, {"ALEM", "USD", "1e-7"}, {"alem", "EUR", "4"},
		{"team_1", "USD", "3"}, {"Team_1", "USD", "-5.25"},
		{"A", "USD", "1"}, {"a", "USD", "2"}, {"", "USD", "100"}, {"stranger", "USD", "100"},
	} {
		require.NoError(t, tally.Add(row[0], row[1], row[2]))
	}
	got, err := tally.Amounts()
	require.NoError(t, err)
	slices.SortFunc(got["alem"], func(a, b cost.Amount) int { return strings.Compare(a.Currency, b.Currency) })
	require.Equal(t, map[contest.Slug][]cost.Amount{
		"alem":   {{Micros: 4_000_000, Currency: "EUR"}, {Micros: 300_000, Currency: "USD"}},
		"Team_1": {{Micros: 0, Currency: "USD"}},
		"A":      {{Micros: unit, Currency: "USD"}}, "a": {{Micros: 2 * unit, Currency: "USD"}},
	}, got)

	shared := cost.NewTally([]contest.Slug{"Ab", "aB"})
	require.NoError(t, shared.Add("ab", "USD", "1"))
	got, err = shared.Amounts()
	require.NoError(t, err)
	require.Empty(t, got, "it is not clear whose it is")
}

func TestTallyRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range [][2]string{
		{"USD", ""}, {"USD", "1/3"}, {"USD", "1e999"}, {"USD", "NaN"}, {"USD", "0x10"}, {"USD", " 1"}, {"USD", "1,5"}, {"USD", "1_000"}, {"USD", "+1"}, {"USD", strings.Repeat("1", 81)},
		{"", "1"}, {"usd", "1"}, {"$", "1"},
	} {
		require.Error(t, cost.NewTally(nil).Add("stranger", bad[0], bad[1]), "%v", bad)
	}
	tally := cost.NewTally([]contest.Slug{"alem"})
	require.NoError(t, tally.Add("alem", "USD", "1e99"))
	_, err := tally.Amounts()
	require.ErrorContains(t, err, "over 10^12")
}

func FuzzTally(f *testing.F) {
	f.Add("alem", "USD", "1.5")
	f.Add("", "", "-1e-99")
	f.Fuzz(func(t *testing.T, tag, code, decimal string) {
		tally := cost.NewTally([]contest.Slug{"alem", "Team_1"})
		if tally.Add(tag, code, decimal) != nil {
			return
		}
		got, err := tally.Amounts()
		if err != nil {
			return
		}
		for slug, amounts := range got {
			require.Contains(t, []contest.Slug{"alem", "Team_1"}, slug)
			for _, a := range amounts {
				require.True(t, a.Valid())
			}
		}
	})
}

func ExampleParse() {
	for _, typed := range []string{"≈ 1 200,50 ₸", "$1,200.50", "1.5 млн", "бесплатно", "10-15k"} {
		amount, err := cost.Parse(typed)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(amount.Or("KZT"))
	}
	// Output:
	// ≈ 1 200.50 KZT
	// 1 200.50 USD
	// 1 500 000 KZT
	// 0 KZT
	// The text looks like a range: write the one amount that was spent, like 1200.50 KZT.
}

func ExampleJudge() {
	teams := []cost.Facts{
		{Team: contest.Team{Slug: "alem", Spend: "12 000 тенге"}},
		{Team: contest.Team{Slug: "oyu", Spend: "free"}},
		{Team: contest.Team{Slug: "zulu"}},
	}
	for _, v := range cost.Judge(cost.Rules{Rule: cost.RuleRank, Points: 30}, cost.Round{Teams: teams}) {
		fmt.Println(v.Team.Slug, v.Status, v.Score)
	}
	// Output:
	// alem PASSED 5
	// oyu PASSED 30
	// zulu NO_DATA 0
}
