package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every phrase of the pages is in every language, with the same places for values.
func TestNoPhraseIsMissing(t *testing.T) {
	t.Parallel()
	used := map[string]string{}
	for pattern, phrase := range map[string]*regexp.Regexp{
		"templates/*.gohtml": regexp.MustCompile(`\bt "((?:[^"\\]|\\.)*)"`),
		"*.go":               regexp.MustCompile(`\.say\("((?:[^"\\]|\\.)*)"|badge\{"\w+", "[^"]+", "([^"]+)"\}`),
	} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, found := range phrase.FindAllStringSubmatch(string(text), -1) {
				if key := strings.Join(found[1:], ""); !strings.HasSuffix(name, "_test.go") {
					used[key] = name
				}
			}
		}
	}
	require.Greater(t, len(used), 150, "the phrases are found at all")
	verbs := regexp.MustCompile(`%[+]?[sd]`)
	for _, lang := range languages() {
		if lang == english {
			continue // the keys are English
		}
		table := loadPhrases(lang)
		for key, where := range used {
			require.NotEmpty(t, table[key], "%s: %s has no %q", where, lang, key)
			require.Equal(t, verbs.FindAllString(key, -1), verbs.FindAllString(table[key], -1), "%s: places for values in %q", lang, key)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	t.Parallel()
	s := &site{}
	for name, tc := range map[string]struct{ query, cookie, accepts, want string }{
		"nothing said":     {"", "", "", english},
		"Russian browser":  {"", "", "ru-RU,ru;q=0.9,en;q=0.8", russian},
		"Kazakh browser":   {"", "", "kk-KZ,kk;q=0.9", russian},
		"rather English":   {"", "", "en;q=0.9,ru;q=0.2", english},
		"neither":          {"", "", "fr", english},
		"broken":           {"", "", ";;;q=x,,\x00", english},
		"cookie":           {"", "ru", "en", russian},
		"foreign cookie":   {"", "xx", "ru", russian},
		"chosen on a page": {"en", "ru", "ru", english},
		"chosen nonsense":  {"../etc", "ru", "en", russian},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?lang="+tc.query, nil)
		r.Header.Set("Accept-Language", tc.accepts)
		if tc.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: tc.cookie})
		}
		require.Equal(t, tc.want, s.languageOf(r), name)
	}
}

func TestNumbersInRussian(t *testing.T) {
	t.Parallel()
	w := words{lang: russian, phrases: loadPhrases(russian)}
	require.Equal(t, "19\u00a0012,5\u202fмс", w.amount(19012.5, "ms"))
	require.Equal(t, "1 ч 5 мин", w.span(65*time.Minute))
	require.Equal(t, "1,5 с", w.span(1500*time.Millisecond))
	require.Equal(t, "850 мс", w.span(850*time.Millisecond))
	require.Equal(t, "30 пользователей в секунду", w.say("%s users per second", w.number(30)))
}
