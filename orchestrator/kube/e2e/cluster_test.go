//go:build e2e

package e2e_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hackload-kz/hackload/orchestrator/kube/standin"
)

const (
	runnerImage   = "hackload/runner:e2e"
	biletterImage = "localhost/biletter:e2e"
	patience      = 2 * time.Minute // for anything that a busy machine does in seconds
	tick          = 100 * time.Millisecond
)

// cluster is the one that the tests were given, seen by its administrator.
type cluster struct {
	dir    string
	config *rest.Config
	*kubernetes.Clientset
	runs dynamic.NamespaceableResourceInterface
	node string // its address, where Pods reach this process
}

func connect(t *testing.T) *cluster {
	t.Helper()
	dir := os.Getenv("HACKLOAD_E2E")
	require.NotEmpty(t, dir, "HACKLOAD_E2E names no cluster: use make e2e")
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	require.NoError(t, err)
	config.QPS, config.Burst = 200, 400
	clients, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	all, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	address, _, err := net.SplitHostPort(strings.TrimPrefix(config.Host, "https://"))
	require.NoError(t, err)
	return &cluster{
		dir: dir, config: config, Clientset: clients, node: address,
		runs: all.Resource(schema.GroupVersionResource{Group: "k6.io", Version: "v1alpha1", Resource: "testruns"}),
	}
}

// namespace makes one that is as strict as that of the manifests, and returns
// its name. What is in it goes with the test.
func (c *cluster) namespace(t *testing.T) string {
	t.Helper()
	n, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		now := int64(0)
		_ = c.CoreV1().Pods(n.Name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
		if err := c.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			require.NoError(t, err)
		}
	})
	c.eventually(t, "the namespace has its service account", func(ctx context.Context) (bool, error) {
		_, err := c.CoreV1().ServiceAccounts(n.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	return n.Name
}

// eventually repeats a question until the answer is yes. An error is a no that
// is shown when time is up.
func (c *cluster) eventually(t *testing.T, what string, yes func(context.Context) (bool, error)) {
	t.Helper()
	c.within(t, patience, what, yes)
}

// within is eventually for what takes its time.
func (c *cluster) within(t *testing.T, most time.Duration, what string, yes func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	for {
		done, err := yes(ctx)
		if done {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not so within %v: %s (%v)", most, what, err)
		case <-time.After(tick):
		}
	}
}

// operate has the stand-in operator at work until the test ends. A cluster that
// has an operator of its own needs none: E2E_OPERATOR=cluster.
func (c *cluster) operate(t *testing.T, pace standin.Pace, also ...string) {
	t.Helper()
	if os.Getenv("E2E_OPERATOR") == "cluster" {
		return
	}
	o, err := standin.New(standin.Config{
		Cluster: c.config, Starter: runnerImage, Pace: pace, Also: also,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// program is our program, to be run here.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), filepath.Join("..", "..", "..", "bin", runtime.GOARCH, "hackload"), args...)
}

// hackload runs our program here, and returns what it printed.
func hackload(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := program(t, args...)
	var trouble strings.Builder
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	require.NoError(t, err, trouble.String())
	return out
}

// describe tells what became of the Pods of a namespace, for a failed test.
func (c *cluster) describe(t *testing.T, namespace string) {
	t.Helper()
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Log(err)
			return
		}
		for _, p := range pods.Items {
			tail := int64(20)
			log, _ := c.CoreV1().Pods(namespace).GetLogs(p.Name, &corev1.PodLogOptions{TailLines: &tail}).DoRaw(ctx)
			t.Logf("%s %s %s %s\n%s", p.Name, p.Status.Phase, p.Status.Reason, p.Status.Message, log)
		}
	})
}
