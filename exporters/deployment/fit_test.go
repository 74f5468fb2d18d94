package deployment_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// fit checks what holds for every verdict: the Hub's page gets all of its keys
// in their types, nothing is null or infinite, and no secret is in it.
func fit(t *testing.T, v contest.Verdict) {
	t.Helper()
	require.True(t, v.Status.Valid())
	require.NotEmpty(t, v.Findings)
	require.Equal(t, contest.DeploymentMonitor, v.Service)
	require.Equal(t, contest.DeployedSolution, v.Criterion)
	if v.Status != contest.Passed && !v.Invalid && v.Status != contest.Failed {
		require.Zero(t, v.Score)
	}
	for _, f := range v.Findings {
		require.NotEmpty(t, f.Sentence, f.Rule)
		require.Contains(t, ".", f.Sentence[len(f.Sentence)-1:], f.Sentence)
		require.False(t, math.IsNaN(f.Value) || math.IsInf(f.Value, 0))
		require.Less(t, len(f.Sentence), 400)
	}
	text, err := json.Marshal(map[string]any{"m": v.Metrics, "f": v.Findings})
	require.NoError(t, err)
	require.NotContains(t, string(text), "null")
	require.NotContains(t, string(text), "secret")

	text, err = json.Marshal(v.Metrics)
	require.NoError(t, err)
	var page struct {
		EndpointURL, ConfirmationURL, ConfirmationTitle, ConfirmationDescription *string
		IsAccessible                                                             *bool
		StatusCode, WorkingEndpoints, TotalEndpoints                             *int
		ResponseTime                                                             *int64
		LastChecked                                                              *time.Time
		SuccessRate, CriticalSuccessRate                                         *float64
		EndpointResults                                                          *[]struct {
			Endpoint, Method         *string
			Working, Critical        *bool
			StatusCode, ResponseTime *int
			Error                    string
		}
	}
	require.NoError(t, json.Unmarshal(text, &page))
	require.NotNil(t, page.EndpointURL)
	require.NotNil(t, page.ConfirmationURL)
	require.NotNil(t, page.ConfirmationTitle)
	require.NotNil(t, page.ConfirmationDescription)
	require.NotNil(t, page.IsAccessible)
	require.NotNil(t, page.StatusCode)
	require.NotNil(t, page.ResponseTime)
	require.NotNil(t, page.LastChecked)
	require.GreaterOrEqual(t, *page.SuccessRate, 0.0)
	require.LessOrEqual(t, *page.SuccessRate, 100.0)
	require.GreaterOrEqual(t, *page.CriticalSuccessRate, 0.0)
	require.LessOrEqual(t, *page.CriticalSuccessRate, 100.0)
	require.NotNil(t, page.EndpointResults)
	require.Len(t, *page.EndpointResults, *page.TotalEndpoints)
	working := 0
	for _, r := range *page.EndpointResults {
		require.NotEmpty(t, *r.Endpoint)
		require.NotEmpty(t, *r.Method)
		require.NotNil(t, r.Critical)
		require.NotNil(t, r.StatusCode)
		require.NotNil(t, r.ResponseTime)
		require.Equal(t, *r.Working, r.Error == "", "%s: %s", *r.Endpoint, r.Error)
		if *r.Working {
			working++
		}
	}
	require.Equal(t, *page.WorkingEndpoints, working)
}
