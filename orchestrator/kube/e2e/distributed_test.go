//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/kube/standin"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/prom"
)

// storeFor opens a metric store that Pods reach, and lets them write one launch.
func (c *cluster) storeFor(t *testing.T, id contest.TestID, token string) (*metricstore.Store, evidence.Query) {
	t.Helper()
	store, err := metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: c.node + ":0", ReadToken: token})
	require.NoError(t, err)
	require.NoError(t, store.Authorise(id, token))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	client, err := prom.New(prom.Config{URL: store.URL(), BearerToken: token})
	require.NoError(t, err)
	return store, client.Query
}

// point is one sample of k6's JSON output.
type point struct {
	Metric string `json:"metric"`
	Type   string `json:"type"`
	Data   struct {
		Value float64           `json:"value"`
		Tags  map[string]string `json:"tags"`
	} `json:"data"`
}

// points reads the samples that the runners printed, all together.
func (c *cluster) points(t *testing.T, pods []corev1.Pod) (all []point) {
	t.Helper()
	for _, p := range pods {
		log, err := c.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{}).Stream(t.Context())
		require.NoError(t, err)
		before := len(all)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var one point
			if json.Unmarshal(lines.Bytes(), &one) == nil && one.Type == "Point" {
				all = append(all, one)
			}
		}
		require.NoError(t, log.Close())
		require.Greater(t, len(all), before, "%s printed no samples", p.Name)
	}
	return all
}

func of(all []point, metric, scenario string) (values []float64) {
	for _, p := range all {
		if p.Metric == metric && p.Data.Tags["scenario"] == scenario {
			values = append(values, p.Data.Value)
		}
	}
	slices.Sort(values)
	return values
}

// Four runners share a level. What evidence counts over all of them is, to the
// unit, what they themselves have written down one by one.
func TestDistributedRunIsExact(t *testing.T) {
	c := connect(t)
	c.operate(t, standin.Pace{})
	namespace := c.namespace(t)
	const id, token, runners = contest.TestID("good-search-80-01e2e"), "a-token-of-this-test", 4
	store, query := c.storeFor(t, id, token)
	level := map[string]string{"API_URL": c.team(t, namespace), "USERS": "80", "RAMP": "2s", "DURATION": "15s"}
	c.script(t, namespace, "search", level)

	started := time.Now()
	c.create(t, namespace, runOf("exact", runners, func(spec object) {
		spec["args"] = []any{
			"--out=prometheus-rw", "--out=json", "--tag=testid=" + string(id), "--tag=team=good", "--tag=test_scenario=search", "--tag=level=80", "--no-summary",
		}
		spec["runner"].(object)["env"] = []any{
			object{"name": "K6_PROMETHEUS_RW_SERVER_URL", "value": store.WriteURL()},
			object{"name": "K6_PROMETHEUS_RW_BEARER_TOKEN", "value": token},
			object{"name": "K6_PROMETHEUS_RW_PUSH_INTERVAL", "value": "1s"},
		}
	}))
	c.reaches(t, namespace, "exact", "finished")
	pods := c.runners(t, namespace, "exact")
	require.Len(t, pods, runners)
	var codes []int
	for _, p := range pods {
		codes = append(codes, int(p.Status.ContainerStatuses[0].State.Terminated.ExitCode))
	}
	assertEnds(t, runners, codes)

	e := collect(t, query, contest.Run{ID: "r", TestID: id, Team: contest.Team{Slug: "good"}, Scenario: "search", LaunchedAt: &started}, scriptOf(t, level), runners)
	assert.Empty(t, e.Gaps)
	assert.Len(t, e.Generators, runners)
	written := c.points(t, pods)
	requests := of(written, "http_req_duration", "steady")
	planned := e.Script.Planned("steady")
	require.Equal(t, int64(80*15), planned)
	// Four segments are together what one machine would have done.
	assertPlanned(t, planned, float64(len(requests)), codes)
	assertCounts(t, e, requests)
	require.NotNil(t, e.Latency)
	// The histogram's buckets grow by a factor of 2^(1/64).
	exact := requests[int(math.Ceil(0.95*float64(len(requests))))-1]
	assert.InEpsilon(t, exact, e.Latency.P95.Value, 0.011+1e-9, "p95 of all samples is %v ms", exact)
	assert.LessOrEqual(t, e.Latency.P95.Low, exact)
	assert.GreaterOrEqual(t, e.Latency.P95.High, exact)
}

// assertEnds looks at how generators ended. A team that was slower than the bound,
// as one is on a busy machine, makes them end with 99.
func assertEnds(t *testing.T, generators int, codes []int) {
	t.Helper()
	assert.Len(t, codes, generators)
	assert.Subset(t, []int{0, 99}, codes)
}

// assertPlanned demands what was planned of a team that kept up. One that did not
// has had all users wait for it, and less was asked.
func assertPlanned(t *testing.T, planned int64, got float64, codes []int) {
	t.Helper()
	if slices.Max(codes) == 0 {
		assert.InDelta(t, planned, got, 0)
		return
	}
	t.Logf("the sample team did not keep up: %v of %d", got, planned)
	assert.LessOrEqual(t, got, float64(planned))
	assert.Positive(t, got)
}

func assertCounts(t *testing.T, e contest.Evidence, requests []float64) {
	t.Helper()
	checked := 0
	for _, count := range e.Thresholds {
		if !strings.HasPrefix(count.Threshold.String(), "http_req_duration") {
			continue
		}
		within, _ := slices.BinarySearch(requests, 2000)
		assert.InDelta(t, within, count.Within, 0, "within the bound")
		assert.InDelta(t, len(requests), count.Samples, 0, "samples")
		checked++
	}
	assert.Equal(t, 1, checked, "the script has one threshold on latency")
}

func scriptOf(t *testing.T, level map[string]string) (s contest.Script) {
	t.Helper()
	args := []string{"loadgen", "inspect", "--json-script", filepath.Join("..", "..", "..", "scenarios", "search.js")}
	for name, value := range level {
		args = append(args, "-e", name+"="+value)
	}
	require.NoError(t, json.Unmarshal(hackload(t, args...), &s))
	return s
}

func collect(t *testing.T, query evidence.Query, run contest.Run, script contest.Script, runners int) contest.Evidence {
	t.Helper()
	now := time.Now()
	all, err := evidence.Collect(t.Context(), query, now, []evidence.Subject{{
		Run: run, Script: script, PushInterval: time.Second,
		Launch: contest.LaunchResult{Started: *run.LaunchedAt, Ended: now, ExitCodes: make([]int, runners), Generators: runners},
	}})
	require.NoError(t, err)
	return all[run.TestID]
}
