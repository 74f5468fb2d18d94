//go:build e2e

package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hackload-kz/hackload/orchestrator/kube/standin"
)

// hurried is an operator that looks more often than the real one does.
func hurried() standin.Pace {
	return standin.Pace{Initialization: time.Second, Created: 500 * time.Millisecond, Started: time.Second}
}

// inline puts a script of a test's own where runOf looks for it.
func (c *cluster) inline(t *testing.T, namespace, text string) func(object) {
	t.Helper()
	_, err := c.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "inline"}, Data: map[string]string{"test.js": text},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return func(spec object) { spec["script"] = object{"configMap": object{"name": "inline"}} }
}

const (
	sleeps = `import { sleep } from 'k6'; export const options = { vus: 4, iterations: 4 }; export default () => sleep(1)`
	eats   = `export const options = { vus: 4, iterations: 4 };
const all = []; export default () => { for (;;) { const a = new Uint8Array(16 << 20); a.fill(1); all.push(a) } }`
)

// A TestRun that cannot go on tells so at once, or never: with words nowhere.
func TestRunsThatTheOperatorRefuses(t *testing.T) {
	c := connect(t)
	c.operate(t, hurried())
	for _, row := range []struct {
		name, script string
		runners      int64
		change       func(object)
	}{
		{"a script that is none", "export default () => {", 1, func(object) {}},
		{"more runners than users", `export const options = { vus: 1, iterations: 1 }; export default () => {}`, 3, func(object) {}},
		{"arguments that are none", sleeps, 1, func(spec object) { spec["args"] = []any{"verbose"} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			namespace := c.namespace(t)
			c.create(t, namespace, runOf("refused", row.runners, c.inline(t, namespace, row.script), row.change))
			c.reaches(t, namespace, "refused", "error")
			assert.Empty(t, c.runners(t, namespace, "refused"))
		})
	}
}

// For what never comes the operator waits for ever, in the stage that it is in.
func TestRunsThatTheOperatorWaitsFor(t *testing.T) {
	c := connect(t)
	c.operate(t, hurried())
	for _, row := range []struct {
		name   string
		change func(runner object)
		quota  string
		shows  func(corev1.Pod) bool
	}{
		{"an image that does not exist", func(r object) { r["image"] = "localhost/nobody:1" }, "", func(p corev1.Pod) bool {
			s := p.Status.ContainerStatuses
			return len(s) == 1 && s[0].State.Waiting != nil && (s[0].State.Waiting.Reason == "ErrImagePull" || s[0].State.Waiting.Reason == "ImagePullBackOff")
		}},
		{"no node that is large enough", func(r object) { r["resources"] = object{"requests": object{"cpu": "1k"}} }, "", func(p corev1.Pod) bool {
			for _, condition := range p.Status.Conditions {
				if condition.Reason == corev1.PodReasonUnschedulable {
					return true
				}
			}
			return false
		}},
		{"a quota that has no room", func(object) {}, "1", func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning }},
	} {
		t.Run(row.name, func(t *testing.T) {
			namespace := c.namespace(t)
			if row.quota != "" {
				_, err := c.CoreV1().ResourceQuotas(namespace).Create(t.Context(), &corev1.ResourceQuota{
					ObjectMeta: metav1.ObjectMeta{Name: "small"},
					Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse(row.quota)}},
				}, metav1.CreateOptions{})
				require.NoError(t, err)
			}
			c.create(t, namespace, runOf("waits", 2, c.inline(t, namespace, sleeps), func(spec object) {
				row.change(spec["runner"].(object))
				spec["initializer"] = object{"disabled": true}
			}))
			c.eventually(t, "a runner shows it", func(context.Context) (bool, error) {
				pods := c.runners(t, namespace, "waits")
				return len(pods) > 0 && row.shows(pods[0]), nil
			})
			c.reaches(t, namespace, "waits", "created")
		})
	}
}

// Runners that end badly are runners that have ended: the TestRun is finished,
// and only their Pods know.
func TestRunnersThatEndBadly(t *testing.T) {
	c := connect(t)
	c.operate(t, hurried())
	t.Run("out of memory", func(t *testing.T) {
		namespace := c.namespace(t)
		c.create(t, namespace, runOf("large", 2, c.inline(t, namespace, eats), func(spec object) { spec["initializer"] = object{"disabled": true} }))
		c.reaches(t, namespace, "large", "finished")
		for _, p := range c.runners(t, namespace, "large") {
			assert.Equal(t, "OOMKilled", p.Status.ContainerStatuses[0].State.Terminated.Reason, p.Name)
		}
	})
	t.Run("a threshold", func(t *testing.T) {
		namespace := c.namespace(t)
		script := `export const options = { vus: 2, iterations: 2, thresholds: { iterations: ['count>100'] } }; export default () => {}`
		c.create(t, namespace, runOf("lost", 2, c.inline(t, namespace, script)))
		c.reaches(t, namespace, "lost", "finished")
		for _, p := range c.runners(t, namespace, "lost") {
			assert.Equal(t, int32(99), p.Status.ContainerStatuses[0].State.Terminated.ExitCode, p.Name)
		}
	})
}

// Whatever a TestRun made goes with it, also in the middle of the load.
func TestDeletedTestRunLeavesNothing(t *testing.T) {
	c := connect(t)
	c.operate(t, hurried())
	namespace := c.namespace(t)
	long := `import { sleep } from 'k6'; export const options = { vus: 2, duration: '10m' }; export default () => sleep(1)`
	c.create(t, namespace, runOf("gone", 2, c.inline(t, namespace, long), func(spec object) {
		spec["runner"].(object)["env"] = []any{object{"name": "K6_NO_USAGE_REPORT", "value": "true"}}
	}))
	c.reaches(t, namespace, "gone", "started")
	background := metav1.DeletePropagationBackground
	require.NoError(t, c.runs.Namespace(namespace).Delete(t.Context(), "gone", metav1.DeleteOptions{PropagationPolicy: &background}))
	c.eventually(t, "its Pods and Services are gone", func(ctx context.Context) (bool, error) {
		pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) > 0 {
			return false, err
		}
		services, err := c.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
		return err == nil && len(services.Items) == 0, err
	})
}

// A mistake in a TestRun's fields is refused where it is made.
func TestUnknownFieldsAreRefused(t *testing.T) {
	c := connect(t)
	for name, change := range map[string]func(object){
		"unknown":     func(spec object) { spec["paralelism"] = int64(2) },
		"of a runner": func(spec object) { spec["runner"].(object)["hostNetwork"] = true },
		"no script":   func(spec object) { delete(spec, "script") },
		"cleanup":     func(spec object) { spec["cleanup"] = "all" },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.runs.Namespace("default").Create(t.Context(), runOf("wrong", 1, change),
				metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
			require.Error(t, err)
			assert.True(t, apierrors.IsBadRequest(err) || apierrors.IsInvalid(err), err)
		})
	}
	_, err := c.runs.Namespace("default").Create(t.Context(), runOf("right", 1), metav1.CreateOptions{
		FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll},
	})
	require.NoError(t, err)
}
