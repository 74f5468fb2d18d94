package telemetry_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
)

type nested struct {
	Name string
	In   map[string]string
}

func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	databaseURL := "postgres://hackload:p4ssw0rd-canary@db.example/state"
	pem := "-----BEGIN KEY-----\nMIIcanaryfirstline0123\nMIIcanarysecondline456\n-----END KEY-----\n"
	redact := telemetry.NewRedactor([]string{canary, databaseURL, pem, "https://dsncanary@sentry.example/1", "lab", ""})
	attrs := map[string]slog.Attr{
		"text":             slog.String("a", "before "+canary+" after"),
		"error":            slog.Any("error", fmt.Errorf("call: %w", errors.New(canary))),
		"in a URL":         slog.String("a", "https://x/?key="+url.QueryEscape(canary)),
		"in a path":        slog.String("a", "https://x/"+url.PathEscape(canary)),
		"in base64":        slog.String("a", "Bearer "+base64.StdEncoding.EncodeToString([]byte(canary))),
		"named text":       slog.Any("a", contest.Slug(canary)),
		"list":             slog.Any("a", []string{"x", canary}),
		"nested":           slog.Any("a", nested{"x", map[string]string{"k": canary}}),
		"pointer":          slog.Any("a", &nested{Name: canary}),
		"URL":              slog.Any("a", &url.URL{Scheme: "https", Host: "h", RawQuery: "k=" + url.QueryEscape(canary)}),
		"group":            slog.Group("g", slog.String("inner", canary), slog.Group("h", slog.Any("deep", errors.New(canary)))),
		"key":              slog.String(canary, "x"),
		"address":          slog.String("a", databaseURL),
		"its password":     slog.String("a", `password "p4ssw0rd-canary" refused`),
		"key in a DSN":     slog.String("a", "dsncanary"),
		"bytes":            slog.Any("a", []byte("x"+canary)),
		"line of a key":    slog.String("a", "read MIIcanarysecondline456"),
		"valuer":           slog.Any("a", valuer{}),
		"log of JSON text": slog.Any("a", json.RawMessage(`{"k":"`+canary+`"}`)),
	}
	for name, attr := range attrs {
		for _, asJSON := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s json=%t", name, asJSON), func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				log := telemetry.NewLogger(telemetry.LogConfig{Out: &out, JSON: asJSON, Redact: redact})
				log.LogAttrs(t.Context(), slog.LevelInfo, "it happened "+canary, attr)
				log.With(attr).Info("again")
				log.WithGroup("w").With(attr).Info("in a group")
				assert.NotContains(t, out.String(), "canary")
				assert.Contains(t, out.String(), "secret>", "something was replaced")
				assert.Equal(t, 3, strings.Count(out.String(), "\n"))
			})
		}
	}
}

type valuer struct{}

// LogValue shows a secret.
func (valuer) LogValue() slog.Value { return slog.StringValue(canary) }

func TestShortWordsStay(t *testing.T) {
	t.Parallel()
	r := telemetry.NewRedactor([]string{"lab", "good", "  "})
	assert.Equal(t, "a good lab", r.Text("a good lab"))
	assert.Equal(t, "text", (*telemetry.Redactor)(nil).Text("text"))
	assert.Equal(t, "text", new(telemetry.Redactor).Text("text"))
	overlap := telemetry.NewRedactor([]string{"secret-1", "secret-1-and-more"})
	assert.Equal(t, "<secret> <secret>", overlap.Text("secret-1-and-more secret-1"))
}

