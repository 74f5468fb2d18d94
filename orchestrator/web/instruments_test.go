package web_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func search(t *testing.T) contest.Service {
	t.Helper()
	s, err := contest.FindService("EVENT_SEARCH")
	require.NoError(t, err)
	return s
}

func TestMetricsExposition(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	in := web.NewInstruments(reg, "1.2.3")
	require.NoError(t, web.WatchGauges(reg, func(context.Context) (web.Gauges, error) {
		return web.Gauges{OutboxRows: map[contest.OutboxState]int{contest.OutboxPending: 2, contest.OutboxParked: 1}, OutboxOldest: 90 * time.Second, ActiveRuns: 3, Workload: web.Workload{
			Queue:      []web.QueueDepth{{Kind: "advance", State: "available", Jobs: 2, Oldest: 1500 * time.Millisecond}, {Kind: "round", State: "discarded", Jobs: 1}},
			LastRounds: map[contest.ServiceKey]web.LastRound{contest.SearchTesting: {Started: time.UnixMilli(1_700_000_000_500), Ended: time.UnixMilli(1_700_000_100_000)}},
			Ceiling:    4000, Requests: 1000, ConfigHash: "abc",
		},
			InvalidStreaks: map[contest.ServiceKey]int{contest.SearchTesting: 4}}, nil
	}))
	in.JobDone(search(t), web.JobSucceeded, 42*time.Second)
	in.JobDone(search(t), web.JobFailed, time.Second)
	in.JobDone(search(t), web.JobSkipped, 0)
	in.TeamsProcessed(search(t), 7)
	in.RunJudged(search(t), contest.OutcomeInvalid)
	in.PrometheusQuery()
	in.HubRequest(200)
	in.HubRequest(503)
	in.HubRequest(0)
	in.HubRequest(-7)

	got := get(t, start(t, web.Metrics(reg))+"/metrics")
	assert.Equal(t, http.StatusOK, got.code)
	assert.Contains(t, got.header.Get("Content-Type"), "text/plain")
	problems, err := promlint.New(strings.NewReader(got.body)).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	built := regexp.MustCompile(`goarch="[^"]*",goos="[^"]*",goversion="[^"]*"`)
	golden(t, "metrics.txt", built.ReplaceAllString(got.body, `goarch="A",goos="O",goversion="V"`))
}

func TestEachInstrumentMoves(t *testing.T) {
	t.Parallel()
	s := search(t)
	tests := map[string]struct {
		move   func(*web.Instruments)
		before string
		after  string
	}{
		"job_executions_total": {func(in *web.Instruments) { in.JobDone(s, web.JobFailed, time.Second) },
			`job_executions_total{service="k6-search-testing-service",status="failure"} 0`, `job_executions_total{service="k6-search-testing-service",status="failure"} 1`},
		"job_duration_seconds": {func(in *web.Instruments) { in.JobDone(s, web.JobSucceeded, 2*time.Second) },
			`job_duration_seconds_sum{service="k6-search-testing-service"} 0`, `job_duration_seconds_sum{service="k6-search-testing-service"} 2`},
		"teams_processed_total": {func(in *web.Instruments) { in.TeamsProcessed(s, 25) },
			`teams_processed_total{service="k6-search-testing-service"} 0`, `teams_processed_total{service="k6-search-testing-service"} 25`},
		"hackload_runs_total": {func(in *web.Instruments) { in.RunJudged(s, contest.OutcomePassed) },
			`hackload_runs_total{outcome="passed",service="k6-search-testing-service"} 0`, `hackload_runs_total{outcome="passed",service="k6-search-testing-service"} 1`},
		"hackload_prometheus_queries_total": {func(in *web.Instruments) { in.PrometheusQuery() },
			`hackload_prometheus_queries_total 0`, `hackload_prometheus_queries_total 1`},
		"hackload_hub_requests_total": {func(in *web.Instruments) { in.HubRequest(200) },
			`hackload_hub_requests_total{code="200"} 0`, `hackload_hub_requests_total{code="200"} 1`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := prometheus.NewRegistry()
			in := web.NewInstruments(reg, "")
			url := start(t, web.Metrics(reg)) + "/metrics"
			assert.Contains(t, get(t, url).body, tc.before+"\n")
			tc.move(in)
			assert.Contains(t, get(t, url).body, tc.after+"\n")
		})
	}
}

func TestGaugesAreNeverOld(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	var broken error
	require.NoError(t, web.WatchGauges(reg, func(ctx context.Context) (web.Gauges, error) {
		_, bounded := ctx.Deadline()
		assert.True(t, bounded)
		return web.Gauges{ActiveRuns: 2}, broken
	}))
	web.NewInstruments(reg, "")
	url := start(t, web.Metrics(reg)) + "/metrics"
	assert.Contains(t, get(t, url).body, "hackload_active_runs 2\n")
	broken = errors.New("no state")
	got := get(t, url)
	assert.NotContains(t, got.body, "hackload_active_runs 2")
	assert.Contains(t, got.body, "hackload_build_info", "the rest is still there")

	assert.ErrorContains(t, web.WatchGauges(reg, nil), "register gauges")
}

func TestRegistryHasTheRuntime(t *testing.T) {
	t.Parallel()
	base := start(t, web.Metrics(web.NewRegistry()))
	assert.Contains(t, get(t, base+"/metrics").body, "go_goroutines")
	assert.Contains(t, get(t, base+"/").body, "/metrics")
	assert.Equal(t, http.StatusNotFound, get(t, base+"/other").code)
}
