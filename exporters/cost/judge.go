package cost

import (
	"cmp"
	"fmt"
	"math"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Judge gives each team's verdict, in the order of in.Teams. It is pure: the
// same round gives the same verdicts.
//
// A team without data gets NO_DATA and no points. Under [RuleRank] the cheapest
// team gets all points, the dearest a sixth, those between a share by what they
// spent; equal spends get equal points, and all points when all are equal. A
// spend in another currency than the contest's is not ranked, unless it is zero.
func Judge(rules Rules, in Round) []contest.Verdict {
	_, verdicts := judge(rules, in)
	return verdicts
}

func judge(rules Rules, in Round) ([]spend, []contest.Verdict) {
	rules.Rule = cmp.Or(rules.Rule, RuleInformational)
	rules.Currency = cmp.Or(rules.Currency, "KZT")
	spends := make([]spend, len(in.Teams))
	for i, f := range in.Teams {
		spends[i] = spendOf(rules.Currency, f, in.Trouble)
	}
	scores := points(rules, spends)
	verdicts := make([]contest.Verdict, len(in.Teams))
	for i, f := range in.Teams {
		s := &spends[i]
		for _, t := range in.Trouble {
			outcome := contest.OutcomeWarning
			if t.Bills && s.invalid {
				outcome = contest.OutcomeInvalid
			}
			s.say(t.Source, outcome, Amount{}, t.Sentence)
		}
		verdicts[i] = contest.Verdict{
			Team: f.Team, Service: contest.CostTracking, Criterion: contest.BudgetTracking,
			Status: contest.NoData, Metrics: metrics(in, f, *s), Findings: s.findings, At: in.At, Invalid: s.invalid,
		}
		if s.known() {
			verdicts[i].Status, verdicts[i].Score = contest.Passed, scores[i]
		}
	}
	return spends, verdicts
}

// points returns each spend's score, and adds to it how it came about.
func points(rules Rules, spends []spend) []int {
	scores := make([]int, len(spends))
	if rules.Rule != RuleRank {
		for i := range scores {
			scores[i] = rules.Points
		}
		return scores
	}
	steps := newLadder(rules, spends)
	for i := range spends {
		s := &spends[i]
		switch {
		case !s.known():
		case !ranked(rules.Currency, *s):
			shown, _ := s.public()
			s.say("rank", contest.OutcomeWarning, shown, fmt.Sprintf(
				"A spend in %s cannot be ranked among spends in %s, and no rate of exchange is assumed: give it in %s for points.",
				cmp.Or(shown.Currency, "another currency"), rules.Currency, rules.Currency))
		default:
			scores[i] = steps.score(s.total.Micros)
			s.findings = append(s.findings, steps.finding(s, scores[i]))
		}
	}
	return scores
}

// metrics builds exactly what the Hub's results page reads.
func metrics(in Round, f Facts, s spend) map[string]any {
	m := map[string]any{
		"totalSpent": 0.0, "currency": s.total.Currency, "hasSpendingData": s.known(), "breakdown": withUsage(s.parts, f.Usage),
		"confirmationUrl": "", "confirmationTitle": "Бюджет", "confirmationDescription": "Нет данных о расходах",
	}
	if in.Link != nil {
		m["confirmationUrl"] = in.Link(f.Team)
	}
	switch {
	case !s.known():
		return m
	case s.hidden: // a zero that is no spend must not be shown as one
		m["currency"], m["hasSpendingData"] = "", false
		m["confirmationDescription"] = "Сумма скрыта: команда пометила MONEY_SPEND как секрет"
		return m
	}
	m["totalSpent"] = cents(s.total.Micros)
	m["confirmationDescription"] = "Потрачено " + s.total.String() + map[Source]string{
		SourceForm: ": запись в форме", SourceEnvironment: ": значение MONEY_SPEND", SourceBills: ": счета облачных провайдеров",
	}[s.source]
	return m
}

// withUsage adds what was used to the money of all sources and currencies, each
// under a name that ends in its unit.
func withUsage(parts map[string]any, used Usage) map[string]any {
	put := func(name string, v *float64) {
		if v != nil && !math.IsNaN(*v) && !math.IsInf(*v, 0) {
			parts[name] = math.Round(*v*100) / 100
		}
	}
	put("CPU (core-hours)", used.CoreHours)
	put("Memory (GiB-hours)", used.GiBHours)
	return parts
}

// cents rounds to the hundredth: the page prints all digits that it is given.
func cents(micros int64) float64 { return float64((micros+scale/200)/(scale/100)) / 100 }
