package cost

import (
	"fmt"
	"math/big"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ladder is the span of all spends that are ranked, and what its ends are worth.
type ladder struct {
	points            int
	cheapest, dearest end
	teams             int
	missing           int // teams whose spend a failed source kept from us
}

// end is an end of the span. It is hidden where only secret spends are there.
type end struct {
	Amount
	hidden bool
}

// meet moves the end to a spend that is beyond it, and shows it where a spend
// that may be shown is there too.
func (e *end) meet(a Amount, beyond, hidden bool) {
	switch {
	case beyond:
		*e = end{a, hidden}
	case a.Micros == e.Micros:
		e.hidden = e.hidden && hidden
	}
}

// public returns the end as people may see it, and in words.
func (e end) public() (Amount, string) {
	shown := spend{total: e.Amount, hidden: e.hidden}
	return shown.public()
}

// ranked reports whether a spend can be compared with those of others: nothing
// is nothing in any currency.
func ranked(code string, s spend) bool {
	return s.known() && (s.total.Currency == code || s.total.Micros == 0)
}

// newLadder looks at all spends before any is scored.
func newLadder(rules Rules, spends []spend) ladder {
	l := ladder{points: rules.Points}
	for _, s := range spends {
		if s.invalid {
			l.missing++
		}
		if !ranked(rules.Currency, s) {
			continue
		}
		a := Amount{Micros: s.total.Micros, Currency: rules.Currency}
		l.cheapest.meet(a, l.teams == 0 || a.Micros < l.cheapest.Micros, s.hidden)
		l.dearest.meet(a, l.teams == 0 || a.Micros > l.dearest.Micros, s.hidden)
		l.teams++
	}
	return l
}

// score is round(points − 5/6 × points × share of the way from the cheapest to
// the dearest), halves up: with 30 points round(30 − 25 × share). It is exact.
func (l ladder) score(micros int64) int {
	span := big.NewInt(l.dearest.Micros - l.cheapest.Micros)
	if span.Sign() == 0 {
		return l.points
	}
	// (6·span − 5·way) · points / (6·span), rounded as floor((2·a + b) / 2·b).
	b := new(big.Int).Mul(big.NewInt(6), span)
	a := new(big.Int).Mul(big.NewInt(5), big.NewInt(micros-l.cheapest.Micros))
	a.Sub(b, a).Mul(a, big.NewInt(int64(l.points)))
	a.Lsh(a, 1).Add(a, b)
	return int(a.Div(a, b.Lsh(b, 1)).Int64())
}

func (l ladder) finding(s *spend, score int) contest.Finding {
	outcome, without := contest.OutcomePassed, ""
	if l.missing > 0 {
		outcome, without = contest.OutcomeWarning, fmt.Sprintf(" Teams left out because their spend could not be read: %d.", l.missing)
	}
	total, words := s.public()
	_, cheapest := l.cheapest.public()
	bound, dearest := l.dearest.public()
	return contest.Finding{
		Rule: RuleRank, Outcome: outcome, Value: total.Number(), Bound: bound.Number(), Op: "<=", Unit: l.dearest.Currency,
		Sentence: fmt.Sprintf("The cheapest of the ranked teams (%d) spent %s, the dearest %s: %s is worth %d of %d points.%s",
			l.teams, cheapest, dearest, words, score, l.points, without),
	}
}
