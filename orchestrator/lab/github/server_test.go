package github_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

var noon = time.Date(2025, 8, 16, 12, 0, 0, 0, time.UTC)

// stand is a server on a real socket with a clock that a test sets.
type stand struct {
	*github.Server
	url string

	mu  sync.Mutex
	now time.Time
}

func open(t *testing.T, o github.Options) *stand {
	t.Helper()
	s := &stand{now: noon}
	o.Now = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	s.Server = github.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stand) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

type reply struct {
	status int
	header http.Header
	body   gjson.Result
}

// get asks without following redirects; header is name and value by turns.
func (s *stand) get(t *testing.T, path string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, len(body) == 0 || gjson.ValidBytes(body), "%s", body)
	return reply{resp.StatusCode, resp.Header, gjson.ParseBytes(body)}
}

func commits(n int) []github.Commit {
	var all []github.Commit
	for i := range n {
		all = append(all, github.Commit{Author: fmt.Sprintf("member-%d", i%3), At: noon.Add(-time.Duration(i) * time.Hour)})
	}
	return all
}

func repo(name string, n int) github.Repo {
	return github.Repo{Owner: "hackload-kz", Name: name, Commits: commits(n)}
}

func TestStates(t *testing.T) {
	t.Parallel()
	private, blocked, moved, lost := repo("private", 1), repo("blocked", 1), repo("old", 0), repo("lost", 0)
	private.Private, blocked.Blocked, moved.MovedTo, lost.MovedTo = true, true, "hackload-kz/good", "hackload-kz/nowhere"
	s := open(t, github.Options{Tokens: []string{"ghp_good"}, Repos: []github.Repo{repo("good", 1), repo("blank", 0), private, blocked, moved, lost}})
	const token = "Bearer ghp_good"
	rows := []struct {
		name, path, auth string
		status           int
		message          string
	}{
		{"there", "/repos/hackload-kz/good", token, 200, ""},
		{"in any case", "/repos/HackLoad-KZ/GOOD", token, 200, ""},
		{"old way to say a token", "/repos/hackload-kz/good", "token ghp_good", 200, ""},
		{"anonymous", "/repos/hackload-kz/good", "", 200, ""},
		{"missing", "/repos/hackload-kz/none", token, 404, "Not Found"},
		{"private, anonymous", "/repos/hackload-kz/private", "", 404, "Not Found"},
		{"private, with a token", "/repos/hackload-kz/private", token, 200, ""},
		{"empty repository", "/repos/hackload-kz/blank", token, 200, ""},
		{"commits of an empty one", "/repos/hackload-kz/blank/commits", token, 409, "Git Repository is empty."},
		{"contributors of an empty one", "/repos/hackload-kz/blank/contributors", token, 204, ""},
		{"blocked", "/repos/hackload-kz/blocked", token, 451, "Repository access blocked"},
		{"commits of a blocked one", "/repos/hackload-kz/blocked/commits", token, 451, "Repository access blocked"},
		{"moved", "/repos/hackload-kz/old", token, 301, "Moved Permanently"},
		{"moved and lost", "/repos/hackload-kz/lost", token, 404, "Not Found"},
		{"branch that is none", "/repos/hackload-kz/good/commits?sha=other", token, 404, "Not Found"},
		{"what is not here", "/repos/hackload-kz/good/issues", token, 404, "Not Found"},
		{"elsewhere", "/users/hackload-kz", token, 404, "Not Found"},
		{"root", "/", token, 404, "Not Found"},
		{"unknown token", "/repos/hackload-kz/good", "Bearer other", 401, "Bad credentials"},
		{"no token in it", "/repos/hackload-kz/good", "Basic abc", 401, "Bad credentials"},
		{"App's path without an App", "/app/installations", token, 401, "A JSON web token could not be decoded"},
	}
	for _, row := range rows {
		header := []string{}
		if row.auth != "" {
			header = []string{"Authorization", row.auth}
		}
		r := s.get(t, row.path, header...)
		require.Equal(t, row.status, r.status, row.name)
		require.Equal(t, row.message, r.body.Get("message").String(), row.name)
	}
	require.Equal(t, "dmca", s.get(t, "/repos/hackload-kz/blocked").body.Get("block.reason").String())
	require.Equal(t, 403, s.get(t, "/repos/hackload-kz/good", "User-Agent", "").status, "GitHub wants to know who asks")
}

func TestMovedLeadsToItsNumber(t *testing.T) {
	t.Parallel()
	moved := repo("old", 0)
	moved.MovedTo = "hackload-kz/good"
	s := open(t, github.Options{Repos: []github.Repo{repo("good", 3), moved}})
	to := s.get(t, "/repos/hackload-kz/old/commits?per_page=2").header.Get("Location")
	path, ok := strings.CutPrefix(to, s.url+"/repositories/")
	require.True(t, ok, to)
	require.True(t, strings.HasSuffix(path, "/commits?per_page=2"), to)
	r := s.get(t, strings.TrimPrefix(to, s.url))
	require.Equal(t, 200, r.status)
	require.Len(t, r.body.Array(), 2)
}

