//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// object is a JSON object.
type object = map[string]any

// team runs the sample team's service in a namespace, and returns its address.
func (c *cluster) team(t *testing.T, namespace string) string {
	t.Helper()
	labels := map[string]string{"app": "biletter"}
	_, err := c.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "biletter"},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{
				SecurityContext: podSecurity(),
				Containers: []corev1.Container{{
					Name: "biletter", Image: biletterImage, SecurityContext: containerSecurity(),
					ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
						HTTPGet: &corev1.HTTPGetAction{Path: "/api/events", Port: intstr.FromInt32(8080)},
					}},
				}},
			},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.CoreV1().Services(namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "biletter"},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c.eventually(t, "the sample team is ready", func(ctx context.Context) (bool, error) {
		d, err := c.AppsV1().Deployments(namespace).Get(ctx, "biletter", metav1.GetOptions{})
		return err == nil && d.Status.ReadyReplicas == 1, err
	})
	return "http://biletter." + namespace + ".svc.cluster.local"
}

func podSecurity() *corev1.PodSecurityContext {
	yes, user := true, int64(12345)
	return &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
}

func containerSecurity() *corev1.SecurityContext {
	no := false
	return &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
}

// script puts a shipped scenario, with what it imports, into a ConfigMap of the
// namespace that is called script.
func (c *cluster) script(t *testing.T, namespace, scenario string, env map[string]string) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "archive.tar")
	args := []string{"loadgen", "archive", "-O", archive, filepath.Join("..", "..", "..", "scenarios", scenario+".js")}
	for name, value := range env {
		args = append(args, "-e", name+"="+value)
	}
	hackload(t, args...)
	text, err := os.ReadFile(archive)
	require.NoError(t, err)
	_, err = c.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "script"}, BinaryData: map[string][]byte{"script.tar": text},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// runOf is a TestRun of the script, by hand: what a launcher would ask for. The
// changes are made to its spec.
func runOf(name string, runners int64, changes ...func(spec object)) *unstructured.Unstructured {
	spec := object{
		"parallelism": runners,
		"script":      object{"configMap": object{"name": "script", "file": "script.tar"}},
		"runner": object{
			"image":                    runnerImage,
			"securityContext":          object{"runAsNonRoot": true, "runAsUser": int64(12345), "seccompProfile": object{"type": "RuntimeDefault"}},
			"containerSecurityContext": object{"allowPrivilegeEscalation": false, "capabilities": object{"drop": []any{"ALL"}}},
			"resources":                object{"limits": object{"memory": "256Mi"}, "requests": object{"cpu": "50m", "memory": "64Mi"}},
		},
	}
	spec["starter"] = object{
		"securityContext":          spec["runner"].(object)["securityContext"],
		"containerSecurityContext": spec["runner"].(object)["containerSecurityContext"],
	}
	for _, change := range changes {
		change(spec)
	}
	return &unstructured.Unstructured{Object: object{
		"apiVersion": "k6.io/v1alpha1", "kind": "TestRun", "metadata": object{"name": name}, "spec": spec,
	}}
}

func (c *cluster) create(t *testing.T, namespace string, run *unstructured.Unstructured) {
	t.Helper()
	_, err := c.runs.Namespace(namespace).Create(t.Context(), run, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	require.NoError(t, err)
	c.describe(t, namespace)
}

func (c *cluster) stage(ctx context.Context, namespace, name string) (string, error) {
	run, err := c.runs.Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	stage, _, err := unstructured.NestedString(run.Object, "status", "stage")
	return stage, err
}

// reaches waits until a TestRun is at a stage.
func (c *cluster) reaches(t *testing.T, namespace, name, stage string) {
	t.Helper()
	c.eventually(t, name+" reaches the stage "+stage, func(ctx context.Context) (bool, error) {
		now, err := c.stage(ctx, namespace, name)
		return now == stage, err
	})
}

// runners lists the Pods that load, in the order of their names.
func (c *cluster) runners(t *testing.T, namespace, name string) []corev1.Pod {
	t.Helper()
	pods, err := c.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "k6_cr=" + name + ",runner=true"})
	require.NoError(t, err)
	return pods.Items
}
