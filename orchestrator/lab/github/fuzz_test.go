package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

// Whatever is asked, the answer is one that GitHub gives: JSON or nothing.
func FuzzRequest(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(f, err)
	moved := repo("old", 0)
	moved.MovedTo = "hackload-kz/good"
	lab := github.New(github.Options{
		Repos: append(github.SampleRepos(noon), repo("blank", 0), moved), Now: func() time.Time { return noon }, Limit: 1 << 30, AnonymousLimit: 1 << 30,
		App: &github.App{ID: 1, Key: &key.PublicKey, Installations: []github.Installation{{ID: 1}}},
	})
	f.Add("/repos/hackload-kz/good/commits", "per_page=3&page=2&since=2025-08-15T00:00:00Z", "Bearer x")
	f.Add("/repos/hackload-kz/old/contributors", "a=%zz", "")
	f.Add("/app/installations/1/access_tokens", "", "Bearer e30.e30.e30")
	f.Add("/repositories/-1", "page=9223372036854775807", "token ")
	f.Fuzz(func(t *testing.T, path, query, auth string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header.Set("User-Agent", "fuzz")
		r.Header.Set("Authorization", auth)
		w := httptest.NewRecorder()
		lab.ServeHTTP(w, r)
		require.Less(t, w.Code, 500)
		require.True(t, w.Body.Len() == 0 || gjson.ValidBytes(w.Body.Bytes()))
	})
}
