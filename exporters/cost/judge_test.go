package cost_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func kzt(units int64) cost.Amount { return cost.Amount{Micros: units * unit, Currency: "KZT"} }
func usd(units int64) cost.Amount { return cost.Amount{Micros: units * unit, Currency: "USD"} }

func bill(provider string, amounts ...cost.Amount) cost.Bill {
	return cost.Bill{Provider: provider, Amounts: amounts}
}

func form(a cost.Amount) *cost.Entry { return &cost.Entry{Amount: a, Who: "organiser"} }

func number(v float64) *float64 { return &v }

// judged writes a verdict's findings as "outcome rule: sentence".
func judged(v contest.Verdict) string {
	var lines []string
	for _, f := range v.Findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s", f.Outcome, f.Rule, f.Sentence))
	}
	return strings.Join(lines, "\n")
}

func TestWhereTheTotalComesFrom(t *testing.T) {
	t.Parallel()
	awsDown := []cost.Trouble{{Source: "AWS", Sentence: "AWS could not be asked.", Bills: true}}
	rows := map[string]struct {
		spend    string
		entry    *cost.Entry
		bills    []cost.Bill
		trouble  []cost.Trouble
		status   contest.Status
		invalid  bool
		total    string // "-" when nothing is known
		findings string
	}{
		"MONEY_SPEND alone": {
			spend: "≈ 1 200,50", status: contest.Passed, total: "1200.5 KZT",
			findings: "passed spend: Spent ≈ 1 200.50 KZT: so MONEY_SPEND was read.",
		},
		"the form before MONEY_SPEND": {
			spend: "1 000", entry: form(kzt(2000)), status: contest.Passed, total: "2000 KZT",
			findings: "passed spend: Spent 2 000 KZT, as the form says.\n" +
				"warning spend by hand: MONEY_SPEND says 1 000 KZT, the form says 2 000 KZT: the form counts.",
		},
		"both say the same": {
			spend: "~2000 тг", entry: form(kzt(2000)), status: contest.Passed, total: "2000 KZT",
			findings: "passed spend: Spent 2 000 KZT, as the form says.",
		},
		"the same number in another currency": {
			spend: "$2000", entry: form(kzt(2000)), status: contest.Passed, total: "2000 KZT",
			findings: "passed spend: Spent 2 000 KZT, as the form says.\n" +
				"warning spend by hand: MONEY_SPEND says 2 000 USD, the form says 2 000 KZT: the form counts.",
		},
		"the form's amount names no currency": {
			entry: form(cost.Amount{Micros: 3 * unit}), status: contest.Passed, total: "3 KZT",
			findings: "passed spend: Spent 3 KZT, as the form says.",
		},
		"MONEY_SPEND is unreadable beside the form": {
			spend: "10-15k", entry: form(kzt(7)), status: contest.Passed, total: "7 KZT",
			findings: "passed spend: Spent 7 KZT, as the form says.\n" +
				"warning MONEY_SPEND: MONEY_SPEND cannot be read. The text looks like a range: write the one amount that was spent, like 1200.50 KZT.",
		},
		"MONEY_SPEND is unreadable": {
			spend: "10-15k", status: contest.NoData, total: "-",
			findings: "failed MONEY_SPEND: MONEY_SPEND cannot be read. The text looks like a range: write the one amount that was spent, like 1200.50 KZT.\n" +
				"failed spend: Nothing is known of the spend: type it into the form or into MONEY_SPEND, 0 if nothing was spent.",
		},
		"nothing at all": {
			status: contest.NoData, total: "-",
			findings: "failed spend: Nothing is known of the spend: type it into the form or into MONEY_SPEND, 0 if nothing was spent.",
		},
		"free is data": {
			spend: "бесплатно", status: contest.Passed, total: "0 KZT",
			findings: "passed spend: Spent 0 KZT: so MONEY_SPEND was read.",
		},
		"bills of two providers add up": {
			spend: "-", bills: []cost.Bill{bill("AWS", usd(10)), bill("Azure", usd(5))}, status: contest.Passed, total: "15 USD",
			findings: "passed spend: Spent 15 USD, as billed by AWS and Azure.",
		},
		"bills in different currencies do not": {
			bills: []cost.Bill{bill("AWS", usd(10)), bill("Google Cloud", kzt(5000), usd(1))}, status: contest.Passed, total: "5000 KZT",
			findings: "passed spend: Spent 5 000 KZT, as billed by AWS and Google Cloud.\n" +
				"warning currency: 11 USD more were billed in another currency: they are not part of the total.",
		},
		"bills beside an unreadable MONEY_SPEND": {
			spend: "dunno", bills: []cost.Bill{bill("AWS", usd(10))}, status: contest.Passed, total: "10 USD",
			findings: "passed spend: Spent 10 USD, as billed by AWS.\n" +
				"warning MONEY_SPEND: MONEY_SPEND cannot be read. The text holds a word that is neither a currency nor a size: write one number and its currency, like 1200.50 KZT.",
		},
		"more was billed than typed": {
			spend: "$9", bills: []cost.Bill{bill("AWS", usd(10)), bill("Azure", usd(0))}, status: contest.Passed, total: "9 USD",
			findings: "passed spend: Spent 9 USD: so MONEY_SPEND was read.\n" +
				"warning bills: AWS and Azure billed 10 USD, more than the 9 USD that were typed: what was typed counts.",
		},
		"less was billed than typed": {
			spend: "$11", bills: []cost.Bill{bill("AWS", usd(10))}, status: contest.Passed, total: "11 USD",
			findings: "passed spend: Spent 11 USD: so MONEY_SPEND was read.",
		},
		"as much was billed as typed": {
			spend: "10 USD", bills: []cost.Bill{bill("AWS", usd(10))}, status: contest.Passed, total: "10 USD",
			findings: "passed spend: Spent 10 USD: so MONEY_SPEND was read.",
		},
		"the contest's currency before one that comes first by name": {
			bills: []cost.Bill{bill("AWS", cost.Amount{Micros: 1, Currency: "EUR"}, kzt(7))}, status: contest.Passed, total: "7 KZT",
			findings: "passed spend: Spent 7 KZT, as billed by AWS.\n" +
				"warning currency: 0.000001 EUR more were billed in another currency: they are not part of the total.",
		},
		"billed in another currency than typed": {
			spend: "5000", bills: []cost.Bill{bill("AWS", usd(10))}, status: contest.Passed, total: "5000 KZT",
			findings: "passed spend: Spent 5 000 KZT: so MONEY_SPEND was read.\n" +
				"warning currency: AWS billed 10 USD, which is not compared with the 5 000 KZT that were typed.",
		},
		"a provider fails, but the spend was typed": {
			spend: "5000", trouble: awsDown, status: contest.Passed, total: "5000 KZT",
			findings: "passed spend: Spent 5 000 KZT: so MONEY_SPEND was read.\nwarning AWS: AWS could not be asked.",
		},
		"a provider fails, and nothing was typed": {
			trouble: awsDown, status: contest.NoData, invalid: true, total: "-",
			findings: "invalid AWS: AWS could not be asked.",
		},
		"a provider fails, and another has a part of the bill": {
			trouble: awsDown, bills: []cost.Bill{bill("Azure", usd(10))}, status: contest.NoData, invalid: true, total: "-",
			findings: "passed spend: Spent 10 USD, as billed by Azure.\ninvalid AWS: AWS could not be asked.",
		},
		"a provider's bills are old": {
			trouble: []cost.Trouble{{Source: "AWS", Sentence: "Old bills are used."}}, bills: []cost.Bill{bill("AWS", usd(10))},
			status: contest.Passed, total: "10 USD",
			findings: "passed spend: Spent 10 USD, as billed by AWS.\nwarning AWS: Old bills are used.",
		},
		"bills beyond all bounds": {
			bills:  []cost.Bill{bill("AWS", usd(1_000_000_000_000)), bill("Azure", usd(1))},
			status: contest.NoData, invalid: true, total: "-",
			findings: "passed spend: Spent 1 000 000 000 000 USD, as billed by AWS and Azure.\n" +
				"invalid spend: The bills sum to more than an amount can be.",
		},
		"the form holds no amount": {
			entry: form(kzt(-1)), spend: "5", status: contest.NoData, invalid: true, total: "-",
			findings: "invalid spend: The form's entry is no amount of money: type it again.",
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := cost.Judge(cost.Rules{}, cost.Round{Trouble: row.trouble, Teams: []cost.Facts{
				{Team: contest.Team{Slug: "alem", Spend: row.spend}, Entry: row.entry, Bills: row.bills},
			}})[0]
			require.Equal(t, row.status, got.Status)
			require.Equal(t, row.invalid, got.Invalid)
			require.Zero(t, got.Score, "informational")
			require.Equal(t, row.findings, judged(got))
			require.Equal(t, row.total != "-", got.Metrics["hasSpendingData"])
			if row.total != "-" {
				require.Equal(t, row.total, fmt.Sprintf("%v %v", got.Metrics["totalSpent"], got.Metrics["currency"]))
			} else {
				require.InDelta(t, 0, got.Metrics["totalSpent"], 0)
			}
		})
	}
}

