package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// bench is a Hub on a real socket with a client for it.
type bench struct {
	*labhub.Hub
	client *hub.Client
	calls  *atomic.Int64 // that reached the Hub
}

func open(t *testing.T, teams int, permissions ...string) bench {
	t.Helper()
	h, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	var seeds []labhub.Team
	for i := range teams {
		seeds = append(seeds, labhub.Team{Slug: slug(i), Name: "Team " + slug(i)})
	}
	require.NoError(t, h.Seed(t.Context(), seeds...))
	if len(permissions) == 0 {
		permissions = []string{labhub.Everything}
	}
	key, err := h.CreateKey(t.Context(), permissions...)
	require.NoError(t, err)
	calls, handler := new(atomic.Int64), h.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	client, err := hub.New(hub.Config{
		BaseURL: server.URL, Key: hub.Key(key), Pause: time.Millisecond, Timeout: time.Minute,
		Transport: server.Client().Transport,
	})
	require.NoError(t, err)
	return bench{h, client, calls}
}

func slug(i int) string { return fmt.Sprintf("team-%03d", i) }

func updates(n int) []contest.Update {
	all := make([]contest.Update, n)
	for i := range all {
		all[i] = contest.Update{
			TeamSlug: contest.Slug(slug(i)), HackathonID: labhub.DefaultHackathon, CriteriaType: contest.CodeRepo,
			Status: contest.Passed, Score: i, Metrics: map[string]any{"commitsCount": i}, UpdatedBy: "git-monitor-service",
		}
	}
	return all
}

// accepted returns how often each team's update was accepted.
func (b bench) accepted(t *testing.T) map[contest.Slug]int {
	t.Helper()
	history, err := b.History(t.Context())
	require.NoError(t, err)
	count := map[contest.Slug]int{}
	for _, a := range history {
		count[a.Team]++
	}
	return count
}

// peek returns the body of a request and leaves it readable.
func peek(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return string(body)
}

// refuseBulksWith answers 500 to whatever mentions the team, as the Hub does
// when one update of a bulk is invalid.
func refuseBulksWith(team string) labhub.FaultFunc {
	return func(r *http.Request) *labhub.Fault {
		if strings.Contains(peek(r), `"`+team+`"`) || strings.Contains(r.URL.Path, "/"+team+"/") {
			return &labhub.Fault{Status: 500, Body: `{"error":"Internal server error"}`}
		}
		return nil
	}
}

func TestPublishWritesScoreAndMetricsAlways(t *testing.T) {
	t.Parallel()
	b := open(t, 1)
	u := updates(1)
	u[0].Score, u[0].Metrics = 5, map[string]any{"commitsCount": 9}
	require.NoError(t, b.client.Publish(t.Context(), u)[0].Err)
	u[0].Score, u[0].Metrics, u[0].Status = 0, map[string]any{}, contest.NoData
	require.NoError(t, b.client.Publish(t.Context(), u)[0].Err)

	entry, found, err := b.client.Criterion(t.Context(), "team-000", contest.CodeRepo)
	require.NoError(t, err)
	require.True(t, found)
	require.NotNil(t, entry.Score)
	assert.Zero(t, *entry.Score, "a stale score is cleared")
	assert.Empty(t, entry.Metrics)
	assert.Equal(t, contest.NoData, entry.Status)

	_, found, err = b.client.Criterion(t.Context(), "team-000", contest.EventSearch)
	require.NoError(t, err)
	assert.False(t, found)
	all, err := b.client.Criteria(t.Context(), hub.Filter{Team: "team-000"})
	require.NoError(t, err)
	assert.Equal(t, []hub.Entry{entry}, all)
	body, err := b.client.CriteriaJSON(t.Context(), hub.Filter{})
	require.NoError(t, err)
	assert.Equal(t, "team-000", gjson.GetBytes(body, "criteria.0.team.nickname").String())
	_, err = b.client.Criteria(t.Context(), hub.Filter{Team: "nobody"})
	assert.True(t, hub.IsPermanent(err))
}

