package loadgen

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestTracedTextMayBeInAnyLanguage(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("я", maxTraced) // two bytes each: cut after an odd first byte, a letter is halved
	rows := []struct{ name, body, want string }{
		{"short", `{"title":"Концерт"}`, "Концерт"},
		{"cut between letters", long, "яяя"},
		{"cut through a letter", "a" + long, "aяя"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			(&tracer{bodies: true}).body(&b, "< ", []byte(row.body))
			assert.Contains(t, b.String(), row.want)
			assert.True(t, utf8.Valid(b.Bytes()))
		})
	}
}
