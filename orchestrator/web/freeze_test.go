package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

const lateRun = "01j5llllllllllllllllllllll"

// frozen is a contest whose freeze was at noon, now at an hour of the test's
// choice. After it the slow team has passed, with a run to show.
func frozen(now time.Time) web.Config {
	s := sample()
	late := s.records[1]
	judged := noon().Add(time.Minute)
	late.Run.ID, late.Run.TestID, late.Run.JudgedAt, late.Run.Outcome = lateRun, "slow-search-30-late", &judged, contest.OutcomePassed
	s.records = append([]web.RunRecord{late}, s.records...)
	// It is listed last and takes the place of the earlier one in the table.
	s.verdicts = append(s.verdicts, contest.Verdict{Team: s.teams[1], Criterion: contest.EventSearch, Service: contest.SearchTesting,
		Status: contest.Passed, Score: 77, At: judged, Metrics: map[string]any{"p95": 1234.0}, Runs: []contest.RunID{late.Run.ID}})
	c := s.config()
	c.FreezeAt, c.Now = noon(), func() time.Time { return now }
	c.Operations = &web.Operations{Token: token, Schedule: &hand{state: s}}
	c.Organisers = &web.Organisers{Token: token, Spends: aBook()}
	return c
}

// What was measured after the freeze is on no page, in no answer of the API and in
// no table but for organisers.
func TestFreeze(t *testing.T) {
	t.Parallel()
	const late = lateRun
	tests := map[string]struct {
		path string
		late string // is shown to those who see what came later
		gone bool   // the whole page
	}{
		"results":         {path: "/", late: "1,234"},
		"under load now":  {path: "/", late: "118.2 requests/s"},
		"team":            {path: "/teams/slow", late: late},
		"team's verdict":  {path: "/teams/slow", late: "1,234"},
		"run":             {path: "/runs/" + late, late: "p(95)", gone: true},
		"run by testid":   {path: "/runs/slow-search-30-late", late: "p(95)", gone: true},
		"run under way":   {path: "/runs/01j5bbbbbbbbbbbbbbbbbbbbbb", late: "This run is under load", gone: true},
		"JSON results":    {path: "/api/v1/results", late: "1234"},
		"CSV":             {path: "/api/v1/results.csv", late: ",77"},
		"JSON team":       {path: "/api/v1/teams/slow", late: late},
		"JSON runs":       {path: "/api/v1/runs", late: late},
		"JSON team runs":  {path: "/api/v1/runs?team=slow", late: late},
		"JSON under way":  {path: "/api/v1/runs?state=launched", late: "01j5bbbbbbbbbbbbbbbbbbbbbb"},
		"JSON run":        {path: "/api/v1/runs/" + late, late: late, gone: true},
		"evidence":        {path: "/api/v1/runs/" + late + "/evidence", late: "configHash", gone: true},
		"by testid, JSON": {path: "/api/v1/runs/slow-search-30-late", late: late, gone: true},
	}
	before := start(t, web.New(frozen(noon().Add(-time.Second))))
	after := start(t, web.New(frozen(noon().Add(time.Hour))))
	o := browse(t, after)
	o.send(http.MethodPost, "/organisers/login", url.Values{"token": {token}})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, get(t, before+tc.path).body, tc.late, "before the freeze everybody sees it")

			public := get(t, after+tc.path)
			assert.NotContains(t, public.body, tc.late)
			assert.Equal(t, map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[tc.gone], public.code)
			assert.Contains(t, public.header.Values("Vary"), "Authorization, Cookie")
			assert.NotContains(t, send(t, http.MethodGet, after+tc.path, "a-guess", "").body, tc.late)

			bearer := send(t, http.MethodGet, after+tc.path, token, "")
			assert.Equal(t, http.StatusOK, bearer.code)
			assert.Contains(t, bearer.body, tc.late)
			assert.Equal(t, "no-store", bearer.header.Get("Cache-Control"))
			session := o.send(http.MethodGet, tc.path, nil)
			assert.Contains(t, session.body, tc.late, "an organiser who is signed in")
		})
	}
}

// The freeze is said, and what was there before it stays.
func TestFreezeIsSaid(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(frozen(noon())))
	page := get(t, url+"/")
	assert.Contains(t, page.body, "Results are frozen")
	assert.Contains(t, page.body, "p95 2,304\u202fms", "the slow team's result of before")
	assert.Contains(t, send(t, http.MethodGet, url+"/", token, "").body, "Everyone else sees the results of")
	assert.Equal(t, http.StatusOK, get(t, url+"/runs/01j50000000000000000000000").code)
	assert.Equal(t, "2026-08-17T07:00:00Z", gjson.Get(get(t, url+"/api/v1/results").body, "frozenAt").String())
	live := send(t, http.MethodGet, url+"/api/v1/results", token, "").body
	assert.Equal(t, gjson.Null, gjson.Get(live, "frozenAt").Type)

	c := frozen(noon().Add(time.Hour))
	c.Operations, c.Organisers = nil, nil
	require.NotContains(t, send(t, http.MethodGet, start(t, web.New(c))+"/", "", "").body, "1,234")
	c = frozen(noon().Add(time.Hour))
	c.Operations.Token = ""
	assert.NotContains(t, send(t, http.MethodGet, start(t, web.New(c))+"/", "", "").body, "1,234", "no token is no organiser")
}