// TestPoisonIsIsolated: one update of a hundred makes the Hub refuse all of
// them; the others arrive once each, in two calls per halving.
func TestPoisonIsIsolated(t *testing.T) {
	t.Parallel()
	for _, place := range []int{0, 50, 99} {
		t.Run(fmt.Sprint(place), func(t *testing.T) {
			t.Parallel()
			b := open(t, 100)
			b.Fail(refuseBulksWith(slug(place)))
			for i, r := range b.client.Publish(t.Context(), updates(100)) {
				if i != place {
					require.NoError(t, r.Err, i)
					continue
				}
				assert.True(t, r.Refused && hub.IsPermanent(r.Err))
				assert.ErrorContains(t, r.Err, "Internal server error")
			}
			got := b.accepted(t)
			assert.Len(t, got, 99)
			for team, times := range got {
				assert.Equal(t, 1, times, team)
			}
			halvings := int64(math.Ceil(math.Log2(100)))
			const toBeSure = 5 // two more tries of the one, three empty bulks
			assert.LessOrEqual(t, b.calls.Load(), 1+2*halvings+toBeSure)
		})
	}
}

// TestOutageIsNoRefusal: a Hub that answers 500 to everything has refused
// nothing, and is not asked once for each update.
func TestOutageIsNoRefusal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault labhub.Fault
		most  int64 // calls
	}{
		{"500", labhub.Fault{Status: 500, Body: `{"error":"Internal server error"}`}, 9},
		{"503", labhub.Fault{Status: 503}, 3},
		{"401", labhub.Fault{Status: 401, Body: `{"error":"Invalid API key"}`}, 2},
		{"403", labhub.Fault{Status: 403, Body: `{"error":"Insufficient permissions"}`}, 1},
		{"another schema", labhub.Fault{Status: 200, Body: `{"ok":true}`}, 1},
		{"HTML", labhub.Fault{Status: 200, Body: `<html>maintenance</html>`}, 3},
		{"400 from a proxy", labhub.Fault{Status: 400, Body: `<html>bad request</html>`}, 8},
		{"the wrong address", labhub.Fault{Status: 404, Body: `<html>not found</html>`}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, 1)
			b.Fail(func(*http.Request) *labhub.Fault { return &tc.fault })
			for _, r := range b.client.Publish(t.Context(), updates(100)) {
				require.Error(t, r.Err)
				require.False(t, r.Refused || hub.IsPermanent(r.Err), "%v", r.Err)
			}
			assert.LessOrEqual(t, b.calls.Load(), tc.most)
			_, err := b.client.Send(t.Context(), updates(100))
			require.Error(t, err, "nothing is known of any")
			assert.False(t, hub.IsPermanent(err))
		})
	}
}

func TestOutageInTheMiddle(t *testing.T) {
	t.Parallel()
	b := open(t, 100)
	posts := new(atomic.Int64)
	b.Fail(func(*http.Request) *labhub.Fault {
		if posts.Add(1) > 1 {
			return &labhub.Fault{Status: 503, Header: http.Header{"Retry-After": {"1800"}}}
		}
		return nil
	})
	answers, err := b.client.Send(t.Context(), updates(250))
	require.NoError(t, err, "something is known of the first chunk")
	for i, answer := range answers {
		switch {
		case i < 100:
			require.NoError(t, answer)
		case i < 200:
			require.NotErrorIs(t, answer, hub.ErrNotSent)
			assert.Equal(t, 30*time.Minute, hub.RetryAfter(answer))
		default:
			require.ErrorIs(t, answer, hub.ErrNotSent)
			assert.False(t, hub.IsPermanent(answer))
		}
	}
}

