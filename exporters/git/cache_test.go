package git_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

func entry(n int) git.Entry {
	return git.Entry{ETag: `"` + strconv.Itoa(n) + `"`, Link: "<x>", Body: []byte(`{"n":` + strconv.Itoa(n) + `}`)}
}

func TestMemoryCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := git.NewMemoryCache(10 * 215)
	for n := range 1000 {
		c.Put(strconv.Itoa(n), entry(n))
		c.Get("0") // is used all the time
	}
	kept := 0
	for n := range 1000 {
		if _, ok := c.Get(strconv.Itoa(n)); ok {
			kept++
		}
	}
	require.InDelta(t, 9, kept, 1)
	_, ok := c.Get("0")
	require.True(t, ok, "what is in use stays")
	_, ok = c.Get("999")
	require.True(t, ok)

	c.Put("0", git.Entry{ETag: "x", Body: bytes.Repeat([]byte("1"), 1<<20)})
	_, ok = c.Get("0")
	require.False(t, ok, "what is larger than all is not kept, nor what it was before")
}

func TestMemoryCacheOutlivesAProcess(t *testing.T) {
	t.Parallel()
	c := git.NewMemoryCache(1 << 20)
	for n := range 10 {
		c.Put(strconv.Itoa(n), entry(n))
	}
	c.Get("0")
	var file bytes.Buffer
	require.NoError(t, c.Save(&file))
	text := file.String()
	again := git.NewMemoryCache(1 << 20)
	require.NoError(t, again.Load(&file))
	for n := range 10 {
		e, ok := again.Get(strconv.Itoa(n))
		require.True(t, ok)
		require.Equal(t, entry(n), e)
	}
	small := git.NewMemoryCache(2 * 215)
	require.NoError(t, small.Load(strings.NewReader(text)))
	_, ok := small.Get("0")
	require.True(t, ok, "the last used survive")
	for name, bad := range map[string]string{"no JSON": "{", "no entry": "{}\n", "cut": text[:len(text)-5], "a list": "[]"} {
		require.ErrorContains(t, git.NewMemoryCache(1<<20).Load(strings.NewReader(bad)), "load cache", name)
	}
	require.NoError(t, git.NewMemoryCache(1<<20).Load(strings.NewReader("")))
}

func fetch(t *testing.T, rt http.RoundTripper) string {
	t.Helper()
	resp, err := answerOf(t.Context(), rt)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func answerOf(ctx context.Context, rt http.RoundTripper) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api/repos/a/b", nil)
	if err != nil {
		return nil, err
	}
	return rt.RoundTrip(req)
}

// What a cache gives back is not believed to be whole.
func TestCacheMayLoseAnything(t *testing.T) {
	t.Parallel()
	full := `{"full_name":"a/b","default_branch":"main","description":"` + strings.Repeat("x", 1000) + `"}`
	w := &wire{script: []reply{{status: 200, header: map[string]string{"ETag": `"1"`}, body: full}}}
	c := git.NewMemoryCache(1 << 20)
	rt := git.NewCached(c, w)
	first := fetch(t, rt)
	require.Less(t, len(first), 200, "only what is read is kept")
	require.Contains(t, first, `"default_branch":"main"`)
	e, ok := c.Get("http://api/repos/a/b")
	require.True(t, ok)
	require.JSONEq(t, first, string(e.Body))

	w.script = append(w.script, reply{status: 304})
	require.Equal(t, first, fetch(t, rt))

	c.Put("http://api/repos/a/b", git.Entry{ETag: `"1"`, Body: []byte(`{"full_na`)})
	w.script = append(w.script, reply{status: 200, header: map[string]string{"ETag": `"2"`}, body: full})
	require.Equal(t, first, fetch(t, rt))
	require.Equal(t, []string{"", `"1"`, ""}, w.tags, "a broken entry is asked for anew")
}

// A cache that was carried over a restart saves all requests of the first round.
func TestCacheOverARestart(t *testing.T) {
	t.Parallel()
	c := git.NewMemoryCache(1 << 20)
	s := open(t, github.Options{Repos: []github.Repo{repo("good", commits(250, time.Hour, time.Hour))}}, cardRules(), func(g *git.Config) { g.Cache = c })
	before := measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"]
	charged := s.lab.Counts().Charged
	require.Equal(t, 4, charged, "repository, two pages of commits, contributors")

	var file bytes.Buffer
	require.NoError(t, c.Save(&file))
	again := git.NewMemoryCache(1 << 20)
	require.NoError(t, again.Load(&file))
	x, err := git.New(git.Config{APIURL: s.url, Token: "ghp_secret", Cache: again}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	after := measure(t.Context(), t, x, teamOf("good", at("good")))["good"]
	require.Equal(t, before.Metrics, after.Metrics)
	require.Equal(t, charged, s.lab.Counts().Charged)
	require.Equal(t, 4, s.lab.Counts().NotModified)
}
