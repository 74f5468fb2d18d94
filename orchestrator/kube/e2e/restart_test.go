//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/kube/standin"
)

// restart kills the cluster's API server, leaves it dead for a while, and has it
// started again.
func (c *cluster) restart(t *testing.T, dead time.Duration) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "pid", "kube-apiserver"))
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(string(text), &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	time.Sleep(dead) // of which nothing is asserted
	out, err := exec.CommandContext(t.Context(), filepath.Join("..", "testdata", "cluster", "up.sh"), c.dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// The API server is killed while generators load, and comes back. They go on, and
// what is counted is to the unit what it would have been.
func TestRunOutlivesItsAPIServer(t *testing.T) {
	c := connect(t)
	c.operate(t, standin.Pace{})
	namespace := c.namespace(t)
	const token, generators, users, seconds = "a-token-of-this-test", 2, 20, 30
	id := contest.NewTestID("good", "search", users, "01restart")
	store, query := c.storeFor(t, id, token)
	env := map[string]string{"API_URL": c.team(t, namespace), "USERS": fmt.Sprint(users), "RAMP": "2s", "DURATION": fmt.Sprint(seconds, "s")}
	launch := contest.Launch{
		TestID: id, Team: "good", Scenario: "search", Env: env, Generators: generators, Timeout: contest.Duration(5 * time.Minute),
		Level:    contest.Level{Users: users, Ramp: contest.Duration(2 * time.Second), Duration: contest.Duration(seconds * time.Second)},
		WriteURL: store.WriteURL(), WriteToken: token,
	}
	l := c.launcher(t, namespace)
	started := time.Now()
	require.NoError(t, l.Start(t.Context(), launch))
	c.describe(t, namespace)
	before := c.loads(t, namespace, launch)
	c.restart(t, 3*time.Second)

	result := c.ends(t, l, id)
	assert.Empty(t, result.Trouble)
	assertEnds(t, generators, result.ExitCodes)
	runs, err := c.runs.Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	assert.Len(t, runs.Items, 1)
	for i, p := range c.runners(t, namespace, kube.Name(id)) {
		assert.Equal(t, before[i].UID, p.UID, "the same generators, all along")
		assert.Zero(t, p.Status.ContainerStatuses[0].RestartCount)
	}
	run := contest.Run{ID: "r", TestID: id, Team: contest.Team{Slug: "good"}, Scenario: "search", LaunchedAt: &started}
	e := collect(t, query, run, scriptOf(t, env), generators)
	assert.Empty(t, e.Gaps)
	for _, count := range e.Thresholds {
		if count.Threshold.IsTrend() {
			assertPlanned(t, users*seconds, count.Samples, result.ExitCodes)
		}
	}
}