func TestErrorsInsideA200(t *testing.T) {
	t.Parallel()
	b := open(t, 3)
	batch := updates(4) // team-003 does not exist
	batch[1].HackathonID = "another"
	batch[2].Score = -1 // never sent
	results := b.client.Publish(t.Context(), batch)
	require.NoError(t, results[0].Err)
	for i, want := range map[int]string{1: "Hackathon ID mismatch", 2: "score -1", 3: "Team not found"} {
		require.ErrorContains(t, results[i].Err, want)
		assert.True(t, results[i].Refused && hub.IsPermanent(results[i].Err), i)
	}
	assert.Equal(t, map[contest.Slug]int{"team-000": 1}, b.accepted(t))

	b.Fail(func(*http.Request) *labhub.Fault {
		return &labhub.Fault{Status: 200, Body: `{"updatedEntries":0,"createdEntries":0,"processedTeams":0,"totalRequests":1,
			"errors":[{"teamSlug":"team-000","criteriaType":"CODE_REPO","error":"Timed out fetching a new connection"}]}`}
	})
	result := b.client.Publish(t.Context(), updates(1))[0]
	require.ErrorContains(t, result.Err, "Timed out")
	assert.True(t, result.Refused && hub.IsDoubtful(result.Err))
	assert.False(t, hub.IsPermanent(result.Err), "words that we do not know may be a passing failure")

	b.Fail(func(*http.Request) *labhub.Fault {
		return &labhub.Fault{Status: 200, Body: `{"updatedEntries":0,"createdEntries":0,"totalRequests":1,
			"errors":[{"teamSlug":"someone","criteriaType":"CODE_REPO","error":"x"}]}`}
	})
	result = b.client.Publish(t.Context(), updates(1))[0]
	require.ErrorIs(t, result.Err, hub.ErrSchema)
	assert.False(t, result.Refused)
}

// TestLostAnswer: the Hub did the work and the answer was lost; the repetition
// carries the same content.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]labhub.Fault{"dropped": {DropAnswer: true}, "truncated": {Truncate: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, 2)
			var once atomic.Bool
			b.Fail(func(*http.Request) *labhub.Fault {
				if once.CompareAndSwap(false, true) {
					return &fault
				}
				return nil
			})
			for _, r := range b.client.Publish(t.Context(), updates(2)) {
				require.NoError(t, r.Err)
			}
			history, err := b.History(t.Context())
			require.NoError(t, err)
			require.Len(t, history, 4)
			for i := range 2 {
				assert.Equal(t, history[i].Metrics, history[i+2].Metrics)
				assert.Equal(t, history[i].Score, history[i+2].Score)
			}
		})
	}
}

// TestKeyWithoutTeams: a key that may not list teams still gets them, and
// publishes one by one.
func TestKeyWithoutTeams(t *testing.T) {
	t.Parallel()
	b := open(t, 3, labhub.EnvironmentRead, labhub.EnvironmentWrite)
	roster, err := b.client.Roster(t.Context(), labhub.DefaultHackathon)
	require.NoError(t, err)
	assert.True(t, roster.EnvironmentOnly)
	require.Len(t, roster.Teams, 3)
	assert.Equal(t, contest.Team{Slug: "team-000", Name: "Team team-000"}, roster.Teams[0])

	batch := updates(4) // team-003 does not exist
	for i := range batch {
		batch[i].HackathonID = ""
	}
	b.Fail(refuseBulksWith("team-001"))
	answers, err := b.client.Send(t.Context(), batch)
	require.NoError(t, err)
	require.NoError(t, answers[0])
	assert.True(t, hub.IsPermanent(answers[1]))
	require.NoError(t, answers[2])
	require.ErrorContains(t, answers[3], "Team not found")
	assert.True(t, hub.IsPermanent(answers[3]))
	assert.Equal(t, map[contest.Slug]int{"team-000": 1, "team-002": 1}, b.accepted(t))

	b.Fail(func(*http.Request) *labhub.Fault { return &labhub.Fault{Status: 502} })
	before := b.calls.Load()
	_, err = b.client.Send(t.Context(), batch)
	require.ErrorContains(t, err, "hub answered 502")
	assert.Equal(t, int64(9), b.calls.Load()-before, "three updates, three attempts each, then no more")
}

