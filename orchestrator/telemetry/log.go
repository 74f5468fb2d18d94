// Package telemetry tells the outside of this process: its log, traces for an
// OpenTelemetry collector, errors for Sentry and, for commands that end,
// metrics for a Pushgateway.
//
// In come log records, spans and a registry; out go lines and requests, each
// with a deadline, from bounded queues. An outside that is slow or gone costs
// what was for it and nothing else; it is told of once in the log.
//
// No secret of the configuration leaves through here: its value is replaced in
// every message and attribute. Parts do not log secrets in the first place;
// this is the net below.
package telemetry

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/hackload-kz/hackload/orchestrator/observe"
)

// LogConfig says how to log.
type LogConfig struct {
	Out     io.Writer
	JSON    bool   // for machines; otherwise for people
	Level   string // error, warn, info or debug; anything else is info
	Redact  *Redactor
	Further slog.Handler // is told of every record too; may be nil
}

// NewLogger returns a logger that adds what the context's work is about to each
// line, replaces secrets, and lets no text control a terminal or fake a line.
func NewLogger(c LogConfig) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(c.Level)); err != nil {
		least = slog.LevelInfo
	}
	if c.Redact == nil {
		c.Redact = NewRedactor(nil)
	}
	opts := &slog.HandlerOptions{Level: least, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return c.attr(a) }}
	var h slog.Handler = slog.NewTextHandler(c.Out, opts)
	if c.JSON {
		h = slog.NewJSONHandler(c.Out, opts)
	}
	if c.Further != nil {
		h = both{h, c.Further}
	}
	return slog.New(aware{h})
}

// longest is how much of one text a line holds, in bytes.
const longest = 8 << 10

// attr makes an attribute fit to be logged.
func (c LogConfig) attr(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(c.text(a.Value.String()))
	case slog.KindAny:
		a.Value = c.any(a.Value)
	}
	a.Key = c.text(a.Key)
	return a
}

// any keeps a value as it is unless it is an error or would show a secret.
func (c LogConfig) any(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case error:
		return slog.StringValue(c.text(x.Error()))
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			return slog.StringValue(c.text(string(text)))
		}
	case fmt.Stringer:
		return slog.StringValue(c.text(x.String()))
	}
	switch named := reflect.ValueOf(v.Any()); {
	case named.Kind() == reflect.String:
		return slog.StringValue(c.text(named.String()))
	case named.Kind() == reflect.Slice && named.Type().Elem().Kind() == reflect.Uint8:
		return slog.StringValue(c.text(string(named.Bytes())))
	}
	shown := fmt.Sprintf("%+v", v.Any())
	if encoded, err := json.Marshal(v.Any()); err == nil && c.JSON {
		shown = string(encoded)
	}
	if c.Redact.Text(shown) != shown {
		return slog.StringValue(c.text(shown))
	}
	return v
}

func (c LogConfig) text(s string) string {
	s = c.Redact.Text(s)
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + " …"
	}
	if c.JSON { // the text handler quotes what cannot be printed
		s = visible(s)
	}
	return s
}

// visible writes out what would move a terminal's cursor or turn its text
// around. Line breaks stay: JSON has its own way with them.
func visible(s string) string {
	unsafe := func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r' }
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafe(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// aware adds to each record what its context is about.
type aware struct{ slog.Handler }

// Handle adds what the record does not say itself.
func (h aware) Handle(ctx context.Context, r slog.Record) error {
	attrs := observe.SubjectOf(ctx).LogAttrs()
	if id := observe.TraceID(ctx); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	if len(attrs) == 0 {
		return h.Handler.Handle(ctx, r)
	}
	said := map[string]bool{}
	r.Attrs(func(a slog.Attr) bool { said[a.Key] = true; return true })
	r = r.Clone()
	for _, a := range attrs {
		if !said[a.Key] {
			r.AddAttrs(a)
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the awareness.
func (h aware) WithAttrs(attrs []slog.Attr) slog.Handler { return aware{h.Handler.WithAttrs(attrs)} }

// WithGroup keeps the awareness.
func (h aware) WithGroup(name string) slog.Handler { return aware{h.Handler.WithGroup(name)} }

// both hands each record to two handlers.
type both struct{ first, second slog.Handler }

// Enabled reports whether one of them wants the level.
func (h both) Enabled(ctx context.Context, l slog.Level) bool {
	return h.first.Enabled(ctx, l) || h.second.Enabled(ctx, l)
}

// Handle hands the record on. The second one's failure is not the log's.
func (h both) Handle(ctx context.Context, r slog.Record) error {
	if h.second.Enabled(ctx, r.Level) {
		_ = h.second.Handle(ctx, r.Clone())
	}
	if !h.first.Enabled(ctx, r.Level) {
		return nil
	}
	return h.first.Handle(ctx, r)
}

// WithAttrs hands the attributes to both.
func (h both) WithAttrs(attrs []slog.Attr) slog.Handler {
	return both{h.first.WithAttrs(attrs), h.second.WithAttrs(attrs)}
}

// WithGroup opens the group in both.
func (h both) WithGroup(name string) slog.Handler {
	return both{h.first.WithGroup(name), h.second.WithGroup(name)}
}
