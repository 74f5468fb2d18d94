package git_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// sane checks what holds for every verdict, whatever the other side said.
func sane(t *testing.T, r git.Rules, v contest.Verdict) {
	t.Helper()
	checkMetrics(t, v.Metrics)
	require.True(t, v.Status.Valid())
	require.NotEmpty(t, v.Findings)
	require.GreaterOrEqual(t, v.Score, 0)
	require.LessOrEqual(t, v.Score, r.Points)
	require.False(t, v.Invalid && v.Status != contest.NoData, "what was not measured is no failure")
	commits := v.Metrics["commitsCount"].(int)
	require.GreaterOrEqual(t, commits, 0)
	require.False(t, v.Status == contest.Passed && commits < r.Min)
	for _, f := range v.Findings {
		require.NotEmpty(t, f.Sentence, f.Rule)
		require.True(t, utf8.ValidString(f.Sentence))
		require.Less(t, utf8.RuneCountInString(f.Sentence), 3000, "a branch of 250 characters, ten for each where they are quoted")
		require.Equal(t, -1, strings.IndexFunc(f.Sentence, unicode.IsControl), "%q", f.Sentence)
	}
}

// FuzzGitHubAnswers has GitHub say anything: of the repository, of its commits
// and of further pages.
func FuzzGitHubAnswers(f *testing.F) {
	const repo, commits = `{"full_name":"hackload-kz/good","default_branch":"main"}`, `[{"commit":{"committer":{"date":"2025-08-15T10:00:00Z"}}}]`
	f.Add(200, repo, 200, commits, `<http://x/?page=2>; rel="next", <http://x/?page=9>; rel="last"`)
	f.Add(404, `{"message":"Not Found"}`, 200, "", "")
	f.Add(200, `{"full_name":"../..","private":true}`, 200, "[]", "")
	f.Add(451, `{"block":{"reason":"dmca"}}`, 409, `{"message":"Git Repository is empty."}`, "")
	f.Add(200, `{"full_name":"a/b/c","default_branch":"`+strings.Repeat("ы", 3000)+`\u001b[2J"}`, 200, `[null,{"commit":null}]`, `<x?page=99999999999>; rel="last"`)
	f.Add(200, repo, 200, `[{"commit":{"committer":{"date":"9999-12-31T23:59:59Z"}}},{"commit":{"committer":{"date":"0001-01-01T00:00:00Z"}}}]`, "")
	f.Add(403, `{"message":"API rate limit exceeded"}`, 200, commits, "")
	f.Add(200, "\x1f\x8b", 200, `[`, "")
	var answer struct {
		repoCode, commitsCode int
		repo, commits, link   string
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, body := answer.repoCode, answer.repo
		switch {
		case strings.HasSuffix(r.URL.Path, "/rate_limit"):
			code, body = 200, `{}`
		case strings.Count(r.URL.Path, "/") > 3:
			code, body = answer.commitsCode, answer.commits
			w.Header()["Link"] = []string{strings.Map(printable, answer.link)}
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, repoCode int, repo string, commitsCode int, commits, link string) {
		// A 5xx is tried again after a pause, which the tests of the limiter look at.
		if repoCode < 200 || repoCode > 499 || commitsCode < 200 || commitsCode > 499 {
			t.Skip("no final status that is not tried again")
		}
		answer.repoCode, answer.repo, answer.commitsCode, answer.commits, answer.link = repoCode, repo, commitsCode, commits, link
		x, err := git.New(git.Config{APIURL: server.URL, Token: "ghp_secret", PerSecond: 1e6, Request: 5 * time.Second, Timeout: 5 * time.Second}, cardRules())
		require.NoError(t, err)
		defer x.Close()
		var got []contest.Verdict
		require.NoError(t, x.Measure(t.Context(), []contest.Team{teamOf("good", at("good"))}, func(v contest.Verdict) { got = append(got, v) }))
		require.Len(t, got, 1)
		sane(t, cardRules(), got[0])
	})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// FuzzGitHost has a host that a team chose answer git ls-remote with anything.
func FuzzGitHost(f *testing.F) {
	f.Add(200, advertise(2))
	f.Add(200, advertise(2)[:90])
	f.Add(200, pkt(ready)+"0000"+pkt(blank+" capabilities^{}\x00agent=git/2\n")+"0000")
	f.Add(200, pkt(ready)+"00000000")
	f.Add(200, "ffff"+strings.Repeat("x", 0xffff))
	f.Add(200, pkt(ready)+"0000"+pkt(head+" refs/heads/a\x00symref=HEAD:refs/heads/a symref=\n")+pkt("shallow "+head)+"0000")
	f.Add(401, "secret")
	f.Add(503, "")
	var code int
	var body string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	f.Cleanup(server.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	x, err := git.New(git.Config{Roots: roots, Request: 5 * time.Second, Guard: target.Guard{AllowPrivate: true}}, cardRules())
	require.NoError(f, err)
	f.Cleanup(x.Close)
	f.Fuzz(func(t *testing.T, status int, text string) {
		if status < 200 || status > 599 {
			t.Skip("no final status")
		}
		code, body = status, text
		var got []contest.Verdict
		err := x.Measure(t.Context(), []contest.Team{teamOf("good", server.URL+"/a/b")}, func(v contest.Verdict) { got = append(got, v) })
		require.False(t, errors.Is(err, git.ErrCredentials))
		require.NoError(t, err)
		require.Len(t, got, 1)
		sane(t, cardRules(), got[0])
		require.NotEqual(t, contest.Passed, got[0].Status, "no host but GitHub tells when commits were made")
	})
}