func TestTeamsAreMerged(t *testing.T) {
	t.Parallel()
	b := open(t, 0)
	secure := func(key, value string) labhub.Variable {
		return labhub.Variable{Key: key, Value: value, Secure: true}
	}
	require.NoError(t, b.Seed(t.Context(),
		labhub.Team{Slug: "real", Name: "Real", Environment: []labhub.Variable{
			{Key: "ENDPOINT_URL", Value: " https://real.example.org "}, {Key: "Repo", Value: "https://github.com/x/real"},
			{Key: "MONEY_SPEND", Value: "12 000"},
		}},
		labhub.Team{Slug: "both", Name: "Both", Environment: []labhub.Variable{
			{Key: "APPLICATION_URL", Value: "https://a.example.org"}, {Key: "ENDPOINT_URL", Value: "https://b.example.org"},
		}},
		labhub.Team{Slug: "hidden", Name: "Hidden", Environment: []labhub.Variable{
			secure("APPLICATION_URL", "https://secret.example.org"), {Key: "ENDPOINT_URL", Value: "https://shown.example.org"},
			secure("Repo", "short"), {Key: "MONEY_SPEND", Value: "***"},
		}},
		labhub.Team{Slug: "new", Name: "New", Status: "NEW"},
		labhub.Team{Slug: "elsewhere", Name: "Elsewhere", HackathonID: "another"},
	))
	got, err := b.client.Teams(t.Context(), labhub.DefaultHackathon)
	require.NoError(t, err)
	assert.Equal(t, []contest.Team{
		{Slug: "both", Name: "Both", HackathonID: labhub.DefaultHackathon, Endpoint: "https://a.example.org"},
		{Slug: "hidden", Name: "Hidden", HackathonID: labhub.DefaultHackathon, Endpoint: "https://shown.example.org", Notes: []string{
			"APPLICATION_URL is hidden by the Hub, so it was not used",
			"Repo is hidden by the Hub, so it was not used",
			"MONEY_SPEND is hidden by the Hub, so it was not used"}},
		{Slug: "real", Name: "Real", HackathonID: labhub.DefaultHackathon, Endpoint: "https://real.example.org",
			Repository: "https://github.com/x/real", Spend: "12 000"},
	}, got)
	assert.Equal(t, int64(2), b.calls.Load())
}

func TestTeamsThatAreNoneAreSkipped(t *testing.T) {
	t.Parallel()
	b := open(t, 0)
	b.Fail(func(*http.Request) *labhub.Fault {
		return &labhub.Fault{Status: 200, Body: `{"teams":[null,{"nickname":"a/../b"},{"nickname":"ok"},{"nickname":"ok"}]}`}
	})
	roster, err := b.client.Roster(t.Context(), "")
	require.NoError(t, err)
	assert.Len(t, roster.Teams, 1)
	assert.Len(t, roster.Skipped, 3)
}

func TestPublishStops(t *testing.T) {
	t.Parallel()
	b := open(t, 1)
	b.Fail(func(*http.Request) *labhub.Fault { return &labhub.Fault{Hang: true} })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.client.Send(ctx, updates(3))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, hub.IsPermanent(err))
}

// TestBodyIsWhatTheHubReads pins the bytes of a bulk and of a single update.
func TestBodyIsWhatTheHubReads(t *testing.T) {
	t.Parallel()
	b := open(t, 1)
	var bodies []string
	b.Fail(func(r *http.Request) *labhub.Fault { bodies = append(bodies, peek(r)); return nil })
	u := updates(1)[0]
	u.Score, u.Metrics = 0, map[string]any{}
	single := u
	single.HackathonID = ""
	for _, r := range b.client.Publish(t.Context(), []contest.Update{u, single}) {
		require.NoError(t, r.Err)
	}
	require.Len(t, bodies, 2)
	assert.JSONEq(t, `{"updates":[{"teamSlug":"team-000","hackathonId":"hackload-2025","criteriaType":"CODE_REPO",
		"status":"PASSED","score":0,"metrics":{},"updatedBy":"git-monitor-service"}]}`, bodies[0])
	assert.JSONEq(t, `{"status":"PASSED","score":0,"metrics":{},"updatedBy":"git-monitor-service"}`, bodies[1])
	assert.True(t, json.Valid([]byte(bodies[0])) && gjson.Get(bodies[0], "updates.#").Int() == 1)
}
