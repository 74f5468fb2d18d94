//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/kube/standin"
	"github.com/hackload-kz/hackload/scenarios"
)

// launcher is ours, as the orchestrator has it, in a namespace.
func (c *cluster) launcher(t *testing.T, namespace string, changes ...func(*kube.Config)) *kube.Launcher {
	t.Helper()
	cfg := kube.Config{
		Namespace: namespace, Scenarios: scenarios.Files(), PushInterval: time.Second,
		Runner: kube.Runner{Image: runnerImage, Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		}},
	}
	for _, change := range changes {
		change(&cfg)
	}
	l, err := kube.New(c.config, cfg)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// The launcher has four runners share a level. Another process takes over while
// they load, sees them end, and has the same evidence to collect.
func TestLaunchIsAdoptedAndCounted(t *testing.T) {
	c := connect(t)
	c.operate(t, standin.Pace{})
	namespace := c.namespace(t)
	const token, generators = "a-token-of-this-test", 4
	id := contest.NewTestID("good", "search", 40, "01launch")
	store, query := c.storeFor(t, id, token)
	env := map[string]string{"API_URL": c.team(t, namespace), "USERS": "40", "RAMP": "2s", "DURATION": "10s"}
	launch := contest.Launch{
		TestID: id, Team: "good", Scenario: "search", Env: env, Generators: generators, Timeout: contest.Duration(3 * time.Minute),
		Level:    contest.Level{Users: 40, Ramp: contest.Duration(2 * time.Second), Duration: contest.Duration(10 * time.Second)},
		WriteURL: store.WriteURL(), WriteToken: token,
	}
	first := c.launcher(t, namespace)
	started := time.Now()
	require.NoError(t, first.Start(t.Context(), launch))
	c.describe(t, namespace)
	name := kube.Name(id)
	c.reaches(t, namespace, name, "started")
	first.Close()

	second := c.launcher(t, namespace)
	ids, err := second.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []contest.TestID{id}, ids)
	require.NoError(t, second.Start(t.Context(), launch), "what runs already is adopted")
	result := c.ends(t, second, id)
	assert.Empty(t, result.Trouble)
	assertEnds(t, generators, result.ExitCodes)

	run := contest.Run{ID: "r", TestID: id, Team: contest.Team{Slug: "good"}, Scenario: "search", LaunchedAt: &started}
	e := collect(t, query, run, scriptOf(t, env), generators)
	assert.Empty(t, e.Gaps)
	for _, count := range e.Thresholds {
		if count.Threshold.IsTrend() {
			assertPlanned(t, 400, count.Samples, result.ExitCodes) // 40 a second for 10 s, as on one machine
		}
	}
	require.NoError(t, second.Remove(t.Context(), id))
	c.eventually(t, "the TestRun is gone", func(ctx context.Context) (bool, error) {
		_, err := c.runs.Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
}

// ends waits until a launch is over, and returns how it was.
func (c *cluster) ends(t *testing.T, l *kube.Launcher, id contest.TestID) (result contest.LaunchResult) {
	t.Helper()
	c.eventually(t, "the launch ends", func(ctx context.Context) (bool, error) {
		s, err := l.Status(ctx, id)
		if err != nil {
			return false, err
		}
		result = s.Result
		return s.State == contest.LaunchDone, fmt.Errorf("it is %s", s.State)
	})
	return result
}
