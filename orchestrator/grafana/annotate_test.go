package grafana

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func someWindow() contest.Window {
	from := time.Date(2025, 8, 16, 10, 0, 0, 0, time.UTC)
	return contest.Window{From: from, To: from.Add(90 * time.Second)}
}

func TestAnnotateOncePerRun(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t, editor)
	w := someWindow()
	a := Annotation{Key: "run:01J8", Window: contest.Window{From: w.From}, Tags: []string{"hackload", "team:alem"}, Text: "alem search", Dashboard: "k6"}
	first, err := c.Annotate(t.Context(), a)
	require.NoError(t, err)
	a.Window, a.Text = w, "alem <b>search</b>: passed"
	again, err := c.Annotate(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := c.Annotate(t.Context(), Annotation{Key: "run:01J9", Window: w})
	require.NoError(t, err)
	require.NotEqual(t, first, other)

	annotations, calls := f.said()
	require.Len(t, annotations, 2)
	doc, err := json.Marshal(annotations[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"id":1, "dashboardUID":"k6", "time":1755338400000, "timeEnd":1755338490000,
		"tags":["run:01J8","hackload","team:alem"], "text":"alem &lt;b&gt;search&lt;/b&gt;: passed"}`, string(doc))
	require.Equal(t, "run:01J9", annotations[1]["text"], "Grafana refuses one without a text")
	require.NotContains(t, annotations[1], "dashboardUID")
	require.Equal(t, []string{
		"GET /api/annotations", "POST /api/annotations", "GET /api/annotations", "PATCH /api/annotations/1",
		"GET /api/annotations", "POST /api/annotations",
	}, calls)
}

func TestAnnotateRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	w := someWindow()
	for name, row := range map[string]struct {
		token Secret
		a     Annotation
		want  string
	}{
		"no key":              {editor, Annotation{Window: w}, "the key must be a short tag"},
		"a key over lines":    {editor, Annotation{Key: "a\nb", Window: w}, "the key must be a short tag"},
		"a long key":          {editor, Annotation{Key: "run:" + strings.Repeat("x", 101), Window: w}, "the key must be a short tag"},
		"no window":           {editor, Annotation{Key: "k"}, "the window is empty"},
		"a window backwards":  {editor, Annotation{Key: "k", Window: contest.Window{From: w.To, To: w.From}}, "the window is empty"},
		"a path as dashboard": {editor, Annotation{Key: "k", Window: w, Dashboard: "a/b"}, "the dashboard's uid is not one"},
		"a viewer's token":    {viewer, Annotation{Key: "k", Window: w}, `annotate "k": grafana answered 403: You'll need additional permissions`},
		"nobody's token":      {"glsa_hunter2", Annotation{Key: "k", Window: w}, `annotate "k": grafana answered 401: Invalid API key`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := f.client(t, row.token).Annotate(t.Context(), row.a)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	annotations, _ := f.said()
	require.Empty(t, annotations)
}

func TestTagsThatFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for name, row := range map[string]struct{ tags, want []string }{
		"each once":     {[]string{"a", "b", "a"}, []string{"a", "b"}},
		"no empty ones": {[]string{"", " ", ":x", "a"}, []string{"a"}},
		"no long ones":  {[]string{long + "y", long + ":" + long, long + ":" + long + "y"}, []string{long + ":" + long}},
		"not too many":  {[]string{long, long + ":" + long, long + ":1", long + ":" + long + "z", long + ":2", "last"}, []string{long, long + ":" + long, long + ":1", "last"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, fitting(row.tags))
		})
	}
}

func FuzzDocument(f *testing.F) {
	f.Add("run:1", "team:a", "text")
	f.Add("k", "\xff", "<script>alert(1)</script>\x00")
	f.Add("k", strings.Repeat("я", 300), strings.Repeat("&", 5000))
	f.Fuzz(func(t *testing.T, key, tag, text string) {
		doc := document(Annotation{Key: key, Window: someWindow(), Tags: []string{tag, text, tag}, Text: text})
		require.NotContains(t, doc.Text, "<")
		require.True(t, utf8.ValidString(doc.Text) || !utf8.ValidString(key))
		body, err := json.Marshal(doc.Tags)
		require.NoError(t, err)
		require.NotContains(t, string(body), `\n`)
	})
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{`{"message":"Not found"}`, `{"message":"a\nb\u001b[0m"}`, "<html>", "", "{\"message\":\"\xff\xfe\"}", `{"message":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := words(body)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, utf8.RuneCountInString(got), maxMessage)
		require.NotContains(t, got, "\n")
		var h Health
		if err := decode(body, &h); err != nil {
			require.ErrorIs(t, err, ErrNotGrafana)
		}
	})
}
