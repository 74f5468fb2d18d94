package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

const maxTraced = 2 << 10 // bytes of a body that are printed

// tracer prints requests and answers as they were, without secrets.
type tracer struct {
	mu       sync.Mutex
	out      io.Writer
	bodies   bool
	answers  int
	failures int
}

func newTracer(out io.Writer, bodies bool) *tracer { return &tracer{out: out, bodies: bodies} }

func (t *tracer) trace(req *httpx.Request, x *httpx.Exchange) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "> %s %s\n", x.Method, x.URL.Redacted())
	for _, f := range req.Header {
		fmt.Fprintf(&b, "> %s: %s\n", f.Name, shownValue(f.Name, f.Value))
	}
	t.body(&b, "> ", req.Body)
	if x.Err != nil {
		fmt.Fprintf(&b, "< no answer: %s (error code %d)\n", x.Err.Text, x.Err.Code)
	} else {
		fmt.Fprintf(&b, "< %s %d %s (%.1f ms)\n", x.Proto, x.Status, x.StatusText, float64(x.Times.Duration().Microseconds())/1000)
		for _, name := range slices.Sorted(maps.Keys(x.Header)) {
			fmt.Fprintf(&b, "< %s: %s\n", name, shownValue(name, strings.Join(x.Header[name], ", ")))
		}
		t.body(&b, "< ", x.Body)
	}
	b.WriteByte('\n')
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.Err != nil {
		t.failures++
	} else {
		t.answers++
	}
	_, _ = t.out.Write(b.Bytes())
}

func (t *tracer) body(b *bytes.Buffer, mark string, body []byte) {
	if !t.bodies || len(body) == 0 {
		return
	}
	shown := body[:min(len(body), maxTraced)]
	if !utf8.Valid(whole(shown, len(shown) < len(body))) {
		fmt.Fprintf(b, "%s(%d bytes that are not text)\n", mark, len(body))
		return
	}
	fmt.Fprintf(b, "%s\n", mark)
	for line := range strings.Lines(strings.ToValidUTF8(string(shown), "")) {
		fmt.Fprintf(b, "%s%s\n", mark, strings.TrimRight(line, "\r\n"))
	}
	if len(body) > len(shown) {
		fmt.Fprintf(b, "%s… (%d bytes in all)\n", mark, len(body))
	}
}

// whole returns text without the character that a cut went through, if any.
func whole(text []byte, cut bool) []byte {
	for n := 1; cut && n <= min(utf8.UTFMax, len(text)); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

// shownValue hides what lets somebody in.
func shownValue(name, value string) string {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization":
		scheme, _, _ := strings.Cut(value, " ")
		return scheme + " ****"
	case "cookie", "set-cookie":
		return "****"
	}
	return value
}
