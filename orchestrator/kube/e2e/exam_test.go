//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/launchtest"
)

// The launcher sits the same exam as those of one machine, with Pods.
func TestExam(t *testing.T) {
	c := connect(t)
	c.operate(t, hurried())
	namespace := c.namespace(t)
	c.describe(t, namespace)
	launchtest.Exercise(t, launchtest.Subject{
		Open: func(t *testing.T) launchtest.Launcher {
			t.Helper()
			l, err := kube.New(c.config, kube.Config{
				Namespace: namespace, Scenarios: launchtest.Scripts(), PushInterval: time.Second, Grace: 2 * time.Second, Begin: patience,
				Runner: kube.Runner{Image: runnerImage, Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
				}},
			})
			require.NoError(t, err)
			return l
		},
		Prefix: "exam-", Generators: 2, WriteURL: c.receiver(t), Patience: patience, Timeout: 5 * time.Second,
		Working: func(t *testing.T, id contest.TestID) (n int) {
			t.Helper()
			for _, p := range c.podsOf(t, namespace, id) {
				if running(p) {
					n++
				}
			}
			return n
		},
		Kill: func(t *testing.T, id contest.TestID) {
			t.Helper()
			for _, p := range c.podsOf(t, namespace, id) {
				if running(p) {
					kill(t, p)
					return
				}
			}
			t.Fatal("no generator runs")
		},
		Left:   func(t *testing.T, id contest.TestID) []string { t.Helper(); return c.left(t, namespace, id) },
		Public: func(t *testing.T, id contest.TestID) string { t.Helper(); return c.public(t, namespace, id) },
	})
}

// receiver takes remote writes from Pods, and forgets them.
func (c *cluster) receiver(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	require.NoError(t, s.Listener.Close())
	var err error
	s.Listener, err = net.Listen("tcp", net.JoinHostPort(c.node, "0"))
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL + "/api/v1/write"
}

// podsOf lists the runners of a launch.
func (c *cluster) podsOf(t *testing.T, namespace string, id contest.TestID) []corev1.Pod {
	t.Helper()
	pods, err := c.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "runner=true,hackload.kz/launch=" + kube.Name(id)})
	require.NoError(t, err)
	return pods.Items
}

func running(p corev1.Pod) bool {
	return len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].State.Running != nil
}

// left lists what there is of a launch. Pods go a moment after what owns them;
// they are waited for where nothing else is left.
func (c *cluster) left(t *testing.T, namespace string, id contest.TestID) (names []string) {
	t.Helper()
	of := metav1.ListOptions{LabelSelector: "hackload.kz/launch=" + kube.Name(id)}
	runs, err := c.runs.Namespace(namespace).List(t.Context(), of)
	require.NoError(t, err)
	for _, r := range runs.Items {
		if r.GetDeletionTimestamp() == nil {
			names = append(names, "TestRun "+r.GetName())
		}
	}
	records, err := c.CoreV1().ConfigMaps(namespace).List(t.Context(), of)
	require.NoError(t, err)
	for _, r := range records.Items {
		names = append(names, "ConfigMap "+r.Name)
	}
	secrets, err := c.CoreV1().Secrets(namespace).List(t.Context(), of)
	require.NoError(t, err)
	for _, s := range secrets.Items {
		names = append(names, "Secret "+s.Name)
	}
	if len(names) > 0 {
		return names
	}
	c.eventually(t, "the Pods of "+string(id)+" are gone", func(ctx context.Context) (bool, error) {
		pods, err := c.CoreV1().Pods(namespace).List(ctx, of)
		return err == nil && len(pods.Items) == 0, err
	})
	return nil
}

// public is what everybody may read of a launch who may not read Secrets.
func (c *cluster) public(t *testing.T, namespace string, id contest.TestID) string {
	t.Helper()
	run, err := c.runs.Namespace(namespace).Get(t.Context(), kube.Name(id), metav1.GetOptions{})
	require.NoError(t, err)
	all, err := c.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	text, err := json.Marshal([]any{run, all, c.podsOf(t, namespace, id)})
	require.NoError(t, err)
	return string(text)
}
