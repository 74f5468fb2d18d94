package hub

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func search(change func(*contest.Update)) contest.Update {
	u := contest.Update{
		TeamSlug: "good_Team-1", HackathonID: "hackload-2025", CriteriaType: contest.EventSearch,
		Status: contest.Passed, Score: 1, UpdatedBy: "k6-search-testing-service",
		Metrics: map[string]any{"p95": 120.5, "testResults": []map[string]any{{"userSize": 50, "testPassed": true}}},
	}
	if change != nil {
		change(&u)
	}
	return u
}

func metrics(criterion contest.Criterion, m map[string]any) contest.Update {
	return search(func(u *contest.Update) { u.CriteriaType, u.Metrics = criterion, m })
}

func results(criterion contest.Criterion, entry any) contest.Update {
	return metrics(criterion, map[string]any{"testResults": []any{entry}})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	deep := any(1)
	for range 20 {
		deep = []any{deep}
	}
	type row = map[string]any
	for _, tc := range []struct {
		name   string
		update contest.Update
		want   string // part of the error; empty: valid
	}{
		{"as measured", search(nil), ""},
		{"no hackathon id goes by single PUT", search(func(u *contest.Update) { u.HackathonID = "" }), ""},
		{"cleared", search(func(u *contest.Update) { u.Score, u.Metrics = 0, row{} }), ""},
		{"largest score", search(func(u *contest.Update) { u.Score = math.MaxInt32 }), ""},
		{"typed entries", metrics(contest.DeployedSolution, row{"endpointResults": []struct{ Endpoint string }{{"/api"}}}), ""},
		{"auth without a rate", results(contest.AuthPerformance, row{"testPassed": true}), ""},
		{"a failed level without users", results(contest.EventSearch, row{"testPassed": false}), ""},

		{"no slug", search(func(u *contest.Update) { u.TeamSlug = "" }), "slug"},
		{"slug with a slash", search(func(u *contest.Update) { u.TeamSlug = "a/b" }), "slug"},
		{"unknown criterion", search(func(u *contest.Update) { u.CriteriaType = "X" }), "criterion"},
		{"the judges' criterion", search(func(u *contest.Update) { u.CriteriaType = contest.JudgeScore }), "not ours"},
		{"unknown status", search(func(u *contest.Update) { u.Status = "OK" }), "status"},
		{"no status", search(func(u *contest.Update) { u.Status = "" }), "status"},
		{"no updatedBy", search(func(u *contest.Update) { u.UpdatedBy = " " }), "updatedBy"},
		{"negative score", search(func(u *contest.Update) { u.Score = -1 }), "score"},
		{"score beyond 32 bits", search(func(u *contest.Update) { u.Score = math.MaxInt32 + 1 }), "score"},
		{"no metrics", search(func(u *contest.Update) { u.Metrics = nil }), "metrics are missing"},
		{"NaN", metrics(contest.EventSearch, row{"p95": math.NaN()}), "NaN"},
		{"infinity", metrics(contest.EventSearch, row{"p95": math.Inf(1)}), "Inf"},
		{"no JSON at all", metrics(contest.EventSearch, row{"f": func() {}}), "unsupported type"},
		{"a null", metrics(contest.AuthPerformance, row{"p95": nil}), "metrics.p95 is null"},
		{"a null inside", metrics(contest.BudgetTracking, row{"breakdown": row{"a": (*int)(nil)}}), "metrics.breakdown.a is null"},
		{"a null entry", results(contest.EventSearch, nil), "metrics.testResults[0] is null"},
		{"results are no list", metrics(contest.EventSearch, row{"testResults": row{}}), "not a list"},
		{"an entry is no object", results(contest.EventSearch, "x"), "not an object"},
		{"an endpoint is no object", metrics(contest.DeployedSolution, row{"endpointResults": []any{1}}), "not an object"},
		{"title is no string", metrics(contest.CodeRepo, row{"confirmationTitle": 1}), "confirmationTitle is not a string"},
		{"booking without a rate", results(contest.TicketBooking, row{"testPassed": true}), "successRate must be a number"},
		{"booking with a rate in words", results(contest.TicketBooking, row{"successRate": "99"}), "successRate must be a number"},
		{"auth with a rate in words", results(contest.AuthPerformance, row{"successRate": "99"}), "successRate must be a number"},
		{"passed level without users", results(contest.ArchiveSearch, row{"testPassed": true}), "userSize must be a number"},
		{"too deep", metrics(contest.EventSearch, row{"x": deep}), "nested too deep"},
		{"too large", metrics(contest.EventSearch, row{"x": strings.Repeat("x", maxMetrics)}), "bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := Validate(tc.update)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.True(t, IsPermanent(err))
			assert.Zero(t, RetryAfter(err))
		})
	}
}
