package cost

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenNumber   tokenKind = iota + 1 // text: digits with their marks
	tokenSize                          // size: 1,000 for "k"
	tokenCurrency                      // text: ISO 4217
	tokenAbout                         // "≈", "около"
	tokenFree                          // "free"
	tokenDash
)

type token struct {
	kind tokenKind
	text string
	size int64
}

// lexer cuts a text into what it is made of. What it does not know is an error:
// a word beside a number may change what the number means.
type lexer struct {
	rest   string
	tokens []token
}

func lex(text string) ([]token, error) {
	l := lexer{rest: plainText(text)}
	for l.rest != "" {
		first, _ := utf8.DecodeRuneInString(l.rest)
		var err error
		switch {
		case numberLength(l.rest) > 0:
			l.emit(token{kind: tokenNumber}, numberLength(l.rest))
		case unicode.IsLetter(first):
			err = l.word()
		default:
			err = l.sign(first)
		}
		if err != nil {
			return nil, err
		}
	}
	return l.tokens, nil
}

// emit takes n bytes as a token; a token without a text of its own keeps them.
func (l *lexer) emit(t token, n int) {
	if t.text == "" {
		t.text = l.rest[:n]
	}
	l.tokens, l.rest = append(l.tokens, t), l.rest[n:]
}

func (l *lexer) word() error {
	end := strings.IndexFunc(l.rest, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(l.rest)
	}
	typed := l.rest[:end]
	if strings.EqualFold(typed, "us") && strings.HasPrefix(l.rest[end:], "$") {
		typed, end = "USD", end+1
	}
	t, ok := wordToken(typed)
	if !ok {
		return refuse("The text holds a word that is neither a currency nor a size: %s.", examples)
	}
	l.emit(t, end)
	return nil
}

func (l *lexer) sign(r rune) error {
	n := utf8.RuneLen(r)
	switch {
	case slices.Contains([]rune("-−‐‑‒–—"), r):
		l.emit(token{kind: tokenDash}, n)
	case slices.Contains([]rune("~≈∼≃≅"), r):
		l.emit(token{kind: tokenAbout}, n)
	case unicode.Is(unicode.Sc, r):
		code, ok := currencySigns()[r]
		if !ok {
			return refuse("The text holds a currency sign that more than one currency uses, or none that we know: %s.", examples)
		}
		l.emit(token{kind: tokenCurrency, text: code}, n)
	case r == '*':
		return refuse("The amount is hidden by stars, as the Hub hides secure values: give it as one that is not secure.")
	case r == ' ', unicode.Is(unicode.So, r), // a space, an emoji
		r == '+' && numberLength(l.rest[n:]) > 0 && !slices.ContainsFunc(l.tokens, isNumber),
		r == '.' && l.abbreviates(l.rest[n:]):
		l.rest = l.rest[n:]
	default:
		return refuse("The text holds a sign that is neither a digit nor a currency: %s.", examples)
	}
	return nil
}

func isNumber(t token) bool { return t.kind == tokenNumber }

// abbreviates reports whether a full stop before rest ends a word ("тыс.") or
// the sentence.
func (l *lexer) abbreviates(rest string) bool {
	if len(l.tokens) == 0 {
		return false
	}
	return !isNumber(l.tokens[len(l.tokens)-1]) || rest == "" || rest[0] == ' '
}

// plainText makes every space the plain one, single and inside, and drops what
// cannot be seen.
func plainText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r), // zero-width spaces and joiners, direction marks
			unicode.Is(unicode.Variation_Selector, r),
			r >= 0x1F3FB && r <= 0x1F3FF: // an emoji's colour of skin
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// numberLength returns how many bytes at the start of s are one number: digits,
// and marks that stand before a digit.
func numberLength(s string) int {
	n := 0
	for n < len(s) {
		step := 0
		if !isDigit(s[n:]) {
			mark, size := utf8.DecodeRuneInString(s[n:])
			if !strings.ContainsRune(".,'’_ ", mark) || n == 0 && mark != '.' && mark != ',' {
				return n
			}
			step = size
		}
		if !isDigit(s[n+step:]) {
			return n
		}
		n += step + 1
	}
	return n
}

func isDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
