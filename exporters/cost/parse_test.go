package cost_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/cost"
)

const unit = 1_000_000

func TestParse(t *testing.T) {
	t.Parallel()
	rows := []struct {
		text, currency string
		micros         int64
		about          bool
	}{
		{"0", "", 0, false},
		{"-0", "", 0, false},
		{"15", "", 15 * unit, false},
		{"+15", "", 15 * unit, false},
		{"  15\n", "", 15 * unit, false},
		{"00012", "", 12 * unit, false},
		{"15.", "", 15 * unit, false},
		{".5", "", unit / 2, false},
		{",25", "", unit / 4, false},
		{"1000000000000", "", 1_000_000_000_000 * unit, false},
		{"0.000001", "", 1, false},
		{"1.23456789", "", 1_234_568, true},
		{"0.0000005", "", 1, true},
		{"0.0000004", "", 0, true},

		// currencies, before and behind
		{"$15", "USD", 15 * unit, false},
		{"15$", "USD", 15 * unit, false},
		{"US$ 15", "USD", 15 * unit, false},
		{"15 USD", "USD", 15 * unit, false},
		{"usd 15", "USD", 15 * unit, false},
		{"$15 USD", "USD", 15 * unit, false},
		{"15 долларов", "USD", 15 * unit, false},
		{"15 dollars", "USD", 15 * unit, false},
		{"12 000 тенге", "KZT", 12_000 * unit, false},
		{"12000тг", "KZT", 12_000 * unit, false},
		{"12000 тг.", "KZT", 12_000 * unit, false},
		{"KZT 12'000", "KZT", 12_000 * unit, false},
		{"₸12_000", "KZT", 12_000 * unit, false},
		{"12 000 ТЕНГЕ", "KZT", 12_000 * unit, false},
		{"12 500 теңге", "KZT", 12_500 * unit, false},
		{"500 руб.", "RUB", 500 * unit, false},
		{"500 р.", "RUB", 500 * unit, false},
		{"500 рублей", "RUB", 500 * unit, false},
		{"9,99 €", "EUR", 9_990_000, false},
		{"9.99 CHF", "CHF", 9_990_000, false},

		// which mark is the decimal one
		{"1.200,50", "", 1_200_500_000, false},
		{"1,200.50", "", 1_200_500_000, false},
		{"1,200", "", 1_200 * unit, false},
		{"1.200", "", 1_200 * unit, false},
		{"12,500", "", 12_500 * unit, false},
		{"0,500", "", unit / 2, false},
		{"0.500", "", unit / 2, false},
		{"1200,500", "", 1_200_500_000, false},
		{"1200,5", "", 1_200_500_000, false},
		{"1,2", "", 1_200_000, false},
		{"1,23456", "", 1_234_560, false},
		{"1,200,000", "", 1_200_000 * unit, false},
		{"1.200.000", "", 1_200_000 * unit, false},
		{"1.200.000,75", "", 1_200_000_750_000, false},
		{"1 200 000,75", "", 1_200_000_750_000, false},
		{"1 200.500", "", 1_200_500_000, false},
		{"100 200", "", 100_200 * unit, false},

		// spaces that look alike
		{"1\u00a0200,50", "", 1_200_500_000, false},
		{"1\u2009200\u202f000", "", 1_200_000 * unit, false},
		{"1\u200b5", "", 15 * unit, false},
		{"\ufeff15\u2003USD", "USD", 15 * unit, false},

		// sizes
		{"10k", "", 10_000 * unit, false},
		{"10 к тг", "KZT", 10_000 * unit, false},
		{"$1.5k", "USD", 1_500 * unit, false},
		{"10 тыс.", "", 10_000 * unit, false},
		{"10 тысяч тенге", "KZT", 10_000 * unit, false},
		{"1.5 млн", "", 1_500_000 * unit, false},
		{"1.500 млн", "", 1_500_000 * unit, false},
		{"1,5млн.тг", "KZT", 1_500_000 * unit, false},
		{"2 миллиона", "", 2_000_000 * unit, false},
		{"1 млрд", "", 1_000_000_000 * unit, false},
		{"0.0000001 млн", "", 100_000, false},

		// about
		{"≈ 1 200,50 ₸", "KZT", 1_200_500_000, true},
		{"~15$", "USD", 15 * unit, true},
		{"около 15 тыс. тг.", "KZT", 15_000 * unit, true},
		{"approx. 15", "", 15 * unit, true},

		// nothing was spent, in words
		{"бесплатно", "", 0, false},
		{"Free", "", 0, false},
		{"free!", "", -1, false},
		{"ничего", "", 0, false},
		{"0 ₸", "KZT", 0, false},
		{"💸 15 $ 👍🏽", "USD", 15 * unit, false},
	}
	for _, row := range rows {
		got, err := cost.Parse(row.text)
		if row.micros < 0 {
			require.Error(t, err, "%q", row.text)
			continue
		}
		require.NoError(t, err, "%q", row.text)
		require.Equal(t, cost.Amount{Micros: row.micros, Currency: row.currency, Approximate: row.about}, got, "%q", row.text)
	}
}

func TestParseFindsNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " \t\n", "\u00a0", "\u200b", "-", "—", "---", ".", "n/a", "N/A", "none", "NULL", "нет", "Нет данных", "?"} {
		_, err := cost.Parse(text)
		require.ErrorIs(t, err, cost.ErrNothing, "%q", text)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	rows := map[string][]string{
		"range":                    {"10-15k", "10–15", "10 - 15", "$10-$15", "10k - 15k", "≈10—15 тг"},
		"more than one amount":     {"15 USD 300", "1 млн 200 тыс", "1200 тг 50", "free 15", "0 free"},
		"groups of three":          {"10 15", "1,200,50", "1.200.5", "1 20", "1234 567", "1,200.50.25", "1.200 000,50", "1.5 000", "1,23,456.7"},
		"below zero":               {"-15", "−15", "-$15", "$-15", "- 1 200,50 ₸", "-0.000001"},
		"10^12":                    {"1000000000001", "1000000000000.000001", "2000 млрд", "9999999999999999999999999999999999999999", "5 000 000 млн"},
		"two currencies":           {"15 USD тенге", "$15 €", "₸ 15 $"},
		"currency sign":            {"¥15", "15 ¢"},
		"hidden by stars":          {"***", "1200***", "sk_1***abcd"[3:]},
		"longer than":              {strings.Repeat("1", 201), strings.Repeat("ш", 101)},
		"no UTF-8":                 {"15\xff", "\xc3\x28"},
		"no number":                {"$", "USD", "~", "😀", "≈ тг", "15-", "15 —", "- free"},
		"belongs right behind":     {"k", "k10", "10kk k", "тыс. 10"},
		"neither a currency nor a": {"NaN", "Inf", "-Infinity", "1e5", "0x10", "ten", "15 per month", "2000 тенге за сервер", "1 all", "try 15", "15 ABC", "XXX 5", "hunter2"},
		"sign that is neither":     {"<100", "100+", "(15)", "15%", "15/2", "1/2", "10²", "½", "١٥", "1️⃣", "15, 20", "10^6", "∞", "15 ; 1", "=15", "\x0015", "５", "1\u0301", "a\u0000"[1:] + "1", "' 15", "++15", "+", ". 5", "1..2"},
	}
	for part, texts := range rows {
		for _, text := range texts {
			_, err := cost.Parse(text)
			var refusal *cost.Refusal
			require.ErrorAs(t, err, &refusal, "%q", text)
			require.Contains(t, refusal.Sentence, part, "%q", text)
			require.Equal(t, refusal.Sentence, err.Error())
		}
	}
}

func TestRefusalsNeverQuote(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"hunter2", "15 correcthorse", "AKIAIOSFODNN7EXAMPLE", "<script>", "15 ¤"} {
		_, err := cost.Parse(secret)
		require.Error(t, err)
		for _, piece := range strings.Fields(secret) {
			if len(piece) > 2 {
				require.NotContains(t, err.Error(), piece)
			}
		}
	}
}

func TestAmountForPeople(t *testing.T) {
	t.Parallel()
	rows := map[string]cost.Amount{
		"0":                         {},
		"≈ 1 200.50 KZT":            {Micros: 1_200_500_000, Currency: "KZT", Approximate: true},
		"15 USD":                    {Micros: 15 * unit, Currency: "USD"},
		"0.000001 USD":              {Micros: 1, Currency: "USD"},
		"999 999 EUR":               {Micros: 999_999 * unit, Currency: "EUR"},
		"1 000 000 000 000 KZT":     {Micros: 1_000_000_000_000 * unit, Currency: "KZT"},
		"-9 223 372 036 854.775808": {Micros: math.MinInt64},
		"123.4560 KZT":              {Micros: 123_456_000, Currency: "KZT"},
		"-0.25":                     {Micros: -unit / 4},
	}
	for want, a := range rows {
		require.Equal(t, want, a.String())
	}
	require.InDelta(t, 1200.5, cost.Amount{Micros: 1_200_500_000}.Number(), 0)
	require.InDelta(t, 0.07, cost.Amount{Micros: 70_000}.Number(), 0, "the float that is nearest")
	require.Equal(t, "KZT", cost.Amount{}.Or("KZT").Currency)
	require.Equal(t, "USD", cost.Amount{Currency: "USD"}.Or("KZT").Currency)
}

func TestAmountValid(t *testing.T) {
	t.Parallel()
	rows := map[bool][]cost.Amount{
		true:  {{Currency: "KZT"}, {Micros: 1_000_000_000_000 * unit, Currency: "USD"}},
		false: {{}, {Micros: -1, Currency: "KZT"}, {Micros: 1_000_000_000_000*unit + 1, Currency: "KZT"}, {Currency: "kzt"}, {Currency: "XXX"}, {Currency: "ABC"}, {Currency: "KZTT"}},
	}
	for want, amounts := range rows {
		for _, a := range amounts {
			require.Equal(t, want, a.Valid(), "%+v", a)
		}
	}
}

// What is read must be an amount, and must be read the same from how we write it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"≈ 1 200,50 ₸", "1.200,50", "$1,200.50", "10-15k", "1.5 млн", "бесплатно", "-15", "NaN", "1e99", "💸 15$", "",
		"1\u00a0200", "1'200", "US$5", "15\xff", "9999999999999", "0.0000005", "тыс. 10", "n/a", "1 000 000 000 000", "123.4560",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := cost.Parse(text)
		if err != nil {
			var refusal *cost.Refusal
			require.True(t, errors.Is(err, cost.ErrNothing) != errors.As(err, &refusal), "%v", err)
			require.Equal(t, cost.Amount{}, a)
			require.Less(t, len(err.Error()), 250)
			return
		}
		require.True(t, a.Or("KZT").Valid(), "%+v", a)
		again, err := cost.Parse(a.String())
		require.NoError(t, err, "%q gave %q", text, a)
		require.Equal(t, a, again, "%q gave %q", text, a)
		padded, err := cost.Parse(" \u00a0" + text + "\t")
		if len(text) < 190 {
			require.NoError(t, err)
			require.Equal(t, a, padded)
		}
	})
}