// A server that repeats what it was sent shows a password behind a user's name.
func TestRedactorLooksIntoBase64(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-cänary?>~"
	r := telemetry.NewRedactor([]string{secret})
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for _, around := range [][2]string{{"", ""}, {"u:", ""}, {"us:", ""}, {"use:", ""}, {"viewer:", "@host"}, {"x", "yz"}} {
			got := r.Text("Basic " + encoding.EncodeToString([]byte(around[0]+secret+around[1])) + ".")
			assert.Contains(t, got, "<secret>")
			rest := len(strings.TrimRight(strings.ReplaceAll(got, "<secret>", ""), "=.")) - len("Basic ")
			assert.LessOrEqual(t, rest, (len(around[0])+len(around[1]))*4/3+4, "more than what stands around it and shares a letter with it: %s", got)
		}
	}
}

func TestLinesSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(telemetry.LogConfig{Out: &out, JSON: true})
	ctx := observe.About(t.Context(), observe.Subject{Round: "round-1", Service: contest.SearchTesting})
	ctx = observe.About(ctx, observe.Subject{Run: "run-1", Team: "good", Criterion: contest.EventSearch})
	log.WarnContext(ctx, "slow", "run", "said-already", "took", time.Second)
	log.Info("about nothing")
	var first, second map[string]any
	lines := json.NewDecoder(&out)
	require.NoError(t, lines.Decode(&first))
	require.NoError(t, lines.Decode(&second))
	delete(first, "time")
	delete(second, "time")
	assert.Equal(t, map[string]any{
		"level": "WARN", "msg": "slow", "round": "round-1", "run": "said-already", "service": "k6-search-testing",
		"team": "good", "criterion": "EVENT_SEARCH", "took": 1e9,
	}, first)
	assert.Equal(t, map[string]any{"level": "INFO", "msg": "about nothing"}, second)
}

func TestTextControlsNothing(t *testing.T) {
	t.Parallel()
	hostile := "x\nlevel=ERROR msg=faked\r\x1b[31mred\u009b2J\u202egnp.exe\u2066\x00"
	for _, asJSON := range []bool{true, false} {
		var out bytes.Buffer
		log := telemetry.NewLogger(telemetry.LogConfig{Out: &out, JSON: asJSON})
		log.Info("team "+hostile, "name", hostile, "slug", contest.Slug(hostile), hostile, "as a key", "error", errors.New(hostile))
		line := out.String()
		assert.Equal(t, 1, strings.Count(line, "\n"), line)
		for _, bad := range []string{"\x1b", "\u009b", "\u202e", "\u2066", "\x00", "\r"} {
			assert.NotContains(t, line, bad)
		}
		if asJSON {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &fields))
			assert.NotContains(t, fields["name"], "\x1b", "also once it is decoded")
			assert.NotContains(t, fields["slug"], "\u202e")
		}
	}
}

func TestLevelAndLength(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1, "": 3, "nonsense": 3} {
		var out bytes.Buffer
		log := telemetry.NewLogger(telemetry.LogConfig{Out: &out, Level: level})
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(t.Context(), l, "line")
		}
		assert.Equal(t, want, strings.Count(out.String(), "\n"), level)
	}
	var out bytes.Buffer
	telemetry.NewLogger(telemetry.LogConfig{Out: &out}).Info("m", "a", strings.Repeat("щ", 100_000))
	assert.Less(t, out.Len(), 9000)
	assert.Contains(t, out.String(), "щ …")
}

func FuzzNoSecretIsLogged(f *testing.F) {
	f.Add("before", "after", true)
	f.Add("canary", "\n\x1b", false)
	f.Fuzz(func(t *testing.T, before, after string, asJSON bool) {
		const secret = "canary-0123456789"
		var out bytes.Buffer
		log := telemetry.NewLogger(telemetry.LogConfig{Out: &out, JSON: asJSON, Redact: telemetry.NewRedactor([]string{secret})})
		log.InfoContext(context.Background(), before+secret+after, "a", before+secret+after, before+secret, errors.New(secret+after))
		if strings.Contains(out.String(), secret) {
			t.Fatal(out.String())
		}
		if strings.Count(out.String(), "\n") != 1 {
			t.Fatalf("not one line: %q", out.String())
		}
	})
}
