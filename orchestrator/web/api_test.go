package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

func TestJSONGolden(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(sample().config()))
	for name, path := range map[string]string{
		"results.json": "/api/v1/results",
		"team.json":    "/api/v1/teams/zero-downtime",
		"run.json":     "/api/v1/runs/01j50000000000000000000000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := get(t, base+path)
			assert.Equal(t, http.StatusOK, got.code)
			assert.Equal(t, "application/json", got.header.Get("Content-Type"))
			assert.EqualValues(t, web.SchemaVersion, gjson.Get(got.body, "schemaVersion").Int())
			assert.NotContains(t, got.body, "secret-", "a team's URLs are its own affair")
			var pretty bytes.Buffer
			require.NoError(t, json.Indent(&pretty, []byte(got.body), "", "  "))
			golden(t, name, pretty.String())
		})
	}
}

func TestLinksInJSONLeadSomewhere(t *testing.T) {
	t.Parallel()
	c := sample().config()
	base := start(t, web.New(c))
	results := get(t, base+"/api/v1/results").body
	team := gjson.Get(results, "teams.0.url").String()
	run := gjson.Get(get(t, base+"/api/v1/teams/zero-downtime").body, "latestRuns.0.url").String()
	evidence := gjson.Get(get(t, base+"/api/v1/runs/01j50000000000000000000000").body, "evidenceUrl").String()
	for _, link := range []string{team, run, evidence} {
		u, err := url.Parse(link)
		require.NoError(t, err)
		assert.Equal(t, "results.example", u.Host)
		assert.Equal(t, http.StatusOK, get(t, base+u.Path).code, link)
	}
}

func TestRanks(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		scores map[contest.Slug]int
		want   string // rank, "=" when shared, slug
	}{
		"all differ":          {map[contest.Slug]int{"a": 1, "b": 3, "c": 2}, "1 b, 2 c, 3 a"},
		"two share the first": {map[contest.Slug]int{"a": 3, "b": 3, "c": 2}, "1= a, 1= b, 3 c"},
		"two share the last":  {map[contest.Slug]int{"a": 1, "b": 3, "c": 1}, "1 b, 2= a, 2= c"},
		"nobody has any":      {map[contest.Slug]int{"b": 0, "a": 0}, "1= a, 1= b"},
		"alone":               {map[contest.Slug]int{"a": 0}, "1 a"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &state{}
			for slug, score := range tc.scores {
				s.teams = append(s.teams, contest.Team{Slug: slug})
				s.verdicts = append(s.verdicts, contest.Verdict{Team: contest.Team{Slug: slug}, Criterion: contest.CodeRepo, Status: contest.Passed, Score: score})
			}
			s.verdicts = append(s.verdicts, contest.Verdict{Team: contest.Team{Slug: "left"}, Criterion: contest.CodeRepo, Status: contest.Passed, Score: 99})
			var got []string
			for _, row := range gjson.Get(get(t, start(t, web.New(s.config()))+"/api/v1/results").body, "teams").Array() {
				tie := ""
				if row.Get("tied").Bool() {
					tie = "="
				}
				got = append(got, fmt.Sprintf("%d%s %s", row.Get("rank").Int(), tie, row.Get("slug").String()))
			}
			assert.Equal(t, tc.want, strings.Join(got, ", "))
		})
	}
}

func TestHealthHasTheSeedsShape(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(sample().config()))
	never := `{"serviceName":"git-monitor-service","status":"healthy","lastRunTime":null,"lastSuccessTime":null,"errorRate":0,"consecutiveFailures":0}`
	for _, name := range []string{"git-monitor", "git-monitor-service", "CODE_REPO"} {
		assert.JSONEq(t, never, get(t, base+"/health/"+name).body, name)
	}
	assert.JSONEq(t, `{"serviceName":"k6-search-testing-service","status":"degraded","lastRunTime":"2026-08-17T07:00:00Z",
		"lastSuccessTime":"2026-08-17T07:00:00Z","errorRate":0.05,"consecutiveFailures":1}`, get(t, base+"/health/EVENT_SEARCH").body)

	all := get(t, base+"/health")
	assert.Equal(t, http.StatusOK, all.code)
	assert.Equal(t, "degraded", gjson.Get(all.body, "status").String())
	assert.Len(t, gjson.Get(all.body, "services").Array(), len(contest.Services()))
}

func TestHealthIsTheWorstOfItsServices(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		states []string
		want   string
	}{
		"none":          {nil, "healthy"},
		"all well":      {[]string{"healthy", "healthy"}, "healthy"},
		"one degraded":  {[]string{"degraded", "healthy"}, "degraded"},
		"one unhealthy": {[]string{"unhealthy", "degraded"}, "unhealthy"},
		"unknown word":  {[]string{"fine", "healthy"}, "unhealthy"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &state{}
			for _, word := range tc.states {
				s.health = append(s.health, contest.ServiceHealth{Status: word})
			}
			got := get(t, start(t, web.New(s.config()))+"/health")
			assert.Equal(t, http.StatusOK, got.code, "a container is not restarted for a service's trouble")
			assert.Equal(t, tc.want, gjson.Get(got.body, "status").String())
			assert.True(t, gjson.Get(got.body, "services").IsArray())
		})
	}
}

func TestDisabledServiceHasNoHealth(t *testing.T) {
	t.Parallel()
	assert.Equal(t, http.StatusNotFound, get(t, start(t, web.New((&state{}).config()))+"/health/git-monitor").code)
}

func TestProbes(t *testing.T) {
	t.Parallel()
	s := sample()
	base := start(t, web.New(s.config()))
	assert.Equal(t, "ok\n", get(t, base+"/healthz").body)
	assert.Equal(t, "ready\n", get(t, base+"/readyz").body)
	s.notReady = errors.New("hub: no team was read yet\nmetric store: connection refused")
	got := get(t, base+"/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, got.code)
	assert.Equal(t, "hub: no team was read yet metric store: connection refused\n", got.body)
	s.remarks = []string{"<b>GitHub</b> is away"}
	assert.Equal(t, "hub: no team was read yet metric store: connection refused\n<b>GitHub</b> is away\n", get(t, base+"/readyz").body)
	assert.Equal(t, http.StatusOK, get(t, base+"/healthz").code, "not ready is not dead")
	s.notReady = nil
	got = get(t, base+"/readyz")
	assert.Equal(t, http.StatusOK, got.code, "work goes on without it")
	assert.Equal(t, "ready\n<b>GitHub</b> is away\n", got.body)
}
