package hub_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// contestants are three teams of one hackathon and one of another.
func contestants() []hub.Team {
	return []hub.Team{
		{Slug: "zulu", Name: "Zulu", Environment: []hub.Variable{
			{Key: "ENDPOINT_URL", Value: "http://127.0.0.1:9", Category: "api"},
			{Key: "Repo", Value: "https://github.com/hackload-kz/zulu", Category: "development"},
			{Key: "MERCHANT_PASSWORD", Value: "0123456789abc", Category: "payment", Secure: true},
			{Key: "PIN", Value: "12345678", Secure: true},
		}},
		{Slug: "alem", Name: "Alem"},
		{Slug: "new_team", Name: "New", Status: "NEW", Level: "BEGINNER"},
		{Slug: "other", Name: "Other", HackathonID: "another"},
	}
}

// bench is a Hub on a real socket with a caller for it.
type bench struct {
	*hub.Hub
	url string
	key string
}

func open(t *testing.T) bench {
	t.Helper()
	h, err := hub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	require.NoError(t, h.Seed(t.Context(), contestants()...))
	key, err := h.CreateKey(t.Context(), hub.Everything)
	require.NoError(t, err)
	server := httptest.NewServer(h.Handler())
	t.Cleanup(server.Close)
	return bench{h, server.URL, key}
}

