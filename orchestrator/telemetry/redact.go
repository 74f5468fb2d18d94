package telemetry

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// hidden stands in the place of a secret.
const hidden = "<secret>"

// shortest is the length from which a text counts as a secret: replacing
// shorter ones would garble ordinary words.
const shortest = 6

// Redactor replaces secrets in texts. Its zero value replaces nothing.
type Redactor struct{ replace *strings.Replacer }

// NewRedactor returns a redactor of the values, of the passwords and keys in
// those that are URLs, of the lines of those that have several, and of all of
// these as they look inside a URL or in base64, also behind a user's name.
func NewRedactor(values []string) *Redactor {
	var all []string
	for _, v := range values {
		for _, part := range partsOf(strings.TrimSpace(v)) {
			if len(part) >= shortest {
				all = append(append(all, part, url.QueryEscape(part), url.PathEscape(part)), inBase64(part)...)
			}
		}
	}
	// The longest first, so that no secret inside another leaves its rest.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, text := range slices.Compact(all) {
		pairs = append(pairs, text, hidden)
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

// inBase64 lists how a text looks in base64: alone, and without the letters that
// it shares with its neighbours where it is part of what is encoded. Which those
// are depends on where in three bytes it begins.
func inBase64(text string) []string {
	all := []string{base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text))}
	for before := range 3 {
		whole := append(make([]byte, before), text...)
		from, to := (8*before+5)/6, 8*len(whole)/6
		all = append(all, base64.RawStdEncoding.EncodeToString(whole)[from:to], base64.RawURLEncoding.EncodeToString(whole)[from:to])
	}
	return all
}

// partsOf lists what of a secret must not be seen, itself included.
func partsOf(secret string) []string {
	parts := []string{secret}
	if u, err := url.Parse(secret); err == nil && u.User != nil {
		password, has := u.User.Password()
		parts = append(parts, password)
		if !has { // a key that stands alone, as in Sentry's addresses
			parts = append(parts, u.User.Username())
		}
	}
	if lines := strings.Split(secret, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if !strings.HasPrefix(line, "-----") {
				parts = append(parts, strings.TrimSpace(line))
			}
		}
	}
	return parts
}

// Text returns the text without secrets.
func (r *Redactor) Text(s string) string {
	if r == nil || r.replace == nil {
		return s
	}
	return r.replace.Replace(s)
}