func TestMetricsAsThePageReadsThem(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 8, 17, 12, 0, 0, 0, time.UTC)
	in := cost.Round{
		At: at, Link: func(team contest.Team) string { return "https://contest.example/teams/" + string(team.Slug) },
		Teams: []cost.Facts{
			{
				Team: contest.Team{Slug: "alem", HackathonID: "7", Spend: "1000"}, Entry: form(cost.Amount{Micros: 1_234_567_891}),
				Bills: []cost.Bill{bill("AWS", usd(3)), bill("Google Cloud", kzt(4), usd(5))},
				Usage: cost.Usage{CoreHours: number(12.3456), GiBHours: number(math.NaN())},
			},
			{Team: contest.Team{Slug: "empty"}, Usage: cost.Usage{GiBHours: number(math.Inf(1)), CoreHours: number(0)}},
		},
	}
	got := cost.Judge(cost.Rules{Points: 1}, in)
	require.Equal(t, []int{1, 0}, []int{got[0].Score, got[1].Score}, "points of a rule that says so")
	require.Equal(t, contest.CostTracking, got[0].Service)
	require.Equal(t, contest.BudgetTracking, got[0].Criterion)
	require.Equal(t, at, got[0].At)
	update, err := got[0].Update()
	require.NoError(t, err)
	doc, err := json.Marshal(update)
	require.NoError(t, err)
	require.JSONEq(t, `{"teamSlug":"alem","hackathonId":"7","criteriaType":"BUDGET_TRACKING","status":"PASSED","score":1,"updatedBy":"cost-tracking-service",
		"metrics":{"totalSpent":1234.57,"currency":"KZT","hasSpendingData":true,
		"breakdown":{"Form (KZT)":1234.57,"MONEY_SPEND (KZT)":1000,"AWS (USD)":3,"Google Cloud (KZT)":4,"Google Cloud (USD)":5,"CPU (core-hours)":12.35},
		"confirmationUrl":"https://contest.example/teams/alem","confirmationTitle":"Бюджет",
		"confirmationDescription":"Потрачено 1 234.567891 KZT: запись в форме"}}`, string(doc))
	doc, err = json.Marshal(got[1].Metrics)
	require.NoError(t, err)
	require.JSONEq(t, `{"totalSpent":0,"currency":"KZT","hasSpendingData":false,"breakdown":{"CPU (core-hours)":0},
		"confirmationUrl":"https://contest.example/teams/empty","confirmationTitle":"Бюджет","confirmationDescription":"Нет данных о расходах"}`, string(doc))
	in.Link = nil
	require.Empty(t, cost.Judge(cost.Rules{}, in)[0].Metrics["confirmationUrl"], "a string all the same")
}

