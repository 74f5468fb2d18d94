package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/text/language"
)

const (
	english = "en"
	russian = "ru"

	languageCookie = "hackload_lang"
	languageTime   = 365 * 24 * time.Hour
)

func languages() []string { return []string{english, russian} }

// phrases are what pages say, by the English text; nil says it in English.
type phrases map[string]string

// loadPhrases reads the table of a language.
func loadPhrases(lang string) phrases {
	if lang == english {
		return nil
	}
	text, err := files.ReadFile("templates/" + lang + ".json")
	if err != nil {
		panic(err) // the file is compiled in
	}
	var p phrases
	if err := json.Unmarshal(text, &p); err != nil {
		panic(fmt.Errorf("read phrases of %s: %w", lang, err))
	}
	return p
}

// say returns a text in the language, with values in their places.
func (p phrases) say(text string, values ...any) string {
	if there, ok := p[text]; ok {
		text = there
	}
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}

// languageOf tells which language a reader wants: the one that they chose, or
// the one that their browser asks for.
func (s *site) languageOf(r *http.Request) string {
	if chosen := r.URL.Query().Get("lang"); slices.Contains(languages(), chosen) {
		return chosen
	}
	if cookie, err := r.Cookie(languageCookie); err == nil && slices.Contains(languages(), cookie.Value) {
		return cookie.Value
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return english
	}
	// Kazakh readers know Russian rather than English, while there is no table of theirs.
	_, at, _ := language.NewMatcher([]language.Tag{language.English, language.Russian, language.Kazakh}).Match(tags...)
	return []string{english, russian, russian}[at]
}

// keepLanguage remembers what a reader chose.
func (s *site) keepLanguage(w http.ResponseWriter, r *http.Request, lang string) {
	w.Header().Set("Content-Language", lang)
	w.Header().Add("Vary", "Accept-Language")
	if r.URL.Query().Get("lang") == lang {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: lang, Path: "/", MaxAge: int(languageTime.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
}