func TestShapes(t *testing.T) {
	t.Parallel()
	r := repo("good", 4)
	r.Archived, r.Fork, r.DefaultBranch = true, true, "trunk"
	s := open(t, github.Options{Repos: []github.Repo{r}})
	one := s.get(t, "/repos/hackload-kz/good").body
	for path, want := range map[string]string{
		"full_name": "hackload-kz/good", "owner.login": "hackload-kz", "default_branch": "trunk", "private": "false", "archived": "true",
		"fork": "true", "disabled": "false", "html_url": "https://github.com/hackload-kz/good", "visibility": "public",
		"pushed_at": "2025-08-16T12:00:00Z", "created_at": "2025-08-16T09:00:00Z", "clone_url": "https://github.com/hackload-kz/good.git",
	} {
		require.Equal(t, want, one.Get(path).String(), path)
	}
	commit := s.get(t, "/repos/hackload-kz/good/commits?sha=trunk").body.Get("0")
	require.Regexp(t, "^[0-9a-f]{40}$", commit.Get("sha").String())
	require.Equal(t, "2025-08-16T12:00:00Z", commit.Get("commit.committer.date").String())
	require.Equal(t, "member-0", commit.Get("author.login").String())
	require.Equal(t, commit.Raw, s.get(t, "/repos/hackload-kz/good/commits").body.Get("0").Raw, "the same each time")
	people := s.get(t, "/repos/hackload-kz/good/contributors").body
	require.Equal(t, `["member-0","member-1","member-2"]`, people.Get("#.login").Raw)
	require.Equal(t, `[2,1,1]`, people.Get("#.contributions").Raw)
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", 250)}})
	since := noon.Add(-199 * time.Hour).Format(time.RFC3339)
	rows := []struct {
		query string
		n     int
		rels  []string
	}{
		{"", 30, []string{"next=2", "last=9"}},
		{"?per_page=100", 100, []string{"next=2", "last=3"}},
		{"?per_page=100&page=2", 100, []string{"prev=1", "next=3", "last=3", "first=1"}},
		{"?per_page=100&page=3", 50, []string{"prev=2", "first=1"}},
		{"?per_page=100&page=9", 0, []string{"prev=3", "first=1"}},
		{"?per_page=1000", 100, []string{"next=2", "last=3"}},
		{"?per_page=1", 1, []string{"next=2", "last=250"}},
		{"?per_page=x&page=-1", 30, []string{"next=2", "last=9"}},
		{"?per_page=100&since=" + since, 100, []string{"next=2", "last=2"}},
		{"?per_page=100&page=2&since=" + since, 100, []string{"prev=1", "first=1"}},
		{"?per_page=100&since=2030-01-01T00:00:00Z", 0, nil},
		{"?per_page=100&until=2025-08-16T11:00:00Z&since=2025-08-16T10:00:00Z", 2, nil},
	}
	for _, row := range rows {
		r := s.get(t, "/repos/hackload-kz/good/commits"+row.query)
		require.Len(t, r.body.Array(), row.n, row.query)
		var rels []string
		for link := range strings.SplitSeq(r.header.Get("Link"), ", ") {
			if link == "" {
				continue
			}
			address, rel, ok := strings.Cut(strings.TrimPrefix(link, "<"), `>; rel="`)
			require.True(t, ok, link)
			u, err := url.Parse(address)
			require.NoError(t, err)
			rels = append(rels, strings.TrimSuffix(rel, `"`)+"="+u.Query().Get("page"))
		}
		require.Equal(t, row.rels, rels, row.query)
	}
}

func TestEntityTags(t *testing.T) {
	t.Parallel()
	r := repo("good", 1)
	s := open(t, github.Options{Repos: []github.Repo{r}})
	ask := func(token, tag string) reply {
		return s.get(t, "/repos/hackload-kz/good/commits", "Authorization", "Bearer "+token, "If-None-Match", tag)
	}
	first := ask("a", "")
	tag := first.header.Get("ETag")
	require.NotEmpty(t, tag)
	require.Equal(t, "4999", first.header.Get("X-RateLimit-Remaining"))

	same := ask("a", tag)
	require.Equal(t, 304, same.status)
	require.False(t, same.body.Exists())
	require.Equal(t, "4999", same.header.Get("X-RateLimit-Remaining"), "a 304 is free")
	require.Equal(t, 304, ask("a", strings.TrimPrefix(tag, "W/")).status, "weak or strong")
	require.Equal(t, 200, ask("b", tag).status, "a tag is its caller's")

	r.Commits = append(r.Commits, github.Commit{At: noon.Add(time.Minute)})
	s.SetRepos(r)
	require.Equal(t, 200, ask("a", tag).status)

	anonymous := s.get(t, "/repos/hackload-kz/good")
	again := s.get(t, "/repos/hackload-kz/good", "If-None-Match", anonymous.header.Get("ETag"))
	require.Equal(t, 304, again.status)
	require.Equal(t, "58", again.header.Get("X-RateLimit-Remaining"), "for nobody in particular it is not")
	require.Equal(t, github.Counts{Requests: 7, Charged: 5, NotModified: 3}, s.Counts())
}

