package standin

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// object is a JSON object.
type object = map[string]any

func given(t *testing.T, spec object) *testRun {
	t.Helper()
	run, err := decode(&unstructured.Unstructured{Object: object{
		"apiVersion": "k6.io/v1alpha1", "kind": "TestRun",
		"metadata": object{"name": "mine", "namespace": "k6-runs", "uid": "u"}, "spec": spec,
	}})
	require.NoError(t, err)
	return run
}

func TestRunner(t *testing.T) {
	t.Parallel()
	run := given(t, object{
		"parallelism": int64(2), "separate": true, "args": []any{"--out=json"},
		"script": object{"configMap": object{"name": "script", "file": "a.js"}},
		"runner": object{
			"image": "runner:1", "automountServiceAccountToken": "false", "serviceAccountName": "runners",
			"metadata": object{"labels": object{"team": "good", "runner": "false"}},
			"env":      []any{object{"name": "KEY", "valueFrom": object{"secretKeyRef": object{"name": "s", "key": "k"}}}},
		},
	})
	j := run.runner(2, nil)
	assert.Equal(t, "mine-2", j.Name)
	assert.Equal(t, map[string]string{"app": "k6", "k6_cr": "mine", "runner": "true", "team": "good"}, j.Labels, "the operator's labels win")
	assert.Equal(t, "u", string(j.OwnerReferences[0].UID))
	assert.Zero(t, *j.Spec.BackoffLimit)
	p := j.Spec.Template.Spec
	assert.Equal(t, corev1.RestartPolicyNever, p.RestartPolicy)
	assert.Equal(t, "mine-2", p.Hostname)
	assert.Equal(t, "runners", p.ServiceAccountName)
	assert.False(t, *p.AutomountServiceAccountToken)
	assert.NotNil(t, p.Affinity.PodAntiAffinity, "runners are to be on nodes of their own")
	c := p.Containers[0]
	assert.Equal(t, []string{
		"k6", "run", "--quiet", "--execution-segment=1/2:1", "--execution-segment-sequence=0,1/2,1", "--out=json", "/test/a.js",
		"--address=0.0.0.0:6565", "--paused", "--tag", "instance_id=2", "--tag", "testrun_name=mine",
	}, c.Command)
	assert.Equal(t, "/v1/status", c.LivenessProbe.HTTPGet.Path, "a probe that a busy runner may not survive")
	assert.Equal(t, "k", c.Env[0].ValueFrom.SecretKeyRef.Key)
	assert.Equal(t, "script", p.Volumes[0].ConfigMap.Name)
	assert.Equal(t, []corev1.VolumeMount{{Name: "k6-test-volume", MountPath: "/test", ReadOnly: true}}, c.VolumeMounts)
}

func TestInitializerTakesAfterTheRunner(t *testing.T) {
	t.Parallel()
	spec := object{"parallelism": int64(1), "script": object{"configMap": object{"name": "s"}}, "runner": object{"image": "runner:1"}}
	assert.Equal(t, "runner:1", given(t, spec).initializer().Spec.Template.Spec.Containers[0].Image)
	spec["initializer"] = object{"image": "other:1"}
	j := given(t, spec).initializer()
	assert.Equal(t, "other:1", j.Spec.Template.Spec.Containers[0].Image)
	assert.Contains(t, j.Spec.Template.Spec.Containers[0].Command[2], "k6 archive '/test/test.js'")
	assert.NotContains(t, j.Labels, "runner")
}

func TestStarterTellsEachRunner(t *testing.T) {
	t.Parallel()
	run := given(t, object{"parallelism": int64(2), "script": object{}, "starter": object{"env": []any{object{"name": "A", "value": "b"}}}})
	c := run.starter("shell:1", []string{"10.0.0.1:6565", "[fd00::1]:6565"}).Spec.Template.Spec.Containers[0]
	assert.Equal(t, "shell:1", c.Image)
	assert.Contains(t, c.Command[2], "busybox nc -w 3 10.0.0.1 6565; ")
	assert.Contains(t, c.Command[2], "busybox nc -w 3 fd00::1 6565")
	assert.Empty(t, c.Env, "a starter has no environment, whatever the TestRun says")
}
