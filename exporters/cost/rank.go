package cost

import (
	"fmt"
	"math/big"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ladder is the span of all spends that are ranked, and what its ends are worth.
type ladder struct {
	points            int
	cheapest, dearest Amount
	teams             int
	missing           int // teams whose spend a failed source kept from us
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
		if l.teams == 0 || a.Micros < l.cheapest.Micros {
			l.cheapest = a
		}
		if l.teams == 0 || a.Micros > l.dearest.Micros {
			l.dearest = a
		}
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

func (l ladder) finding(total Amount, score int) contest.Finding {
	outcome, without := contest.OutcomePassed, ""
	if l.missing > 0 {
		outcome, without = contest.OutcomeWarning, fmt.Sprintf(" Teams left out because their spend could not be read: %d.", l.missing)
	}
	return contest.Finding{
		Rule: RuleRank, Outcome: outcome, Value: total.Number(), Bound: l.dearest.Number(), Op: "<=", Unit: l.dearest.Currency,
		Sentence: fmt.Sprintf("The cheapest of the ranked teams (%d) spent %s, the dearest %s: %s is worth %d of %d points.%s",
			l.teams, l.cheapest, l.dearest, total, score, l.points, without),
	}
}