func TestPrimaryLimit(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", 1)}, Limit: 3})
	ask := func() reply { return s.get(t, "/repos/hackload-kz/good", "Authorization", "Bearer a") }
	for left := 2; left >= 0; left-- {
		r := ask()
		require.Equal(t, 200, r.status)
		require.Equal(t, fmt.Sprint(left), r.header.Get("X-RateLimit-Remaining"))
		require.Equal(t, fmt.Sprint(noon.Add(time.Hour).Unix()), r.header.Get("X-RateLimit-Reset"))
	}
	r := ask()
	require.Equal(t, 403, r.status)
	require.Contains(t, r.body.Get("message").String(), "API rate limit exceeded")
	require.Equal(t, "0", r.header.Get("X-RateLimit-Remaining"))
	require.Equal(t, 200, s.get(t, "/repos/hackload-kz/good", "Authorization", "Bearer b").status, "each caller has its own")
	look := s.get(t, "/rate_limit", "Authorization", "Bearer a")
	require.Equal(t, 200, look.status, "to look is free")
	require.Equal(t, int64(0), look.body.Get("resources.core.remaining").Int())

	s.later(time.Hour)
	require.Equal(t, 200, ask().status)
	s.Spend(0, noon.Add(2*time.Hour))
	require.Equal(t, 403, ask().status)
}

func TestSecondaryLimit(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", 1)}})
	s.Throttle(1, 30*time.Second)
	for _, want := range []string{"30", "20"} {
		r := s.get(t, "/repos/hackload-kz/good")
		require.Equal(t, 403, r.status)
		require.Equal(t, want, r.header.Get("Retry-After"))
		require.Contains(t, r.body.Get("message").String(), "secondary rate limit")
		require.NotEqual(t, "0", r.header.Get("X-RateLimit-Remaining"))
		s.later(10 * time.Second)
	}
	s.later(10 * time.Second)
	require.Equal(t, 200, s.get(t, "/repos/hackload-kz/good").status)
	s.Throttle(1, 0)
	require.Empty(t, s.get(t, "/repos/hackload-kz/good").header.Get("Retry-After"), "it does not always say when")
	require.Equal(t, 200, s.get(t, "/repos/hackload-kz/good").status)
	require.Equal(t, 3, s.Counts().Refused)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: []github.Repo{repo("good", 1)}})
	s.Fail(func(*http.Request) *github.Fault {
		return &github.Fault{Status: 502, Header: http.Header{"X-Odd": {"1"}}, Body: `"bad gateway"`}
	})
	r := s.get(t, "/repos/hackload-kz/good")
	require.Equal(t, 502, r.status)
	require.Equal(t, "1", r.header.Get("X-Odd"))
	s.Fail(func(*http.Request) *github.Fault { return &github.Fault{Hang: true} })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	require.NoError(t, err)
	_, err = http.DefaultTransport.RoundTrip(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.Fail(func(*http.Request) *github.Fault { return nil })
	require.Equal(t, 200, s.get(t, "/repos/hackload-kz/good").status)
	s.Fail(nil)
	require.Equal(t, 200, s.get(t, "/repos/hackload-kz/good").status)
}

// What dev shows has to hold for as long as dev is left running.
func TestSampleTeamsGoOnWorking(t *testing.T) {
	t.Parallel()
	s := open(t, github.Options{Repos: github.SampleRepos(noon)})
	for range 4 {
		for team, atLeast := range map[string]int{"good": 10, "slow": 10, "leaky": 10, "down": 10, "flaky": 1} {
			all := s.get(t, "/repos/hackload-kz/"+team+"/commits?per_page=100", "Authorization", "Bearer t").body
			require.GreaterOrEqual(t, len(all.Array()), atLeast, team)
			last, err := time.Parse(time.RFC3339, all.Get("0.commit.committer.date").String())
			require.NoError(t, err)
			if team == "flaky" {
				require.Less(t, len(all.Array()), 10)
				continue
			}
			require.Less(t, s.now.Sub(last), 5*time.Hour, team)
			require.False(t, last.After(s.now), team)
		}
		require.Equal(t, 404, s.get(t, "/repos/hackload-kz/oversold", "Authorization", "Bearer t").status)
		s.later(17 * time.Hour)
	}
}
