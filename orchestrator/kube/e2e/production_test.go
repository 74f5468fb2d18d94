//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// Our manifests are applied as an operator applies them, with kubectl.

const (
	home     = "hub"     // the orchestrator's namespace
	loadHome = "k6-runs" // its runners'
	ours     = "hackload-job-service"
)

// kubectl runs it as the cluster's administrator, and returns what it printed.
func (c *cluster) kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(c.dir, "kubeconfig"))
	cmd.Stdin = strings.NewReader(input)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	require.NoError(t, cmd.Run(), "kubectl %s: %s", strings.Join(args, " "), &trouble)
	return out.String()
}

// overlay writes a kustomization over a folder of the manifests, with files
// beside it, and returns its folder.
func overlay(t *testing.T, over, text string, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	base, err := filepath.Abs(filepath.Join("..", "..", "..", "manifests", over))
	require.NoError(t, err)
	base, err = filepath.Rel(dir, base)
	require.NoError(t, err)
	head := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [" + base + "]\nimages: [{name: hackload/job-service, newTag: e2e}]\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(head+text), 0o600))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// homes makes the namespaces that the manifests are for, and a volume for the
// state. All of it goes with the test.
func (c *cluster) homes(t *testing.T) {
	t.Helper()
	state, err := os.MkdirTemp(c.dir, "state-")
	require.NoError(t, err)
	require.NoError(t, os.Chown(state, 1001, 1001)) // the volume's provisioner would
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(state)) })
	c.kubectl(t, "", "create", "namespace", home)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		now := int64(0)
		for _, n := range []string{home, loadHome} {
			_ = c.CoreV1().Pods(n).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
			err := c.CoreV1().Namespaces().Delete(ctx, n, metav1.DeleteOptions{})
			for err == nil && ctx.Err() == nil {
				time.Sleep(tick)
				_, err = c.CoreV1().Namespaces().Get(ctx, n, metav1.GetOptions{})
			}
			assert.True(t, apierrors.IsNotFound(err), "namespace %s: %v", n, err)
		}
		assert.NoError(t, c.CoreV1().PersistentVolumes().Delete(ctx, "state", metav1.DeleteOptions{}))
	})
	_, err = c.CoreV1().PersistentVolumes().Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "state"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: state}},
			ClaimRef:               &corev1.ObjectReference{Namespace: home, Name: ours + "-state"},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c.describe(t, home)
	c.describe(t, loadHome)
}

// secret is what an operator copies from the example and fills in.
func (c *cluster) secret(t *testing.T, values map[string]string) {
	t.Helper()
	_, err := c.CoreV1().Secrets(home).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "job-service-secrets"}, StringData: values}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// rollout waits for it as the seed document's workflow does.
func (c *cluster) rollout(t *testing.T) {
	t.Helper()
	said := c.kubectl(t, "", "rollout", "status", "deployment/"+ours, "-n", home, "--timeout=300s")
	assert.Contains(t, said, `deployment "`+ours+`" successfully rolled out`)
}

// hub stands for the contest's, where Pods reach it, with one team in it.
func (c *cluster) hub(t *testing.T, endpoint string) (hub *labhub.Hub, url, key string) {
	t.Helper()
	hub, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	ln, err := net.Listen("tcp", c.node+":0")
	require.NoError(t, err)
	server := &http.Server{Handler: hub.Handler()}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	t.Cleanup(func() {
		assert.NoError(t, server.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
		assert.NoError(t, hub.Close())
	})
	require.NoError(t, hub.Seed(t.Context(), labhub.Team{Slug: "good", Name: "Good", Environment: []labhub.Variable{{Key: "ENDPOINT_URL", Value: endpoint}}}))
	key, err = hub.CreateKey(t.Context(), labhub.TeamsRead, labhub.EnvironmentRead, labhub.EnvironmentWrite)
	require.NoError(t, err)
	return hub, "http://" + ln.Addr().String(), key
}

// api reads from the orchestrator's JSON API, through its Service.
func (c *cluster) api(ctx context.Context, path string, into any) error {
	s, err := c.CoreV1().Services(home).Get(ctx, ours, metav1.GetOptions{})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:8080%s", s.Spec.ClusterIP, path), nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// inPod runs our program in the orchestrator's Pod.
func (c *cluster) inPod(t *testing.T, args ...string) string {
	t.Helper()
	return c.kubectl(t, "", append([]string{"exec", "-n", home, "deployment/" + ours, "--", "hackload"}, args...)...)
}
