// Package manifests holds what is applied to a cluster. Its tests keep the
// names, ports, limits and settings of the manifests, the image and the
// workflow in step with the program and with what operators already use.
package manifests

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/hackload-kz/hackload/orchestrator/config"
)

// object is as much of a manifest as the tests look at.
type object struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string            `yaml:"name"`
		Namespace string            `yaml:"namespace"`
		Labels    map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Data       map[string]string `yaml:"data"`
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas *int `yaml:"replicas"`
		Strategy struct {
			Type string `yaml:"type"`
		} `yaml:"strategy"`
		Selector any        `yaml:"selector"`
		Ports    []portSpec `yaml:"ports"`
		Template struct {
			Metadata struct {
				Labels map[string]string `yaml:"labels"`
			} `yaml:"metadata"`
			Spec podSpec `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type podSpec struct {
	Grace    int  `yaml:"terminationGracePeriodSeconds"`
	Token    bool `yaml:"automountServiceAccountToken"`
	Security struct {
		NonRoot bool `yaml:"runAsNonRoot"`
		User    int  `yaml:"runAsUser"`
	} `yaml:"securityContext"`
	Containers []container `yaml:"containers"`
}

type container struct {
	Name      string                         `yaml:"name"`
	Image     string                         `yaml:"image"`
	EnvFrom   []map[string]map[string]string `yaml:"envFrom"`
	Ports     []portSpec                     `yaml:"ports"`
	Resources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	} `yaml:"resources"`
}

type portSpec struct {
	Name          string `yaml:"name"`
	Port          int    `yaml:"port"`
	ContainerPort int    `yaml:"containerPort"`
}

func read(t *testing.T, path string) []object {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []object
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, path)
		all = append(all, o)
	}
}

func one(t *testing.T, path, kind string) object {
	t.Helper()
	for _, o := range read(t, path) {
		if o.Kind == kind {
			return o
		}
	}
	t.Fatalf("%s holds no %s", path, kind)
	return object{}
}

// The seed document's kubectl lines name the Deployment, its container and its
// label, so these may not change.
func TestDeploymentHasTheNamesThatOperatorsUse(t *testing.T) {
	t.Parallel()
	d := one(t, "base/deployment.yaml", "Deployment")
	assert.Equal(t, "hackload-job-service", d.Metadata.Name)
	assert.Equal(t, 1, *d.Spec.Replicas)
	assert.Equal(t, "Recreate", d.Spec.Strategy.Type, "two processes cannot own one volume")
	assert.Equal(t, map[string]string{"app": "hackload-job-service"}, d.Spec.Template.Metadata.Labels)
	pod := d.Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]
	assert.Equal(t, "job-service", c.Name)
	assert.Equal(t, "hackload/job-service", c.Image)
	assert.Equal(t, []portSpec{{Name: "http", ContainerPort: 8080}, {Name: "metrics", ContainerPort: 9090}}, c.Ports)
	assert.Equal(t, map[string]string{"cpu": "200m", "memory": "256Mi"}, c.Resources.Requests)
	assert.Equal(t, map[string]string{"cpu": "500m", "memory": "512Mi"}, c.Resources.Limits)
	assert.Equal(t, []map[string]map[string]string{
		{"secretRef": {"name": "job-service-secrets"}}, {"configMapRef": {"name": "job-service-config"}},
	}, c.EnvFrom)
	assert.True(t, pod.Security.NonRoot)
	assert.Equal(t, 1001, pod.Security.User)
	assert.False(t, pod.Token, "nothing here asks the API server")
	assert.Equal(t, 60, pod.Grace)
	for _, path := range []string{"base/kustomization.yaml", "overlays/local/kustomization.yaml"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Contains(t, string(text), "\nnamespace: hub\n", path)
	}
}

// What production reads is understood, and has the load generated in the cluster
// by an account that production makes.
func TestProductionIsConfigured(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("overlays/production/hackload.yaml")
	require.NoError(t, err)
	data := one(t, "base/configmap.yaml", "ConfigMap").Data
	c, err := config.Load(config.Source{Name: "hackload.yaml", Data: text, Getenv: func(name string) string { return data[name] }})
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
	assert.Equal(t, "testrun", c.Load.Launcher)
	assert.Equal(t, one(t, "k6-runs/namespace.yaml", "Namespace").Metadata.Name, c.Kubernetes.Namespace)
	assert.Equal(t, one(t, "k6-runs/serviceaccount.yaml", "ServiceAccount").Metadata.Name, c.Kubernetes.ServiceAccount)
	assert.Empty(t, c.CheckMachine(c.Limits.CPUCores))
	assert.Equal(t, ":9091", c.Metrics.Listen)
	s := one(t, "base/service.yaml", "Service").Metadata
	assert.Equal(t, "http://"+s.Name+".hub.svc:9091", c.Metrics.URL)
}

func TestServiceReachesBothPorts(t *testing.T) {
	t.Parallel()
	s := one(t, "base/service.yaml", "Service")
	assert.Equal(t, map[string]any{"app": "hackload-job-service"}, s.Spec.Selector)
	assert.Equal(t, []portSpec{{Name: "http", Port: 8080}, {Name: "metrics", Port: 9090}}, s.Spec.Ports)
}

// What the ConfigMap says is understood whole, and is the default wherever the
// program has one.
func TestConfigMapIsUnderstood(t *testing.T) {
	t.Parallel()
	data := one(t, "base/configmap.yaml", "ConfigMap").Data
	c, err := config.Load(config.Source{Getenv: func(name string) string { return data[name] }})
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
	assert.Equal(t, "https://hub.hackload.kz", c.Hub.URL)
	assert.Equal(t, "https://grafana.hackload.kz", c.Grafana.URL, "the address for people follows from the one for programs")
	plain, err := config.Load(config.Source{})
	require.NoError(t, err)
	c.Hub.URL, c.Grafana.URL, c.Grafana.APIURL = plain.Hub.URL, plain.Grafana.URL, plain.Grafana.APIURL
	want, err := plain.Hash()
	require.NoError(t, err)
	got, err := c.Hash()
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// The program sets its own limits by what it is told, so it must be told what
// the container has.
func TestLimitsAgree(t *testing.T) {
	t.Parallel()
	base := one(t, "base/configmap.yaml", "ConfigMap").Data
	assert.Equal(t, "512", base["MEMORY_LIMIT_MB"])
	assert.Equal(t, "0.5", base["CPU_LIMIT_CORES"])
	for _, o := range read(t, "components/generators/generators.yaml") {
		switch o.Kind {
		case "Deployment":
			// The rest of the pod's memory is its generators'.
			assert.Equal(t, map[string]string{"cpu": "4", "memory": "2Gi"}, o.Spec.Template.Spec.Containers[0].Resources.Limits)
		case "ConfigMap":
			assert.Equal(t, "4", o.Data["CPU_LIMIT_CORES"])
		}
	}
}

func TestNoSecretIsCommitted(t *testing.T) {
	t.Parallel()
	s := one(t, "examples/secret.yaml", "Secret")
	assert.Equal(t, "job-service-secrets", s.Metadata.Name)
	for name, value := range s.StringData {
		assert.Empty(t, value, name)
	}
}

// The image is described by its last stage.
func TestImage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	_, last, found := strings.Cut(string(text), "AS orchestrator\n")
	require.True(t, found)
	for _, line := range []string{
		"USER 1001:1001", "EXPOSE 8080 9090", `CMD ["serve"]`,
		"HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \\",
	} {
		assert.Contains(t, last, line+"\n")
	}
}

// The workflow has the jobs, steps, inputs and artifacts that the seed document
// lists, so that whoever waits for one of them finds it.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../.github/workflows/job-service.yml")
	require.NoError(t, err)
	var w struct {
		Name string                    `yaml:"name"`
		On   map[string]map[string]any `yaml:"on"`
		Env  map[string]string         `yaml:"env"`
		Jobs map[string]struct {
			Needs []string `yaml:"needs"`
			Steps []struct {
				Name string         `yaml:"name"`
				ID   string         `yaml:"id"`
				Uses string         `yaml:"uses"`
				With map[string]any `yaml:"with"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	require.NoError(t, yaml.Unmarshal(text, &w))
	assert.Equal(t, "Build and Deploy Job Service", w.Name)
	assert.Equal(t, map[string]string{"REGISTRY": "ghcr.io", "IMAGE_NAME": "${{ github.repository }}/job-service"}, w.Env)
	assert.Contains(t, w.On["workflow_dispatch"]["inputs"], "image_tag")
	steps := map[string][]string{
		"build-and-push": {"Checkout repository", "Take the commit's time", "Log in to Container Registry", "Set up Docker Buildx", "Extract metadata",
			"Build and push Docker image", "Extract runner metadata", "Build and push runner image", "Generate deployment artifact", "Upload deployment artifact", "Build Summary"},
		"deploy": {"Checkout repository", "Download deployment artifact", "Load deployment info", "Determine image tag", "Setup kubectl",
			"Configure kubectl", "Verify kubectl connection", "Update deployment image", "Wait for rollout", "Verify deployment", "Get deployment info"},
		"notify-failure": {"Notify on failure"},
	}
	require.Len(t, w.Jobs, len(steps))
	for job, names := range steps {
		var got []string
		for _, s := range w.Jobs[job].Steps {
			got = append(got, s.Name)
			if s.Uses != "" {
				_, pin, _ := strings.Cut(s.Uses, "@")
				assert.Regexp(t, `^[0-9a-f]{40}$`, pin, "%s is not pinned to a commit", s.Uses)
			}
			if s.Name == "Upload deployment artifact" || s.Name == "Download deployment artifact" {
				assert.Equal(t, "job-service-deployment-info", s.With["name"])
			}
		}
		assert.Equal(t, names, got, job)
	}
	assert.Equal(t, []string{"build-and-push"}, w.Jobs["deploy"].Needs)
	assert.Equal(t, []string{"build-and-push", "deploy"}, w.Jobs["notify-failure"].Needs)
	for _, line := range []string{"type=ref,event=branch", "type=ref,event=pr", "type=sha,prefix=sha-", "type=raw,value=latest,enable={{is_default_branch}}",
		"kubectl set image deployment/hackload-job-service", "kubectl rollout status deployment/hackload-job-service -n hub --timeout=300s"} {
		assert.Contains(t, string(text), line)
	}
}
