package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Verdicts, evidence and remarks are stored in English, as they were decided. Of
// the frequent kinds of their sentences a table says how they are put together,
// so that pages can say them in another language, also those of long ago. What the
// table does not know stays English as a whole.

// kind is one way in which sentences are put together: words, and values between
// them.
type kind struct {
	words    []string // around the values, in English
	there    string   // in the other language, with places for the values
	sentence bool     // more may follow; else it is a clause inside of others
	form     *regexp.Regexp
}

const (
	deepest   = 3  // clauses that may stand inside of each other
	mostTries = 60 // kinds that are tried on one sentence
)

// loadKinds reads the table of a language; English needs none.
func loadKinds(lang string) []kind {
	if lang == english {
		return nil
	}
	text, err := files.ReadFile("templates/found_" + lang + ".json")
	if err != nil {
		panic(err) // the file is compiled in
	}
	var table map[string]string
	if err := json.Unmarshal(text, &table); err != nil {
		panic(fmt.Errorf("read kinds of findings in %s: %w", lang, err))
	}
	var all []kind
	for here, there := range table {
		all = append(all, newKind(here, there))
	}
	// Of two that fit, the one with more words of its own is meant.
	slices.SortFunc(all, func(a, b kind) int {
		return cmp.Or(cmp.Compare(len(strings.Join(b.words, "")), len(strings.Join(a.words, ""))), cmp.Compare(a.there, b.there))
	})
	return all
}

func newKind(here, there string) kind {
	k := kind{words: strings.Split(here, "%s"), sentence: strings.HasSuffix(here, "."), there: percentSign.ReplaceAllString(there, "%%$1")}
	parts := make([]string, len(k.words))
	for i, w := range k.words {
		parts[i] = regexp.QuoteMeta(w)
	}
	end := "$"
	if k.sentence {
		end = "(?: (.+))?$"
	}
	k.form = regexp.MustCompile("^" + strings.Join(parts, "(.+?)") + end)
	return k
}

// percentSign finds the percent signs that are no places for values.
var percentSign = regexp.MustCompile(`%($|[^s\[])`)

// finding says a sentence in the language, or in English where it is of no kind
// that the table knows.
func (w words) finding(text string) said {
	t := translation{words: w, left: mostTries}
	if there, ok := t.of(text, 0); ok {
		return said{there, w.lang}
	}
	return said{text, english}
}

// translation is that of one text. Texts may quote what teams wrote, so its
// work is bounded.
type translation struct {
	words
	left int
}

func (t *translation) of(text string, depth int) (string, bool) {
	for _, k := range t.kinds {
		if !k.may(text) || depth > deepest {
			continue
		}
		if t.left--; t.left < 0 {
			return "", false
		}
		found := k.form.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		values, rest := found[1:], ""
		if k.sentence {
			values, rest = values[:len(values)-1], values[len(values)-1]
		}
		there := fmt.Sprintf(k.there, t.values(values, depth)...)
		if rest == "" {
			return there, true
		}
		if more, ok := t.of(rest, depth); ok {
			return there + " " + more, true
		}
	}
	return "", false
}

// may reports whether the kind's words are all there, one after the other: that
// is told sooner than by its form.
func (k kind) may(text string) bool {
	for i, words := range k.words {
		at := strings.Index(text, words)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		text = text[at+len(words):]
	}
	return true
}

// values writes numbers, times and clauses as the language does, and leaves
// everything else.
func (t *translation) values(values []string, depth int) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = t.value(v, depth)
	}
	return all
}

var measure = regexp.MustCompile(`^(-?[0-9][0-9,]*(?:\.[0-9]+)?)(?: (%|ms|s|min|h|d|days|KZT))?$`)

// choice is a list of statuses: 200, 400 or 404.
var choice = regexp.MustCompile(`^[0-9, ]+ or [0-9]+$`)

func (t *translation) value(v string, depth int) string {
	if found := measure.FindStringSubmatch(v); found != nil {
		if found[2] == "" {
			return t.local(found[1])
		}
		return t.local(found[1]) + " " + t.say(found[2])
	}
	if choice.MatchString(v) {
		return strings.Replace(v, " or ", " "+t.say("or")+" ", 1)
	}
	if d, err := time.ParseDuration(v); err == nil {
		return t.span(d)
	}
	for _, layout := range []string{"2 January 2006 15:04 MST", "2 January 2006"} {
		if at, err := time.Parse(layout, v); err == nil {
			return at.Format(map[bool]string{true: "02.01.2006 15:04 MST", false: "02.01.2006"}[strings.Contains(layout, "MST")])
		}
	}
	if there, ok := t.of(v, depth+1); ok {
		return there
	}
	return v
}
