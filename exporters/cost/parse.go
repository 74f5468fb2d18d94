package cost

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"
)

// ErrNothing means that the text holds no amount at all, not even a wrong one:
// it is empty, a dash, or "n/a".
var ErrNothing = errors.New("no amount is given: write 0 if nothing was spent")

// Refusal is why a text is no amount of money, as a sentence for who typed it.
// It never quotes the text: people paste odd things.
type Refusal struct{ Sentence string }

// Error returns the sentence.
func (r *Refusal) Error() string { return r.Sentence }

func refuse(format string, a ...any) error { return &Refusal{Sentence: fmt.Sprintf(format, a...)} }

const (
	maxText  = 200 // bytes; an amount with its currency is far shorter
	examples = "write one number and its currency, like 1200.50 KZT"
)

// Parse reads an amount of money as people type it: "≈ 1 200,50 ₸",
// "12 000 тенге", "$15", "10k", "1.5 млн", "free". Currency stays empty when the
// text names none.
//
// Which mark is the decimal one is decided so:
//   - spaces and apostrophes only group digits, in threes: "12 000", "12'000";
//   - of "." and "," the one that comes last is the decimal mark and the other
//     groups: "1.200,50" and "1,200.50" are the same;
//   - a mark that comes more than once groups: "1,200,000";
//   - a mark that comes once groups when one to three digits that do not start
//     with a zero stand before it and exactly three behind ("1,200" and "1.200"
//     are twelve hundred), unless a word of size follows ("1.500 млн" is one and a half million);
//   - otherwise it is the decimal mark: "1200,5", "0,500".
//
// The error is [ErrNothing] for a text without an amount, else a [*Refusal]: for
// a range, a second number, a negative or absurd amount, an unknown word or sign.
func Parse(text string) (Amount, error) {
	if len(text) > maxText {
		return Amount{}, refuse("The text is longer than an amount of money can be: %s.", examples)
	}
	if !utf8.ValidString(text) {
		return Amount{}, refuse("The text is not readable (it is no UTF-8): %s.", examples)
	}
	if nothing(plainText(text)) {
		return Amount{}, ErrNothing
	}
	tokens, err := lex(text)
	if err != nil {
		return Amount{}, err
	}
	r := reading{}
	for _, t := range tokens {
		if err := r.take(t); err != nil {
			return Amount{}, err
		}
	}
	return r.amount()
}

// reading is what has been understood of a text so far.
type reading struct {
	number      string // as typed, marks included
	free        bool   // a word that means zero
	dash        bool   // one stands before what comes next
	negative    bool
	approximate bool
	size        int64 // 1,000 for "k"; zero when no size was named
	currency    string
}

// take understands one token more.
func (r *reading) take(t token) error {
	switch t.kind {
	case tokenNumber:
		if r.number != "" && r.dash {
			return refuse("The text looks like a range: write the one amount that was spent, like 1200.50 KZT.")
		}
		if r.number != "" || r.free {
			return refuse("The text holds more than one amount: %s.", examples)
		}
		r.number, r.negative, r.dash = t.text, r.dash, false
	case tokenSize:
		if r.number == "" || r.size != 0 {
			return refuse("A size like \"k\" or \"млн\" belongs right behind the number: %s.", examples)
		}
		r.size = t.size
	case tokenCurrency:
		if r.currency != "" && r.currency != t.text {
			return refuse("The text names two currencies, %s and %s: %s.", r.currency, t.text, examples)
		}
		r.currency = t.text
	case tokenAbout:
		r.approximate = true
	case tokenFree:
		if r.number != "" {
			return refuse("The text holds more than one amount: %s.", examples)
		}
		r.free = true
	case tokenDash:
		r.dash = true
	}
	return nil
}

// amount puts together what was read.
func (r *reading) amount() (Amount, error) {
	if r.free && !r.dash {
		return Amount{Currency: r.currency, Approximate: r.approximate}, nil
	}
	if r.number == "" || r.dash {
		return Amount{}, refuse("The text holds no number, or a dash that belongs to none: %s.", examples)
	}
	plain, err := plainNumber(r.number, r.size != 0)
	if err != nil {
		return Amount{}, err
	}
	exact, ok := new(big.Rat).SetString(plain)
	if !ok {
		return Amount{}, refuse("The number is not readable: %s.", examples)
	}
	exact.Mul(exact, new(big.Rat).SetInt64(max(1, r.size)))
	if r.negative && exact.Sign() != 0 {
		return Amount{}, refuse("The amount is below zero: a spend is zero or more.")
	}
	value, rounded, ok := micros(exact)
	if !ok {
		return Amount{}, refuse("The amount is over 10^12, more than any contest costs: %s.", examples)
	}
	return Amount{Micros: value, Currency: r.currency, Approximate: r.approximate || rounded}, nil
}

// plainNumber turns a number with grouping into one with a decimal point at
// most, by the rules at [Parse].
func plainNumber(typed string, sized bool) (string, error) {
	typed = strings.Map(func(c rune) rune {
		if c == '\'' || c == '’' || c == '_' {
			return ' '
		}
		return c
	}, typed)
	mark := decimalMark(typed, sized)
	whole, fraction := typed, ""
	if mark != "" {
		whole, fraction, _ = strings.Cut(typed, mark)
	}
	groups := strings.FieldsFunc(whole, isGroupMark)
	if !grouping(whole, groups) || strings.ContainsFunc(fraction, isGroupMark) {
		return "", refuse("The digits are not in groups of three, so it could be more than one number: %s.", examples)
	}
	return "0" + strings.Join(groups, "") + "." + fraction + "0", nil
}

func isGroupMark(c rune) bool { return c == ' ' || c == '.' || c == ',' }

// grouping reports whether whole is digits alone, or groups of three with one
// and the same mark between them.
func grouping(whole string, groups []string) bool {
	if whole == "" { // ".50"
		return true
	}
	if len(groups) == 0 || len(groups) > 1 && len(groups[0]) > 3 {
		return false
	}
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return false
		}
	}
	for _, mark := range []string{" ", ".", ","} {
		if whole == strings.Join(groups, mark) {
			return true
		}
	}
	return false
}

// decimalMark returns the mark between the whole and the fraction; empty when
// all digits belong to the whole.
func decimalMark(typed string, sized bool) string {
	last := strings.LastIndexAny(typed, ".,")
	if last < 0 {
		return ""
	}
	mark, other := typed[last:last+1], "."
	if mark == "." {
		other = ","
	}
	switch {
	case strings.Contains(typed, other):
		if strings.Count(typed, mark) > 1 {
			return "" // 1.2,3.4: no grouping fits, which is told
		}
		return mark
	case strings.Count(typed, mark) > 1:
		return ""
	case sized:
		return mark
	}
	before, behind := typed[:last], typed[last+1:]
	if len(behind) == 3 && len(before) >= 1 && len(before) <= 3 && before[0] != '0' {
		return ""
	}
	return mark
}