// rank returns the scores of teams by what they typed.
func rank(points int, spends ...string) []int {
	var in cost.Round
	for i, s := range spends {
		in.Teams = append(in.Teams, cost.Facts{Team: contest.Team{Slug: contest.Slug(fmt.Sprint("team", i)), Spend: s}})
	}
	var scores []int
	for _, v := range cost.Judge(cost.Rules{Rule: cost.RuleRank, Points: points}, in) {
		scores = append(scores, v.Score)
	}
	return scores
}

func TestRank(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		spends []string
		want   []int
	}{
		"cheapest and dearest":          {[]string{"0", "100"}, []int{30, 5}},
		"halves go up":                  {[]string{"0", "50", "100"}, []int{30, 18, 5}}, // 17.5
		"fifths":                        {[]string{"100", "80", "60", "40", "20", "0"}, []int{5, 10, 15, 20, 25, 30}},
		"order does not matter":         {[]string{"60", "0", "100", "20"}, []int{15, 30, 5, 25}},
		"equal spends, equal points":    {[]string{"7", "0", "7", "14", "0"}, []int{18, 30, 18, 5, 30}},
		"all equal":                     {[]string{"7", "7 тг", "7.0"}, []int{30, 30, 30}},
		"one team":                      {[]string{"1000000"}, []int{30}},
		"without data no points":        {[]string{"", "0", "lots", "100", "-5"}, []int{0, 30, 0, 5, 0}},
		"nobody has data":               {[]string{"", "n/a"}, []int{0, 0}},
		"no points for other currency":  {[]string{"$1", "0", "100"}, []int{0, 30, 5}},
		"nothing is nothing in dollars": {[]string{"$0", "50", "100"}, []int{30, 18, 5}},
		"a hair apart":                  {[]string{"0.000001", "0", "0.000002"}, []int{18, 30, 5}},
		"as far apart as can be":        {[]string{"1000000000000", "0", "999999999999.999999"}, []int{5, 30, 5}},
	}
	for name, row := range rows {
		require.Equal(t, row.want, rank(30, row.spends...), name)
	}
	require.Equal(t, []int{60, 10}, rank(60, "0", "1"))
	require.Equal(t, []int{0, 0}, rank(0, "0", "1"))
	require.Equal(t, []int{1, 0}, rank(1, "0", "1"))
}

