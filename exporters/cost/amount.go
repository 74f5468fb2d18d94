package cost

import (
	"cmp"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
)

const (
	scale    = 1_000_000               // an amount's smallest part: a millionth of its currency
	mostUnit = 1_000_000_000_000       // no contest costs more than a million millions
	most     = int64(mostUnit) * scale // in micros; fits an int64 with room for a few more
	decimals = 6                       // of scale
)

// Amount is an amount of money, exact to the millionth of its currency.
type Amount struct {
	Micros      int64  `json:"micros"`                // millionths of the currency's unit, 0 to 10^18
	Currency    string `json:"currency"`              // ISO 4217, for example KZT; empty when none was named
	Approximate bool   `json:"approximate,omitempty"` // the writer said "about", or more decimals were cut
}

// Valid reports whether a is between zero and 10^12 in a known currency.
func (a Amount) Valid() bool {
	return a.Micros >= 0 && a.Micros <= most && isCurrency(a.Currency)
}

// Or returns a in the given currency when it names none itself.
func (a Amount) Or(code string) Amount {
	a.Currency = cmp.Or(a.Currency, code)
	return a
}

// Number returns the amount as a JSON number holds it: 1200.5. Up to 15 digits
// it is exact.
func (a Amount) Number() float64 {
	v, _ := new(big.Rat).SetFrac64(a.Micros, scale).Float64()
	return v
}

// String writes the amount for people: "≈ 1 200.50 KZT".
func (a Amount) String() string {
	sign, micros := "", uint64(a.Micros)
	if a.Micros < 0 {
		sign, micros = "-", -micros
	}
	text := sign + grouped(strconv.FormatUint(micros/scale, 10))
	if part := strings.TrimRight(fmt.Sprintf("%0*d", decimals, micros%scale), "0"); part != "" {
		switch len(part) {
		case 1, 3: // "1.5" is no money, "1.500" would be read as fifteen hundred
			part += "0"
		}
		text += "." + part
	}
	if a.Approximate {
		text = "≈ " + text
	}
	return strings.TrimSuffix(text+" "+a.Currency, " ")
}

// grouped separates thousands with spaces.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

// isCurrency reports whether code is an ISO 4217 code in capitals.
func isCurrency(code string) bool {
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code && code != "XXX" && code != "XTS"
}

// micros turns an exact number into an amount's micros. It rounds what is
// smaller, half away from zero, and says whether it did. ok is false for what
// is below zero or above 10^12.
func micros(exact *big.Rat) (value int64, rounded, ok bool) {
	if exact.Sign() < 0 || exact.Cmp(new(big.Rat).SetInt64(mostUnit)) > 0 {
		return 0, false, false
	}
	scaled := new(big.Rat).Mul(exact, new(big.Rat).SetInt64(scale))
	if scaled.IsInt() {
		return scaled.Num().Int64(), false, true
	}
	doubled := new(big.Int).Lsh(scaled.Num(), 1) // floor((2n + d) / 2d)
	doubled.Add(doubled, scaled.Denom())
	return doubled.Quo(doubled, new(big.Int).Lsh(scaled.Denom(), 1)).Int64(), true, true
}
