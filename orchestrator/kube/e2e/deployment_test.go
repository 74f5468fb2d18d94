//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube/standin"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// The level of these tests: four runners for 8 users a second.
const (
	levelUsers   = 8
	levelSeconds = 20
	ladder       = `
criteria:
  EVENT_SEARCH:
    scenario: search
    repeats: 1
    levels:
      - {users: 8, ramp: 2s, duration: 20s, points: 1}
`
	settings = `
load: {launcher: testrun, push_interval: 1s, invalid_retries: 10, allowed_target_cidrs: [%s/32]}
kubernetes: {runner_image: hackload/runner:e2e, service_account: k6-runner, runner_cpu: 50m, runner_memory: 128Mi, rate_per_runner: 2}
metrics: {listen: ":9091", url: "http://hackload-job-service.hub.svc:9091"}
contest: /etc/hackload/contest.yaml
`
	// production as it is, with the address of a Hub and a contest of one level.
	aContest = `
configMapGenerator: [{name: job-service-files, namespace: hub, behavior: merge, files: [hackload.yaml, contest.yaml]}]
patches:
  - patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: job-service-config}
      data:
        API_BASE_URL: %q
        GRAFANA_API_URL: ""
        GIT_MONITOR_ENABLED: "false"
        DEPLOYMENT_MONITOR_ENABLED: "false"
        COST_TRACKING_ENABLED: "false"
        K6_SERVICES_INTERVAL: "0 0 1 1 *"
`
)

// contestInCluster is a whole one: production, a Hub and a team.
type contestInCluster struct {
	*cluster
	hub    *labhub.Hub
	target string // the team's address for this machine
}

func (c *cluster) contest(t *testing.T) *contestInCluster {
	t.Helper()
	c.homes(t)
	team := c.namespace(t)
	endpoint := c.team(t, team)
	s, err := c.CoreV1().Services(team).Get(t.Context(), "biletter", metav1.GetOptions{})
	require.NoError(t, err)
	hub, url, key := c.hub(t, endpoint)
	c.secret(t, map[string]string{"SERVICE_API_KEY": key, "ADMIN_TOKEN": "an-admin-token-of-this-test"})
	c.kubectl(t, "", "apply", "-k", overlay(t, "overlays/production", fmt.Sprintf(aContest, url), map[string]string{
		"hackload.yaml": fmt.Sprintf(settings, s.Spec.ClusterIP), "contest.yaml": ladder,
	}))
	c.rollout(t)
	return &contestInCluster{c, hub, "http://" + s.Spec.ClusterIP}
}

// watched is what there was in the runners' namespace at any time of a round, by
// the launch that it belonged to. A run that this machine spoilt is tried again, by
// a launch of its own.
type watched struct {
	runs, pods map[contest.TestID]map[types.UID]bool
	logs       []*os.File
}

func note(in map[contest.TestID]map[types.UID]bool, of metav1.Object) (first bool) {
	id := contest.TestID(of.GetLabels()["hackload.kz/testid"])
	if in[id] == nil {
		in[id] = map[types.UID]bool{}
	}
	first = !in[id][of.GetUID()]
	in[id][of.GetUID()] = true
	return first
}

// round begins one, and watches it until the Hub has its result. during is called
// once, when all runners load. It returns the evidence behind the result, and what
// the runners of that launch printed.
func (c *contestInCluster) round(t *testing.T, during func()) (contest.Evidence, []point) {
	t.Helper()
	w := watched{runs: map[contest.TestID]map[types.UID]bool{}, pods: map[contest.TestID]map[types.UID]bool{}}
	before := len(c.told(t))
	c.inPod(t, "jobs", "run", "k6-search-testing", "--who", "e2e")
	loading := false
	c.within(t, 3*patience, "the Hub has the result", func(ctx context.Context) (bool, error) {
		runs, err := c.runs.Namespace(loadHome).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, r := range runs.Items {
			note(w.runs, &r)
			if stage, _ := c.stage(ctx, loadHome, r.GetName()); stage == "started" && !loading {
				loading = true
				during()
			}
		}
		pods, err := c.CoreV1().Pods(loadHome).List(ctx, metav1.ListOptions{LabelSelector: "runner=true"})
		if err != nil {
			return false, err
		}
		for _, p := range pods.Items {
			if p.Status.Phase == corev1.PodRunning && note(w.pods, &p) {
				w.logs = append(w.logs, c.log(t, p))
			}
		}
		return len(c.told(t)) > before, nil
	})
	c.eventually(t, "nothing is left of the run", func(ctx context.Context) (bool, error) {
		runs, err := c.runs.Namespace(loadHome).List(ctx, metav1.ListOptions{})
		return err == nil && len(runs.Items) == 0, err
	})
	assert.True(t, loading, "the runners never loaded")
	assert.Len(t, c.told(t), before+1, "the Hub is told once")
	e := c.last(t)
	for id, uids := range w.runs {
		assert.Len(t, uids, 1, "%s has one TestRun, whatever happens", id)
	}
	assert.Len(t, w.pods[e.TestID], e.Launch.Generators, "%s has no second load", e.TestID)
	mine := slices.DeleteFunc(readPoints(t, w.logs), func(p point) bool { return p.Data.Tags["testid"] != string(e.TestID) })
	return e, mine
}

func (c *contestInCluster) told(t *testing.T) []labhub.Accepted {
	t.Helper()
	all, err := c.hub.History(t.Context())
	require.NoError(t, err)
	return all
}

