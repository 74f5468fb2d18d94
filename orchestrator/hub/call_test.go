package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const secret = "sk_0123456789abcdef"

// roundTrip is a transport without a network, for tests in fake time.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, body string, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func faked(t *testing.T, cfg Config, f roundTrip) *Client {
	t.Helper()
	cfg.BaseURL, cfg.Key, cfg.Transport = "https://hub.test/base/", secret, f
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

const noTeams = `{"teams":[],"count":0,"status":"APPROVED"}`

// TestAttempts: what is tried again, how often, how long it takes in all, and
// what the caller is told. Time is fake.
func TestAttempts(t *testing.T) {
	t.Parallel()
	const bad, forbidden = `{"error":"Invalid API key"}`, `{"error":"Insufficient permissions"}`
	for _, tc := range []struct {
		name      string
		answers   []*http.Response // nil: the connection fails; the last one repeats
		calls     int
		least     time.Duration
		most      time.Duration
		want      string // part of the error; empty: success
		permanent bool
	}{
		{"at once", []*http.Response{respond(200, noTeams)}, 1, 0, 0, "", false},
		{"401 once", []*http.Response{respond(401, bad), respond(200, noTeams)}, 2, time.Second / 2, 2 * time.Second, "", false},
		{"401 twice", []*http.Response{respond(401, bad), respond(401, bad)}, 2, time.Second / 2, 2 * time.Second, "hub answered 401: Invalid API key", true},
		{"403", []*http.Response{respond(403, forbidden)}, 1, 0, 0, "the key needs the permission teams:read", true},
		{"500 then well", []*http.Response{respond(500, `{"error":"Internal server error"}`), respond(200, noTeams)}, 2, time.Second / 2, 2 * time.Second, "", false},
		{"503 for ever", []*http.Response{respond(503, "<html>")}, 3, 3 * time.Second / 2, 5 * time.Second, "hub answered 503: an HTML page", false},
		{"429 honours Retry-After", []*http.Response{respond(429, "", "Retry-After", "17"), respond(200, noTeams)}, 2, 17 * time.Second, 17 * time.Second, "", false},
		{"429 asks for too much", []*http.Response{respond(429, "", "Retry-After", "3600")}, 1, 0, 0, "hub answered 429", false},
		{"no connection", []*http.Response{nil, nil, respond(200, noTeams)}, 3, 3 * time.Second / 2, 5 * time.Second, "", false},
		{"HTML with 200", []*http.Response{respond(200, "<html>")}, 3, 3 * time.Second / 2, 5 * time.Second, "an HTML page instead of JSON", false},
		{"truncated", []*http.Response{respond(200, noTeams[:20]), respond(200, noTeams)}, 2, time.Second / 2, 2 * time.Second, "", false},
		{"another schema", []*http.Response{respond(200, `{"items":[]}`)}, 1, 0, 0, `"teams" is missing`, true},
		{"400", []*http.Response{respond(400, `{"message":"no"}`)}, 1, 0, 0, "hub answered 400: no", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				c := faked(t, Config{Pause: time.Second}, func(*http.Request) (*http.Response, error) {
					next := tc.answers[min(calls, len(tc.answers)-1)]
					calls++
					if next == nil {
						return nil, errors.New("connection refused")
					}
					next.Body = reusable(next.Body)
					return next, nil
				})
				start := time.Now()
				_, err := c.list(t.Context(), "h")
				took := time.Since(start)
				assert.Equal(t, tc.calls, calls)
				assert.GreaterOrEqual(t, took, tc.least)
				assert.LessOrEqual(t, took, tc.most)
				assert.Equal(t, tc.permanent, IsPermanent(err))
				if tc.want == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, tc.want)
				}
			})
		})
	}
}

// reusable lets one canned answer be read by several attempts.
func reusable(body io.ReadCloser) io.ReadCloser {
	content, _ := io.ReadAll(body)
	return &rereader{content: string(content), Reader: strings.NewReader(string(content))}
}

type rereader struct {
	*strings.Reader
	content string
}

func (r *rereader) Close() error { r.Reset(r.content); return nil }

func TestCallStopsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := faked(t, Config{Pause: time.Minute}, func(*http.Request) (*http.Response, error) { return respond(503, ""), nil })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.list(ctx, "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, IsPermanent(err))
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestAttemptHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := faked(t, Config{Timeout: 30 * time.Second, Retries: 2, Pause: time.Second}, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		_, err := c.list(t.Context(), "")
		require.ErrorContains(t, err, "read teams: no answer")
		assert.InDelta(t, 61, time.Since(start).Seconds(), 1)
	})
}

// TestRateLimit: a service stays within its calls per minute, and another has
// its own share.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		c := faked(t, Config{RatePerMinute: 60}, func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(start))
			return respond(200, noTeams), nil
		})
		for range 200 {
			_, err := c.For("git-monitor-service").list(t.Context(), "")
			require.NoError(t, err)
		}
		for i := 60; i < len(at); i++ {
			assert.GreaterOrEqual(t, at[i]-at[i-60], time.Minute, "61 calls within a minute, up to call %d", i)
		}
		before := time.Since(start)
		_, err := c.For("cost-tracking-service").list(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, before, time.Since(start))
	})
}

// TestKeyStaysWithTheHub: the key follows no redirect and shows in no error,
// even if the Hub itself repeats it.
func TestKeyStaysWithTheHub(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var stolen []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		stolen = append(stolen, r.Header.Get("X-API-Key"))
	}))
	t.Cleanup(thief.Close)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/service/teams" {
			http.Redirect(w, r, thief.URL+"/?"+r.Header.Get("X-API-Key"), http.StatusTemporaryRedirect)
			return
		}
		http.Error(w, "no such key: "+r.Header.Get("X-API-Key"), http.StatusBadRequest)
	}))
	t.Cleanup(hub.Close)
	c, err := New(Config{BaseURL: hub.URL, Key: secret, Transport: hub.Client().Transport})
	require.NoError(t, err)

	_, err = c.list(t.Context(), "")
	require.ErrorContains(t, err, "a redirect to "+thief.URL+", which is not followed")
	assert.True(t, IsPermanent(err))
	assert.NotContains(t, err.Error(), secret)
	mu.Lock()
	assert.Empty(t, stolen)
	mu.Unlock()

	_, err = c.environment(t.Context())
	require.ErrorContains(t, err, "no such key: <key>")
	printed := faked(t, Config{}, nil) // one that nobody else uses meanwhile
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.NotContains(t, fmt.Sprintf(verb, printed), secret, verb)
		assert.NotContains(t, fmt.Sprintf(verb, Config{Key: secret}), secret, verb)
	}
	marshalled, err := json.Marshal(map[string]any{"key": Key(secret)})
	require.NoError(t, err)
	assert.JSONEq(t, `{"key":"<key>"}`, string(marshalled))
}

func TestRequestCarriesWhatTheHubNeeds(t *testing.T) {
	t.Parallel()
	var got *http.Request
	c := faked(t, Config{UserAgent: "HackLoad/1"}, func(r *http.Request) (*http.Response, error) {
		got = r
		return respond(200, `{"criteria":[]}`), nil
	})
	_, err := c.Criteria(t.Context(), Filter{Team: "a_B", Hackathon: "h 1", Criterion: contest.CodeRepo})
	require.NoError(t, err)
	assert.Equal(t, "https://hub.test/base/api/service/team-criteria?criteriaType=CODE_REPO&hackathon=h+1&team=a_B", got.URL.String())
	assert.Equal(t, secret, got.Header.Get("X-API-Key"))
	assert.Equal(t, "HackLoad/1", got.Header.Get("User-Agent"))
	assert.Empty(t, got.Header.Get("Content-Type"))

	_, err = c.Criteria(t.Context(), Filter{Criterion: "NONSENSE"})
	require.ErrorContains(t, err, `unknown criterion "NONSENSE"`)
}

