//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Everything that we have to apply is taken by the server, field by field.
func TestManifestsAreTaken(t *testing.T) {
	c := connect(t)
	c.homes(t)
	c.kubectl(t, "", "create", "namespace", loadHome)
	all := filepath.Join(t.TempDir(), "manifests")
	require.NoError(t, os.CopyFS(all, os.DirFS(filepath.Join("..", "..", "..", "manifests"))))
	switched := filepath.Join(all, "overlays", "production", "kustomization.yaml")
	text, err := os.ReadFile(switched)
	require.NoError(t, err)
	for _, row := range []struct {
		name, folder string
		changed      func(kustomization string) string
	}{
		{"base", "base", nil},
		{"local", "overlays/local", nil},
		{"production", "overlays/production", nil},
		{"production with all that it can have", "overlays/production", func(k string) string {
			return strings.ReplaceAll(k, "  # - ../../components/", "  - ../../components/")
		}},
		{"the runners' namespace", "k6-runs", nil},
		{"dashboards", "grafana", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.changed != nil {
				changed := row.changed(string(text))
				require.NotEqual(t, string(text), changed)
				require.NoError(t, os.WriteFile(switched, []byte(changed), 0o600))
				defer func() { require.NoError(t, os.WriteFile(switched, text, 0o600)) }()
			}
			said := c.kubectl(t, "", "apply", "--dry-run=server", "--validate=strict", "-k", filepath.Join(all, filepath.FromSlash(row.folder)))
			assert.Contains(t, said, "(server dry run)")
			t.Log(said)
		})
	}
	said := c.kubectl(t, "", "apply", "--dry-run=server", "--validate=strict", "-f", filepath.Join(all, "examples", "secret.yaml"))
	assert.Contains(t, said, "secret/job-service-secrets created (server dry run)")
}

// The seed document's ConfigMap and Secret, as they stand there, start the pod,
// and the lines of its workflow change the image and wait for it.
func TestSeedsEnvironmentAndRollout(t *testing.T) {
	c := connect(t)
	c.homes(t)
	c.kubectl(t, "", "apply", "-f", filepath.Join("testdata", "seed.yaml"))
	c.kubectl(t, "", "apply", "-k", overlay(t, "base", `
patches:
  - patch: |
      $patch: delete
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: job-service-config}
`, nil))
	c.rollout(t)
	c.answers(t, "ok", "/healthz")
	c.answers(t, "ready", "/readyz")

	before, err := c.AppsV1().Deployments(home).Get(t.Context(), ours, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "hackload/job-service:e2e", before.Spec.Template.Spec.Containers[0].Image)
	c.tag(t, "hackload/job-service:e2e", "hackload/job-service:sha-1234567")
	c.kubectl(t, "", "set", "image", "deployment/"+ours, "job-service=hackload/job-service:sha-1234567", "-n", home)
	c.rollout(t)
	images := c.kubectl(t, "", "get", "pods", "-n", home, "-l", "app="+ours, "-o", "jsonpath={.items[*].spec.containers[*].image}")
	assert.Equal(t, "hackload/job-service:sha-1234567", images, "one Pod, of the new image")
	assert.Equal(t, "1/1", c.kubectl(t, "", "get", "deployment", ours, "-n", home, "-o", "jsonpath={.status.readyReplicas}/{.spec.replicas}"))
	assert.Equal(t, "True", c.kubectl(t, "", "get", "deployment", ours, "-n", home, "-o", `jsonpath={.status.conditions[?(@.type=="Available")].status}`))
	c.answers(t, "ok", "/healthz")
	restarts := c.kubectl(t, "", "get", "pods", "-n", home, "-l", "app="+ours, "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}")
	assert.Equal(t, "0", restarts)
}

// tag gives an image of the cluster another name.
func (c *cluster) tag(t *testing.T, image, as string) {
	t.Helper()
	const registry = "docker.io/" // that names without one are of
	out, err := exec.CommandContext(t.Context(), "ctr", "-a", filepath.Join(c.dir, "c", "sock"), "-n", "k8s.io", "images", "tag", "--force", registry+image, registry+as).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// answers waits until the orchestrator's Service says a word at a path.
func (c *cluster) answers(t *testing.T, word, path string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	c.eventually(t, path+" says "+word, func(ctx context.Context) (bool, error) {
		s, err := c.CoreV1().Services(home).Get(ctx, ours, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		answer, err := client.Get(fmt.Sprintf("http://%s:8080%s", s.Spec.ClusterIP, path))
		if err != nil {
			return false, err
		}
		defer answer.Body.Close()
		text := make([]byte, 200)
		n, _ := answer.Body.Read(text)
		return answer.StatusCode == http.StatusOK && strings.HasPrefix(string(text[:n]), word), fmt.Errorf("%s: %s", answer.Status, text[:n])
	})
}