// log opens what a runner prints, on its node: what is open stays to be read when
// the Pod is gone, and the API's stream may end before the last lines.
func (c *cluster) log(t *testing.T, p corev1.Pod) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join(c.dir, "pod-logs", fmt.Sprintf("%s_%s_%s", p.Namespace, p.Name, p.UID), "k6", "0.log"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// readPoints reads the samples out of logs, whose lines begin with a time, a stream
// and a mark.
func readPoints(t *testing.T, logs []*os.File) (all []point) {
	t.Helper()
	for _, f := range logs {
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			_, text, _ := strings.Cut(lines.Text(), " stdout F ")
			var one point
			if json.Unmarshal([]byte(text), &one) == nil && one.Type == "Point" {
				all = append(all, one)
			}
		}
		require.NoError(t, lines.Err())
	}
	return all
}

// last is the evidence of the newest run, which must be one that was measured.
func (c *contestInCluster) last(t *testing.T) (e contest.Evidence) {
	t.Helper()
	var list struct {
		Runs []struct {
			ID      contest.RunID   `json:"id"`
			Outcome contest.Outcome `json:"outcome"`
		} `json:"runs"`
	}
	require.NoError(t, c.api(t.Context(), "/api/v1/runs?limit=1", &list))
	require.Len(t, list.Runs, 1)
	require.NoError(t, c.api(t.Context(), "/api/v1/runs/"+string(list.Runs[0].ID)+"/evidence", &e))
	require.Contains(t, []contest.Outcome{contest.OutcomePassed, contest.OutcomeFailed}, list.Runs[0].Outcome, "this machine has spoilt each of the runs: %+v", e)
	return e
}

// assertExact holds evidence against what runners have written down themselves.
func assertExact(t *testing.T, e contest.Evidence, written []point) {
	t.Helper()
	assert.Empty(t, e.Gaps)
	assert.GreaterOrEqual(t, len(e.Generators), 4, "8 users a second at 2 a runner")
	assert.Len(t, e.Generators, e.Launch.Generators)
	requests := of(written, "http_req_duration", "steady")
	require.NotEmpty(t, requests)
	assert.Equal(t, int64(levelUsers*levelSeconds), e.Script.Planned("steady"))
	assert.Equal(t, levelUsers*levelSeconds, len(requests)+len(of(written, "dropped_iterations", "steady")))
	assertCounts(t, e, requests)
	require.NotNil(t, e.Latency)
	exact := requests[int(math.Ceil(0.95*float64(len(requests))))-1]
	assert.InEpsilon(t, exact, e.Latency.P95.Value, 0.011+1e-9, "p95 of all samples is %v ms", exact)
	assert.LessOrEqual(t, e.Latency.P95.Low, exact)
	assert.GreaterOrEqual(t, e.Latency.P95.High, exact)
}

// Production is applied, measures a team by four runners, and tells the Hub once
// and exactly; and so it does when it is killed, or its Pod deleted, under way.
func TestProductionMeasures(t *testing.T) {
	c := connect(t)
	c.operate(t, standin.Pace{}, "--out=json")
	live := c.contest(t)
	assert.NotContains(t, live.inPodAnyway(t, "check", "--config", "/etc/hackload/hackload.yaml"), "kubernetes:", "the cluster lacks nothing")

	e, written := live.round(t, func() {})
	assertExact(t, e, written)
	one := alone(t, live.target)
	assert.Equal(t, one.Script.Planned("steady"), e.Script.Planned("steady"), "as on one machine")
	assert.Equal(t, one.Script.Thresholds, e.Script.Thresholds)
	told := live.told(t)[0]
	assert.Equal(t, "good EVENT_SEARCH k6-search-testing-service", fmt.Sprintf("%s %s %s", told.Team, told.Criterion, told.UpdatedBy))
	assert.Contains(t, []contest.Status{contest.Passed, contest.Failed}, told.Status)
	assertTold(t, told.Metrics, e)

	for name, end := range map[string]func(p corev1.Pod){
		"killed":  func(p corev1.Pod) { kill(t, p) },
		"deleted": func(p corev1.Pod) { c.kubectl(t, "", "delete", "pod", "-n", home, "--wait=false", p.Name) },
	} {
		t.Run(name, func(t *testing.T) {
			e, written := live.round(t, func() { end(live.pod(t)) })
			assertExact(t, e, written)
		})
	}
}

// assertTold holds what the Hub was told against the evidence.
func assertTold(t *testing.T, metrics []byte, e contest.Evidence) {
	t.Helper()
	t.Logf("the Hub was told: %s", metrics)
	var told struct {
		P95 float64 `json:"p95"`
	}
	require.NoError(t, json.Unmarshal(metrics, &told))
	assert.InDelta(t, e.Latency.P95.Value, told.P95, 0.5, "rounded")
}

// pod is the orchestrator's.
func (c *contestInCluster) pod(t *testing.T) corev1.Pod {
	t.Helper()
	pods, err := c.CoreV1().Pods(home).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + ours})
	require.NoError(t, err)
	require.Len(t, pods.Items, 1)
	return pods.Items[0]
}

// inPodAnyway is inPod for a command that may fail.
func (c *cluster) inPodAnyway(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", append([]string{
		"--kubeconfig", filepath.Join(c.dir, "kubeconfig"), "exec", "-n", home, "deployment/" + ours, "--", "hackload",
	}, args...)...)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// alone measures the same level from this machine.
func alone(t *testing.T, target string) contest.Evidence {
	t.Helper()
	out, err := program(t, "run", "search", "--target", target, "--team", "good", "--users", fmt.Sprint(levelUsers), "--ramp", "2s",
		"--duration", (levelSeconds * time.Second).String(), "--json").Output() // it fails where this machine is too busy to judge
	var all struct {
		Evidence contest.Evidence `json:"evidence"`
	}
	require.NoError(t, json.Unmarshal(out, &all), "%v: %s", err, strings.TrimSpace(string(out)))
	return all.Evidence
}
