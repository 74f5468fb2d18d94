package cost

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const maxDecimal = 80 // bytes

// What an API may write for a number. It bounds the exponent too: a big.Rat
// would follow 1e999999999 until memory ends.
var apiDecimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$`)

// Tally adds a provider's rows up, per team and currency, without rounding.
type Tally struct {
	teams  map[string]contest.Slug // by tag, in the team's spelling
	folded map[string]contest.Slug // by tag in small letters; empty when two teams share it
	sums   map[contest.Slug]map[string]*big.Rat
}

// NewTally returns a tally for the given teams; rows of others are not counted.
func NewTally(teams []contest.Slug) *Tally {
	t := &Tally{teams: map[string]contest.Slug{}, folded: map[string]contest.Slug{}, sums: map[contest.Slug]map[string]*big.Rat{}}
	for _, slug := range teams {
		if _, again := t.teams[string(slug)]; again {
			continue
		}
		t.teams[string(slug)] = slug
		low := strings.ToLower(string(slug))
		if _, shared := t.folded[low]; shared {
			slug = ""
		}
		t.folded[low] = slug
	}
	return t
}

// Add counts one row. The tag names the team; capitals do not matter where that
// is clear, because some providers allow only small letters. It fails for what
// is no number or no currency, also of a row that is nobody's.
func (t *Tally) Add(tag, code, decimal string) error {
	value, ok := new(big.Rat), len(decimal) <= maxDecimal && apiDecimal.MatchString(decimal)
	if ok {
		_, ok = value.SetString(decimal)
	}
	if !ok {
		return fmt.Errorf("a row's cost is no number")
	}
	if !isCurrency(code) {
		return fmt.Errorf("a row's currency is no code of ISO 4217")
	}
	slug, ok := t.teams[tag]
	if !ok {
		slug = t.folded[strings.ToLower(tag)]
	}
	if slug == "" {
		return nil
	}
	if t.sums[slug] == nil {
		t.sums[slug] = map[string]*big.Rat{}
	}
	if sum := t.sums[slug][code]; sum != nil {
		value.Add(value, sum)
	}
	t.sums[slug][code] = value
	return nil
}

// Amounts returns the sums, each rounded once to the millionth. Refunds above
// the charges give zero: they are nothing that a team has spent. It fails when
// a sum is over 10^12.
func (t *Tally) Amounts() (map[contest.Slug][]Amount, error) {
	all := make(map[contest.Slug][]Amount, len(t.sums))
	for slug, sums := range t.sums {
		for code, sum := range sums {
			if sum.Sign() < 0 {
				sum = new(big.Rat)
			}
			value, _, ok := micros(sum)
			if !ok {
				return nil, fmt.Errorf("the bill of team %s is over 10^12 %s", slug, code)
			}
			all[slug] = append(all[slug], Amount{Micros: value, Currency: code})
		}
	}
	return all, nil
}
