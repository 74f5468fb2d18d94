package contest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestServicesHaveThreeNamesEach(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range contest.Services() {
		for _, name := range []string{string(s.Key), s.Name, string(s.Criterion)} {
			require.False(t, seen[name], "%q names two services", name)
			seen[name] = true
			found, err := contest.FindService(name)
			require.NoError(t, err)
			require.Equal(t, s, found)
		}
		require.Equal(t, string(s.Key)+"-service", s.Name)
		require.True(t, s.Criterion.Valid())
		require.Equal(t, s.Scenario != "", s.Load())
	}
	require.Len(t, seen, 3*8)
	for _, name := range []string{"", "GIT-MONITOR", "JUDGE_SCORE", "search"} {
		_, err := contest.FindService(name)
		require.ErrorContains(t, err, "unknown service", name)
	}
}

func TestEnumsKnowTheirValues(t *testing.T) {
	t.Parallel()
	for _, c := range contest.Criteria() {
		require.True(t, c.Valid())
	}
	require.False(t, contest.Criterion("").Valid())
	require.False(t, contest.Criterion("event_search").Valid())
	for _, s := range []contest.Status{contest.Passed, contest.Failed, contest.NoData} {
		require.True(t, s.Valid())
	}
	require.False(t, contest.Status("").Valid())
	final := map[contest.RunState]bool{contest.RunJudged: true, contest.RunCancelled: true}
	for _, s := range []contest.RunState{contest.RunPlanned, contest.RunLeased, contest.RunPrepared, contest.RunLaunched,
		contest.RunEnded, contest.RunCollected, contest.RunJudged, contest.RunCancelled} {
		require.Equal(t, final[s], s.Final(), s)
	}
}

func TestVerdictBecomesUpdate(t *testing.T) {
	t.Parallel()
	v := contest.Verdict{
		Team: contest.Team{Slug: "good", HackathonID: "7"}, Service: contest.BookingTesting, Criterion: contest.TicketBooking,
		Status: contest.Failed, Metrics: map[string]any{"p95": 12},
	}
	u, err := v.Update()
	require.NoError(t, err)
	doc, err := json.Marshal(u)
	require.NoError(t, err)
	require.JSONEq(t, `{"teamSlug":"good","hackathonId":"7","criteriaType":"TICKET_BOOKING","status":"FAILED","score":0,
		"metrics":{"p95":12},"updatedBy":"k6-booking-testing-service"}`, string(doc), "score and metrics are always both there")
	v.Service = "by-hand"
	_, err = v.Update()
	require.ErrorContains(t, err, `unknown service "by-hand"`)
}

func TestEvidenceCounts(t *testing.T) {
	t.Parallel()
	e := contest.Evidence{Counts: []contest.Count{
		{Name: "http_reqs", Scenario: "warmup", Value: 1}, {Name: "http_reqs", Scenario: "steady", Value: 2},
		{Name: "http_reqs", Scenario: "steady", Label: "x", Value: 4}, {Name: "iterations", Scenario: "steady", Value: 8},
	}}
	require.InDelta(t, 7, e.Count("http_reqs"), 0)
	require.InDelta(t, 6, e.Count("http_reqs", "steady"), 0)
	require.InDelta(t, 7, e.Count("http_reqs", "steady", "warmup"), 0)
	require.Zero(t, e.Count("http_reqs", "verify"))
	require.Zero(t, e.Count("never_added"))
}

func TestScriptLengthAndPlan(t *testing.T) {
	t.Parallel()
	s := contest.Script{Scenarios: []contest.ScriptScenario{
		{Name: "warmup", Duration: contest.Duration(10 * time.Second), Planned: 5},
		{Name: "steady", Start: contest.Duration(10 * time.Second), Duration: contest.Duration(time.Minute), Planned: 600},
		{Name: "verify", Start: contest.Duration(15 * time.Second), Duration: contest.Duration(time.Second), Planned: 1},
	}}
	require.Equal(t, 70*time.Second, s.Length())
	require.EqualValues(t, 600, s.Planned("steady"))
	require.Zero(t, s.Planned("unknown"))
	require.Zero(t, contest.Script{}.Length())
}

func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	doc, err := json.Marshal(contest.Launch{TestID: "a", WriteToken: "secret"})
	require.NoError(t, err)
	require.NotContains(t, string(doc), "secret")
}

func TestRunName(t *testing.T) {
	t.Parallel()
	r := contest.Run{Team: contest.Team{Slug: "good"}, Scenario: "search", Level: contest.Level{Users: 10}}
	require.Equal(t, "good search level 1 (10 users)", r.String())
}
