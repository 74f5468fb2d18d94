package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// decode reads body into v and says in the package's own errors what is wrong
// with it.
func decode(body []byte, v any) error {
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("<")) {
		return ErrHTML
	}
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	// The package has no error value for it; these are its words.
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && syntax.Error() == "unexpected end of JSON input" {
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrSchema, err)
}

// field returns *v, or an error when the answer did not have it.
func field[T any](v *T, name string) (T, error) {
	if v == nil {
		var zero T
		return zero, fmt.Errorf("%w: %q is missing", ErrSchema, name)
	}
	return *v, nil
}

// wordsOf returns what an answer that is no success says, fit for an error text.
func wordsOf(body []byte) string {
	var said struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	text := string(bytes.TrimSpace(body))
	switch err := json.Unmarshal(body, &said); {
	case err == nil && said.Error != "":
		text = said.Error
	case err == nil && said.Message != "":
		text = said.Message
	case strings.HasPrefix(text, "<"):
		text = ErrHTML.Error()
	}
	if text = clip(text); text == "" {
		return "nothing readable"
	}
	return text
}

// clip makes foreign text one short printable line.
func clip(text string) string {
	const most = 300
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
