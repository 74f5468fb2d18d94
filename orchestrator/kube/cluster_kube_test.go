//go:build kube

package kube_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/kube/kubetest"
)

// cluster is one whose operator and nodes are a test.
type cluster struct{ *kubetest.Cluster }

// runners makes a Pod for each runner of a TestRun, of the template that the
// operator would make, on a node that does not exist.
func (c *cluster) runners(t *testing.T, namespace, name string, stage kube.Stage) {
	t.Helper()
	var run kube.TestRun
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &run))
	p := run.Spec.Runner
	for i := range run.Spec.Parallelism {
		labels := map[string]string{"app": "k6", "k6_cr": name, "runner": "true", "job-name": fmt.Sprintf("%s-%d", name, i+1)}
		for k, v := range p.Metadata.Labels {
			labels[k] = v
		}
		no := false
		require.NoError(t, c.Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d-x", name, i+1), Labels: labels},
			Spec: corev1.PodSpec{
				NodeName: "node", RestartPolicy: corev1.RestartPolicyNever, SecurityContext: p.SecurityContext, AutomountServiceAccountToken: &no, Volumes: p.Volumes,
				Containers: []corev1.Container{{
					Name: "k6", Image: p.Image, Env: p.Env, Resources: p.Resources, SecurityContext: p.ContainerSecurityContext,
					LivenessProbe: p.LivenessProbe, ReadinessProbe: p.ReadinessProbe, VolumeMounts: p.VolumeMounts,
				}},
			},
		}))
		c.says(t, namespace, fmt.Sprintf("%s-%d-x", name, i+1), running(time.Now()))
	}
	run.Status.Stage = stage
	run.Status.Conditions = []metav1.Condition{{Type: "TestRunRunning", Status: "True", Reason: "TestRunRunningTrue", LastTransitionTime: metav1.Now()}}
	require.NoError(t, c.Status().Update(t.Context(), &run))
}

func running(since time.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}}
}

func exited(code int32, reason string) corev1.ContainerState {
	now := time.Now()
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: metav1.NewTime(now.Add(-41 * time.Second)), FinishedAt: metav1.NewTime(now),
	}}
}

// says writes what a node would say of its Pod.
func (c *cluster) says(t *testing.T, namespace, name string, state corev1.ContainerState) {
	t.Helper()
	require.NoError(t, c.say(t.Context(), namespace, name, state))
}

func (c *cluster) say(ctx context.Context, namespace, name string, state corev1.ContainerState) error {
	var p corev1.Pod
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
		return err
	}
	p.Status.Phase = corev1.PodRunning
	if ended := state.Terminated; ended != nil {
		p.Status.Phase = corev1.PodSucceeded
		if ended.ExitCode != 0 {
			p.Status.Phase = corev1.PodFailed
		}
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "k6", Image: p.Spec.Containers[0].Image, State: state}}
	return c.Status().Update(ctx, &p)
}

// obeys ends Pods that are being deleted, as their node would.
func (c *cluster) obeys(t *testing.T, namespace string, state func() corev1.ContainerState) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			var pods corev1.PodList
			_ = c.List(ctx, &pods, client.InNamespace(namespace)) // the next look is soon
			for _, p := range pods.Items {
				if p.DeletionTimestamp == nil {
					continue
				}
				if p.Status.Phase == corev1.PodRunning {
					_ = c.say(ctx, namespace, p.Name, state())
				}
				_ = c.Delete(ctx, &p, client.GracePeriodSeconds(0))
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
}
