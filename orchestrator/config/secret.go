package config

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what stands in the place of a secret wherever it would be shown.
const hidden = "<secret>"

// Secret is a key, token or password. It prints as <secret> under every verb of
// fmt, in JSON, YAML and slog; an empty one prints as nothing. Only [Secret.Reveal]
// gives the text.
//
// The text is behind a pointer because fmt does not call methods of values in
// unexported fields: there it would print the text itself, so it prints an address.
type Secret struct{ text *string }

// NewSecret returns the secret that holds text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Set reports whether there is a text at all.
func (s Secret) Set() bool { return s.text != nil }

// String returns "<secret>", or nothing when the secret is not set.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return hidden
}

// Format prints String whatever the verb and flags are.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps the text out of slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the text out of JSON and of every other encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML keeps the text out of YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText sets the text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
