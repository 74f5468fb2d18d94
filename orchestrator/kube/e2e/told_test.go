//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
)

// What is done to a launch here is done for real, and the launcher must say what
// it was, in words for people.

// odd is a launcher over scripts of these tests, for two generators.
func odd(cfg *kube.Config) {
	cfg.Scenarios = fstest.MapFS{
		"sleeps.js": {Data: []byte(`import { sleep } from 'k6'; export const options = { vus: 2, duration: '10m' }; export default () => sleep(1)`)},
		"eats.js":   {Data: []byte(eats)},
	}
}

func oddLaunch(script string) contest.Launch {
	return contest.Launch{
		TestID: contest.TestID("good-" + script + "-1-01told"), Team: "good", Scenario: script, Generators: 2, Timeout: contest.Duration(10 * time.Minute),
		WriteURL: "http://127.0.0.1:1/api/v1/write", WriteToken: "none",
	}
}

// soon has a launch given up that does not begin, as it is meant not to.
func soon(cfg *kube.Config) { cfg.Begin = 20 * time.Second }

// loads waits until both generators were told to begin.
func (c *cluster) loads(t *testing.T, namespace string, launch contest.Launch) (runners []corev1.Pod) {
	t.Helper()
	c.reaches(t, namespace, kube.Name(launch.TestID), "started")
	return c.runners(t, namespace, kube.Name(launch.TestID))
}

func TestLauncherTellsWhatBecameOfARun(t *testing.T) {
	c := connect(t)
	c.operate(t, hurried())
	for _, row := range []struct {
		name, script string
		change       func(*kube.Config)
		done         func(t *testing.T, namespace string, launch contest.Launch) // to it, once it runs; nil: nothing
		want         string
	}{
		{"out of memory", "eats", func(*kube.Config) {}, nil, `^generator [12] of 2 was OOM-killed after \d+ s; memory limit 256Mi$`},
		{"killed", "sleeps", func(*kube.Config) {}, func(t *testing.T, namespace string, launch contest.Launch) {
			kill(t, c.loads(t, namespace, launch)[1])
		}, `^generator 2 of 2 was killed after \d+ s$`},
		{"a Pod deleted", "sleeps", func(*kube.Config) {}, func(t *testing.T, namespace string, launch contest.Launch) {
			require.NoError(t, c.CoreV1().Pods(namespace).Delete(t.Context(), c.loads(t, namespace, launch)[0].Name, metav1.DeleteOptions{}))
		}, `^generator 1 of 2 was (deleted by somebody else|taken away \(.*\)) after \d+ s`},
		{"the TestRun deleted", "sleeps", func(*kube.Config) {}, func(t *testing.T, namespace string, launch contest.Launch) {
			c.loads(t, namespace, launch)
			require.NoError(t, c.runs.Namespace(namespace).Delete(t.Context(), kube.Name(launch.TestID), metav1.DeleteOptions{}))
		}, `^the TestRun was deleted by somebody else after \d+ s$`},
		{"no such image", "sleeps", func(cfg *kube.Config) { soon(cfg); cfg.Image = "localhost/nobody:1" }, nil,
			`^generator 1 of 2 did not start within 20 s: its image localhost/nobody:1 cannot be pulled \((ErrImagePull|ImagePullBackOff)\): .*localhost/nobody:1`},
		{"no such node", "sleeps", func(cfg *kube.Config) { soon(cfg); cfg.NodeSelector = map[string]string{"pool": "of-nobody"} }, nil,
			`^generator 1 of 2 did not start within 20 s: no node takes it \(Unschedulable\): 0/1 nodes are available: .*node affinity/selector`},
		{"no room on a node", "sleeps", func(cfg *kube.Config) {
			soon(cfg)
			cfg.Resources.Requests[corev1.ResourceCPU] = resource.MustParse("500")
		}, nil,
			`^generator 1 of 2 did not start within 20 s: no node takes it \(Unschedulable\): .*Insufficient cpu`},
		{"no room in the quota", "sleeps", func(cfg *kube.Config) { soon(cfg); c.quota(t, cfg.Namespace, corev1.ResourcePods, "1") }, nil,
			`^1 of 2 generators ran within 20 s \(the TestRun's stage is created\): (Error creating: )?pods "k6-good-sleeps-1-01told-[0-9a-f]+-2-[a-z0-9]*" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1$`},
	} {
		t.Run(row.name, func(t *testing.T) {
			namespace := c.namespace(t)
			l := c.launcher(t, namespace, odd, row.change)
			launch := oddLaunch(row.script)
			require.NoError(t, l.Start(t.Context(), launch))
			c.describe(t, namespace)
			if row.done != nil {
				row.done(t, namespace, launch)
			}
			result := c.ends(t, l, launch.TestID)
			assert.Regexp(t, row.want, result.Trouble)
			t.Log(result.Trouble)
			assert.False(t, result.Ended.Before(result.Started))
			assert.Empty(t, result.Unusable)
			c.eventually(t, "nobody loads any more", func(ctx context.Context) (bool, error) {
				pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "runner=true", FieldSelector: "status.phase=Running"})
				return err == nil && len(pods.Items) == 0, err
			})
		})
	}
}

func (c *cluster) quota(t *testing.T, namespace string, of corev1.ResourceName, most string) {
	t.Helper()
	_, err := c.CoreV1().ResourceQuotas(namespace).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{of: resource.MustParse(most)}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c.eventually(t, "the quota is counted", func(ctx context.Context) (bool, error) {
		q, err := c.CoreV1().ResourceQuotas(namespace).Get(ctx, "small", metav1.GetOptions{})
		return err == nil && len(q.Status.Hard) > 0, err
	})
}

// kill ends the process of a Pod's container with SIGKILL: Pods of this cluster
// are processes of this machine.
func kill(t *testing.T, p corev1.Pod) {
	t.Helper()
	_, id, found := strings.Cut(p.Status.ContainerStatuses[0].ContainerID, "://")
	require.True(t, found, "%s has no container", p.Name)
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	require.NoError(t, err)
	killed := 0
	for _, file := range groups {
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), id) {
			continue // it has ended meanwhile, or is somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		killed++
	}
	require.Positive(t, killed, "no process of %s was found", p.Name)
}