// TestPublishInChunks: at most a hundred updates in a call, each in exactly one.
func TestPublishInChunks(t *testing.T) {
	t.Parallel()
	var sizes []int
	seen := map[string]int{}
	c := faked(t, Config{}, func(r *http.Request) (*http.Response, error) {
		var sent struct{ Updates []updateJSON }
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			return nil, err
		}
		sizes = append(sizes, len(sent.Updates))
		for _, u := range sent.Updates {
			seen[string(u.TeamSlug)]++
		}
		return respond(200, fmt.Sprintf(`{"updatedEntries":0,"createdEntries":%[1]d,"totalRequests":%[1]d}`, len(sent.Updates))), nil
	})
	all := make([]contest.Update, 250)
	for i := range all {
		all[i] = search(func(u *contest.Update) { u.TeamSlug = contest.Slug(fmt.Sprint(i)) })
	}
	for _, r := range c.Publish(t.Context(), all) {
		require.NoError(t, r.Err)
	}
	assert.Equal(t, []int{100, 100, 50}, sizes)
	assert.Len(t, seen, 250)
	assert.Empty(t, c.Publish(t.Context(), nil))
}

// TestSlowHub: a bulk that cannot be written within the deadline is sent in
// halves that can, instead of again and again.
func TestSlowHub(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		perUpdate time.Duration
		calls     int
		took      time.Duration
		accepted  int
	}{
		{"in halves", time.Second / 2, 3, (30 + 25 + 25) * time.Second, 100},
		{"not even one", time.Minute, 6 + 3, (6 + 3) * 30 * time.Second, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls, accepted := 0, 0
				c := faked(t, Config{Pause: time.Millisecond}, func(r *http.Request) (*http.Response, error) {
					calls++
					var sent struct{ Updates []updateJSON }
					if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
						return nil, err
					}
					select {
					case <-time.After(time.Duration(len(sent.Updates)) * tc.perUpdate):
						return respond(200, fmt.Sprintf(`{"updatedEntries":0,"createdEntries":%[1]d,"totalRequests":%[1]d}`, len(sent.Updates))), nil
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})
				all := make([]contest.Update, 100)
				for i := range all {
					all[i] = search(func(u *contest.Update) { u.TeamSlug = contest.Slug(fmt.Sprint(i)) })
				}
				start := time.Now()
				for _, r := range c.Publish(t.Context(), all) {
					if r.Err == nil {
						accepted++
					}
					assert.False(t, r.Refused)
				}
				assert.Equal(t, tc.calls, calls)
				assert.Equal(t, tc.accepted, accepted)
				assert.InDelta(t, tc.took.Seconds(), time.Since(start).Seconds(), 1)
			})
		})
	}
}

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	c := faked(t, Config{}, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(endless{})}, nil
	})
	_, err := c.list(t.Context(), "")
	require.ErrorIs(t, err, ErrTooLarge)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no URL", Config{Key: secret}, "want http:// or https://"},
		{"another scheme", Config{BaseURL: "ftp://hub", Key: secret}, "want http:// or https://"},
		{"no host", Config{BaseURL: "https:///api", Key: secret}, "want http:// or https://"},
		{"no URL at all", Config{BaseURL: "http://[::1", Key: secret}, "want http:// or https://"},
		{"no key", Config{BaseURL: "https://hub"}, "hub key is empty"},
		{"a key with a line break", Config{BaseURL: "https://hub", Key: "sk_1\nx"}, "characters that no key has"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tc.cfg)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "sk_")
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for want, err := range map[string]*Error{
		"read teams: hub answered 503: busy":         {Op: "read teams", Status: 503, Message: "busy"},
		"read teams: no answer: cause":               {Op: "read teams", Message: "no answer", Err: cause},
		"read teams: hub answered 200: cause":        {Op: "read teams", Status: 200, Err: cause},
		"update a/CODE_REPO: invalid: no status":     {Op: "update a/CODE_REPO", Message: "invalid: no status"},
		"read teams: hub answered 500: broke: cause": {Op: "read teams", Status: 500, Message: "broke", Err: cause},
	} {
		assert.Equal(t, want, err.Error())
	}
	wrapped := fmt.Errorf("flush: %w", &Error{Permanent: true, Doubtful: true, RetryAfter: time.Second})
	assert.True(t, IsPermanent(wrapped) && IsDoubtful(wrapped))
	assert.Equal(t, time.Second, RetryAfter(wrapped))
	assert.False(t, IsPermanent(cause) || IsDoubtful(cause))
}
