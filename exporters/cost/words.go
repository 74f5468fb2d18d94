package cost

import "strings"

// wordToken says what a word means. Codes of ISO 4217 count in capitals; in
// small letters only those that are typed here, because some are words too
// ("all", "top", "try").
func wordToken(typed string) (token, bool) {
	if isCurrency(typed) {
		return token{kind: tokenCurrency, text: typed}, true
	}
	word := strings.ToLower(typed)
	if code, ok := currencyWords()[word]; ok {
		return token{kind: tokenCurrency, text: code}, true
	}
	if size, ok := sizeWords()[word]; ok {
		return token{kind: tokenSize, size: size}, true
	}
	switch word {
	case "about", "approx", "approximately", "around", "ca", "circa", "roughly", "около", "примерно", "приблизительно", "прибл", "шамамен":
		return token{kind: tokenAbout}, true
	case "free", "zero", "nothing", "gratis", "бесплатно", "бесплатный", "даром", "ноль", "нуль", "ничего", "тегін":
		return token{kind: tokenFree}, true
	}
	for stem, t := range stems() {
		if tail, ok := strings.CutPrefix(word, stem); ok && len([]rune(tail)) <= 3 {
			return t, true
		}
	}
	return token{}, false
}

// nothing reports whether a whole text says that no amount is known.
func nothing(text string) bool {
	switch strings.ToLower(text) {
	case "", "n/a", "na", "none", "null", "nil", "undefined", "unknown", "tbd", "?", "нет", "нет данных", "н/д", "не знаю", "неизвестно", "жоқ":
		return true
	}
	return strings.Trim(text, "-−‐‑‒–—.") == ""
}

// currencySigns holds no ¥, which is two currencies.
func currencySigns() map[rune]string {
	return map[rune]string{
		'₸': "KZT", '$': "USD", '€': "EUR", '₽': "RUB", '£': "GBP", '₴': "UAH", '₺': "TRY",
		'₹': "INR", '₾': "GEL", '֏': "AMD", '₼': "AZN", '₩': "KRW", '₪': "ILS",
	}
}

func currencyWords() map[string]string {
	return map[string]string{
		"kzt": "KZT", "тг": "KZT", "тнг": "KZT", "тенге": "KZT", "теңге": "KZT", "tg": "KZT", "tenge": "KZT",
		"usd": "USD", "eur": "EUR", "евро": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP",
		"rub": "RUB", "rur": "RUB", "руб": "RUB", "р": "RUB", "uah": "UAH", "грн": "UAH",
		"kgs": "KGS", "сом": "KGS", "uzs": "UZS", "сум": "UZS",
	}
}

func sizeWords() map[string]int64 {
	return map[string]int64{
		"k": 1_000, "к": 1_000, "тыс": 1_000, "thousand": 1_000, "мың": 1_000,
		"m": 1_000_000, "м": 1_000_000, "mln": 1_000_000, "млн": 1_000_000, "mil": 1_000_000, "kk": 1_000_000, "кк": 1_000_000,
		"b": 1_000_000_000, "bn": 1_000_000_000, "bln": 1_000_000_000, "млрд": 1_000_000_000,
	}
}

// stems are words that are inflected.
func stems() map[string]token {
	return map[string]token{
		"доллар": {kind: tokenCurrency, text: "USD"}, "dollar": {kind: tokenCurrency, text: "USD"}, "бакс": {kind: tokenCurrency, text: "USD"},
		"рубл": {kind: tokenCurrency, text: "RUB"}, "rubl": {kind: tokenCurrency, text: "RUB"}, "roubl": {kind: tokenCurrency, text: "RUB"},
		"тысяч": {kind: tokenSize, size: 1_000}, "миллион": {kind: tokenSize, size: 1_000_000}, "million": {kind: tokenSize, size: 1_000_000},
		"миллиард": {kind: tokenSize, size: 1_000_000_000}, "billion": {kind: tokenSize, size: 1_000_000_000},
	}
}