// The day's own formula, over whole numbers small enough for a float.
func TestRankIsTheDaysRule(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		values := make([]int, 1+random.IntN(40))
		spends := make([]string, len(values))
		for i := range values {
			values[i] = random.IntN(64)
			spends[i] = fmt.Sprint(values[i])
		}
		low, high := slices.Min(values), slices.Max(values)
		scores := rank(30, spends...)
		for i, v := range values {
			want := 30
			if high > low {
				want = int(math.Floor(30 - 25*float64(v-low)/float64(high-low) + 0.5 + 1e-9))
			}
			require.Equal(t, want, scores[i], "%d in %v", v, values)
		}
		shuffled := random.Perm(len(spends))
		again := make([]string, len(spends))
		for to, from := range shuffled {
			again[to] = spends[from]
		}
		for to, score := range rank(30, again...) {
			require.Equal(t, scores[shuffled[to]], score, "whoever is asked first")
		}
	}
}

func TestRankTellsWhy(t *testing.T) {
	t.Parallel()
	in := cost.Round{
		Trouble: []cost.Trouble{{Source: "AWS", Sentence: "AWS is down.", Bills: true}},
		Teams: []cost.Facts{
			{Team: contest.Team{Slug: "a", Spend: "1 000"}}, {Team: contest.Team{Slug: "b", Spend: "3 000"}},
			{Team: contest.Team{Slug: "c"}}, {Team: contest.Team{Slug: "d", Spend: "$4"}},
		},
	}
	got := cost.Judge(cost.Rules{Rule: cost.RuleRank, Points: 30}, in)
	require.Contains(t, judged(got[1]), "warning rank: The cheapest of the ranked teams (2) spent 1 000 KZT, the dearest 3 000 KZT: 3 000 KZT is worth 5 of 30 points."+
		" Teams left out because their spend could not be read: 1.")
	require.True(t, got[2].Invalid)
	require.Equal(t, contest.Passed, got[3].Status, "there is data")
	require.Contains(t, judged(got[3]), "warning rank: A spend in USD cannot be ranked among spends in KZT")
	finding := got[0].Findings[1]
	require.InDelta(t, 1000, finding.Value, 0)
	require.InDelta(t, 3000, finding.Bound, 0)
	require.Equal(t, "KZT", finding.Unit)
}