// call makes one request and returns status and body.
func (b bench) call(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if b.key != "" {
		req.Header.Set("X-API-Key", b.key)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

const (
	criteria  = "/api/service/team-criteria"
	teams     = "/api/service/teams"
	variables = "/api/service/teams/environment"
)

// entry is one update of a bulk as JSON; extra fields replace and add.
func entry(extra map[string]string) string {
	fields := map[string]string{
		"teamSlug": `"zulu"`, "hackathonId": `"hackload-2025"`, "criteriaType": `"CODE_REPO"`,
		"status": `"PASSED"`, "score": "1", "metrics": `{"commitsCount":12}`, "updatedBy": `"git-monitor-service"`,
	}
	for k, v := range extra {
		fields[k] = v
		if v == "" {
			delete(fields, k)
		}
	}
	var parts []string
	for k, v := range fields {
		parts = append(parts, fmt.Sprintf("%q:%s", k, v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func bulk(entries ...string) string { return `{"updates":[` + strings.Join(entries, ",") + `]}` }

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := open(t)
	valid := entry(nil)
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		words                    string
	}{
		{"unknown team status", "GET", teams + "?status=MAYBE", "", 500, "Internal server error"},
		{"environment of an unknown team", "GET", variables + "?team=nobody", "", 404, "Team not found"},
		{"criteria of an unknown team", "GET", criteria + "?team=nobody", "", 404, "Team not found"},
		{"criterion: type before team", "GET", criteria + "/nobody/NONSENSE", "", 400, "Invalid criteria type"},
		{"criterion of an unknown team", "GET", criteria + "/nobody/CODE_REPO", "", 404, "Team not found"},
		{"single: type before body and team", "PUT", criteria + "/nobody/NONSENSE", "{", 400, "Invalid criteria type"},
		{"single: body before team", "PUT", criteria + "/nobody/CODE_REPO", "{}", 500, "Internal server error"},
		{"single: unknown team", "PUT", criteria + "/nobody/CODE_REPO", valid, 404, "Team not found"},
		{"single: fraction", "PUT", criteria + "/zulu/CODE_REPO", entry(map[string]string{"score": "1.5"}), 500, "Internal server error"},
		{"single: beyond 32 bits", "PUT", criteria + "/zulu/CODE_REPO", entry(map[string]string{"score": "2147483648"}), 500, "Internal server error"},
		{"variable: team before body", "PUT", teams + "/nobody/environment/A", "{", 404, "Team not found"},
		{"variable: no value", "PUT", teams + "/zulu/environment/A", "{}", 500, "Internal server error"},
		{"variable: empty value", "PUT", teams + "/zulu/environment/A", `{"value":""}`, 500, "Internal server error"},
		{"variable: value too long", "PUT", teams + "/zulu/environment/A", `{"value":"` + strings.Repeat("x", 2001) + `"}`, 500, "Internal server error"},
		{"variable: null description", "PUT", teams + "/zulu/environment/A", `{"value":"x","description":null}`, 500, "Internal server error"},
		{"variable: key", "PUT", teams + "/zulu/environment/a.b", `{"value":"x"}`, 500, "Internal server error"},
		{"delete: unknown team", "DELETE", teams + "/nobody/environment/Repo", "", 404, "Team not found"},
		{"delete: unknown variable", "DELETE", teams + "/zulu/environment/NONE", "", 404, "Environment variable not found"},
		{"variables: body before team", "PUT", variables, `{"teamSlug":"nobody","updates":[{"key":"A"}]}`, 500, "Internal server error"},
		{"variables: unknown team", "PUT", variables, `{"teamSlug":"nobody","updates":[{"key":"A","value":"x"}]}`, 404, "Team not found"},
		{"bulk: no JSON", "POST", criteria, "updates", 500, "Internal server error"},
		{"bulk: no list", "POST", criteria, `{"updates":null}`, 500, "Internal server error"},
		{"bulk: a null", "POST", criteria, bulk(valid, "null"), 500, "Internal server error"},
		{"bulk: unknown criterion", "POST", criteria, bulk(valid, entry(map[string]string{"criteriaType": `"X"`})), 500, "Internal server error"},
		{"bulk: unknown status", "POST", criteria, bulk(valid, entry(map[string]string{"status": `"OK"`})), 500, "Internal server error"},
		{"bulk: no updatedBy", "POST", criteria, bulk(valid, entry(map[string]string{"updatedBy": ""})), 500, "Internal server error"},
		{"bulk: empty hackathon", "POST", criteria, bulk(valid, entry(map[string]string{"hackathonId": `""`})), 500, "Internal server error"},
		{"bulk: negative score", "POST", criteria, bulk(valid, entry(map[string]string{"score": "-1"})), 500, "Internal server error"},
		{"bulk: null score", "POST", criteria, bulk(valid, entry(map[string]string{"score": "null"})), 500, "Internal server error"},
		{"bulk: score in quotes", "POST", criteria, bulk(valid, entry(map[string]string{"score": `"1"`})), 500, "Internal server error"},
		{"bulk: metrics are a list", "POST", criteria, bulk(valid, entry(map[string]string{"metrics": "[]"})), 500, "Internal server error"},
		{"bulk: null metrics", "POST", criteria, bulk(valid, entry(map[string]string{"metrics": "null"})), 500, "Internal server error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body := b.call(t, tc.method, tc.path, tc.body)
			assert.Equal(t, tc.status, status)
			assert.JSONEq(t, fmt.Sprintf(`{"error":%q}`, tc.words), body)
		})
	}
	history, err := b.History(t.Context())
	require.NoError(t, err)
	assert.Empty(t, history, "nothing of a refused request is kept")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, tc := range []struct {
		name        string
		permissions []string
		method      string
		path        string
		status      int
	}{
		{"teams need teams:read", []string{hub.EnvironmentRead, hub.EnvironmentWrite}, "GET", teams, 403},
		{"teams with teams:read", []string{hub.TeamsRead}, "GET", teams, 200},
		{"environment needs environment:read", []string{hub.TeamsRead}, "GET", variables, 403},
		{"criteria share the environment's permission", []string{hub.EnvironmentRead}, "GET", criteria, 200},
		{"a new key may only write", nil, "GET", criteria, 403},
		{"permission before type", []string{hub.TeamsRead}, "PUT", criteria + "/zulu/NONSENSE", 403},
		{"everything", []string{hub.Everything}, "GET", teams, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key, err := b.CreateKey(t.Context(), tc.permissions...)
			require.NoError(t, err)
			assert.Regexp(t, `^sk_[0-9a-f]{64}$`, key)
			status, body := bench{b.Hub, b.url, key}.call(t, tc.method, tc.path, "")
			assert.Equal(t, tc.status, status)
			if status == http.StatusForbidden {
				assert.JSONEq(t, `{"error":"Insufficient permissions"}`, body)
			}
		})
	}
	for _, key := range []string{"", "sk_" + strings.Repeat("0", 64)} {
		status, body := bench{b.Hub, b.url, key}.call(t, "PUT", criteria+"/zulu/NONSENSE", "")
		assert.Equal(t, 401, status)
		assert.JSONEq(t, `{"error":"Invalid API key"}`, body)
	}
}

func TestTeams(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, tc := range []struct {
		name, query string
		want        []string
	}{
		{"approved by default, by nickname", "", []string{"alem", "other", "zulu"}},
		{"one hackathon", "?hackathonId=another", []string{"other"}},
		{"a state", "?status=NEW", []string{"new_team"}},
		{"an unknown hackathon", "?hackathonId=none", []string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body := b.call(t, "GET", teams+tc.query, "")
			require.Equal(t, 200, status, body)
			got := []string{}
			for _, v := range gjson.Get(body, "teams.#.nickname").Array() {
				got = append(got, v.String())
			}
			assert.Equal(t, tc.want, got)
			assert.Equal(t, int64(len(tc.want)), gjson.Get(body, "count").Int())
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	b := open(t)
	status, body := b.call(t, "GET", variables+"?team=zulu", "")
	require.Equal(t, 200, status)
	shown := gjson.Get(body, `team.environment.#(key=="MERCHANT_PASSWORD").value`)
	assert.Equal(t, "0123***9abc", shown.String())
	assert.Equal(t, "***", gjson.Get(body, `team.environment.#(key=="PIN").value`).String(), "eight characters are hidden whole")
	assert.JSONEq(t, `["api","development","payment"]`, gjson.Get(body, "team.categories").Raw)
	assert.Equal(t, "PIN", gjson.Get(body, "team.environment.3.key").String(), "no category comes last")

	_, body = b.call(t, "GET", variables, "")
	assert.Equal(t, int64(4), gjson.Get(body, "teams.#").Int(), "all teams of all hackathons in every state")
	assert.False(t, gjson.Get(body, "team").Exists())

	status, body = b.call(t, "PUT", variables, `{"teamSlug":"zulu","updates":[{"key":"Repo","value":"x"},{"key":"NEW","value":"y","isSecure":true}]}`)
	require.Equal(t, 200, status, body)
	assert.Equal(t, int64(1), gjson.Get(body, "updatedEntries").Int())
	assert.Equal(t, int64(1), gjson.Get(body, "createdEntries").Int())

	status, body = b.call(t, "PUT", teams+"/zulu/environment/Repo", `{"value":"z","isEditable":true}`)
	require.Equal(t, 200, status, body)
	assert.Equal(t, "z", gjson.Get(body, "value").String())
	assert.Equal(t, "development", gjson.Get(body, "category").String(), "what is left out stays")
	assert.True(t, gjson.Get(body, "isEditable").Bool())

	status, body = b.call(t, "DELETE", teams+"/zulu/environment/Repo", "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"message":"Environment variable deleted successfully"}`, body)
	_, body = b.call(t, "GET", variables+"?team=zulu", "")
	assert.False(t, gjson.Get(body, `team.environment.#(key=="Repo")`).Exists())
}

func TestBulkAnswersPerUpdate(t *testing.T) {
	t.Parallel()
	b := open(t)
	status, body := b.call(t, "POST", criteria, bulk(
		entry(nil),
		entry(map[string]string{"teamSlug": `"nobody"`}),
		entry(map[string]string{"hackathonId": `"another"`}),
		entry(map[string]string{"criteriaType": `"EVENT_SEARCH"`, "score": "0.5"}),
		entry(map[string]string{"criteriaType": `"ARCHIVE_SEARCH"`, "score": "4e9"}),
		entry(map[string]string{"criteriaType": `"AUTH_PERFORMANCE"`, "score": "1e999"}),
		entry(map[string]string{"criteriaType": `"JUDGE_SCORE"`, "score": "3.0"}),
	))
	require.Equal(t, 200, status, body)
	assert.Equal(t, int64(2), gjson.Get(body, "createdEntries").Int(), body)
	assert.Equal(t, int64(0), gjson.Get(body, "updatedEntries").Int())
	assert.Equal(t, int64(1), gjson.Get(body, "processedTeams").Int())
	assert.Equal(t, int64(7), gjson.Get(body, "totalRequests").Int())
	assert.Equal(t, int64(5), gjson.Get(body, "errors.#").Int())
	assert.Equal(t, "Team not found", gjson.Get(body, "errors.0.error").String())
	assert.Equal(t, "Hackathon ID mismatch", gjson.Get(body, "errors.1.error").String())
	assert.Equal(t, "EVENT_SEARCH", gjson.Get(body, "errors.2.criteriaType").String())

	status, body = b.call(t, "POST", criteria, bulk())
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"updatedEntries":0,"createdEntries":0,"processedTeams":0,"totalRequests":0}`, body)
}

func TestOmittedFieldsKeepTheirValues(t *testing.T) {
	t.Parallel()
	b := open(t)
	_, body := b.call(t, "PUT", criteria+"/zulu/CODE_REPO", entry(nil))
	assert.Equal(t, "created", gjson.Get(body, "action").String(), body)
	_, body = b.call(t, "PUT", criteria+"/zulu/CODE_REPO", entry(map[string]string{"status": `"FAILED"`, "score": "", "metrics": ""}))
	assert.Equal(t, "updated", gjson.Get(body, "action").String(), body)
	assert.Equal(t, "FAILED", gjson.Get(body, "criteria.status").String())
	assert.Equal(t, int64(1), gjson.Get(body, "criteria.score").Int())
	assert.JSONEq(t, `{"commitsCount":12}`, gjson.Get(body, "criteria.metrics").Raw)
	assert.False(t, gjson.Get(body, "criteria.history").Exists())

	_, body = b.call(t, "GET", criteria+"/zulu/CODE_REPO", "")
	assert.Equal(t, int64(2), gjson.Get(body, "criteria.history.#").Int(), body)
	assert.Equal(t, gjson.Null, gjson.Get(body, "criteria.history.0.score").Type, "the newest first, with what was sent")
	assert.Equal(t, int64(1), gjson.Get(body, "criteria.history.1.score").Int())
	_, body = b.call(t, "GET", criteria+"/zulu/EVENT_SEARCH", "")
	assert.Equal(t, gjson.Null, gjson.Get(body, "criteria").Type)

	for range 12 {
		b.call(t, "PUT", criteria+"/zulu/CODE_REPO", entry(nil))
	}
	_, body = b.call(t, "GET", criteria+"/zulu/CODE_REPO", "")
	assert.Equal(t, int64(10), gjson.Get(body, "criteria.history.#").Int())
}

func TestCriteriaFilters(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.call(t, "POST", criteria, bulk(
		entry(map[string]string{"criteriaType": `"EVENT_SEARCH"`}), entry(nil),
		entry(map[string]string{"teamSlug": `"other"`, "hackathonId": `"another"`}),
		entry(map[string]string{"teamSlug": `"alem"`}),
	))
	for _, tc := range []struct {
		query string
		want  string
	}{
		{"", "alem/CODE_REPO zulu/CODE_REPO zulu/EVENT_SEARCH other/CODE_REPO"},
		{"?team=zulu", "zulu/CODE_REPO zulu/EVENT_SEARCH"},
		{"?hackathon=another", "other/CODE_REPO"},
		{"?criteriaType=EVENT_SEARCH", "zulu/EVENT_SEARCH"},
		{"?team=zulu&criteriaType=NONSENSE", "zulu/CODE_REPO zulu/EVENT_SEARCH"},
	} {
		t.Run(tc.query, func(t *testing.T) {
			status, body := b.call(t, "GET", criteria+tc.query, "")
			require.Equal(t, 200, status)
			var got []string
			for _, c := range gjson.Get(body, "criteria").Array() {
				got = append(got, c.Get("team.nickname").String()+"/"+c.Get("criteriaType").String())
			}
			assert.Equal(t, tc.want, strings.Join(got, " "))
		})
	}
}

// TestReopen: what was answered is there after the process is gone, although
// the file was never closed; and seeding again changes no criterion.
func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a hub?.db")
	first, err := hub.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, first.Close()) })
	require.NoError(t, first.Seed(t.Context(), contestants()...))
	key, err := first.CreateKey(t.Context(), hub.Everything)
	require.NoError(t, err)
	server := httptest.NewServer(first.Handler())
	t.Cleanup(server.Close)
	bench{first, server.URL, key}.call(t, "POST", criteria, bulk(entry(nil)))

	second, err := hub.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, second.Close()) })
	again := contestants()
	again[0].Environment = []hub.Variable{{Key: "ENDPOINT_URL", Value: "http://127.0.0.1:10"}}
	require.NoError(t, second.Seed(t.Context(), again...))
	server2 := httptest.NewServer(second.Handler())
	t.Cleanup(server2.Close)
	b := bench{second, server2.URL, key}

	status, body := b.call(t, "GET", criteria, "")
	require.Equal(t, 200, status, "the key is still good: %s", body)
	assert.Equal(t, "zulu", gjson.Get(body, "criteria.0.team.nickname").String())
	_, body = b.call(t, "GET", variables+"?team=zulu", "")
	assert.Equal(t, "http://127.0.0.1:10", gjson.Get(body, "team.environment.0.value").String())
	assert.Equal(t, int64(1), gjson.Get(body, "team.environment.#").Int())
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	_, err := hub.Open(filepath.Join(t.TempDir(), "missing", "hub.db"))
	require.ErrorContains(t, err, "prepare hub database")

	text := filepath.Join(t.TempDir(), "hub.db")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("not a database ", 100)), 0o600))
	_, err = hub.Open(text)
	require.ErrorContains(t, err, "file is not a database")
}

func TestUnknownPathIsAPage(t *testing.T) {
	t.Parallel()
	status, body := open(t).call(t, "GET", "/api/teams", "")
	assert.Equal(t, 404, status)
	assert.Contains(t, body, "<html>")
}
