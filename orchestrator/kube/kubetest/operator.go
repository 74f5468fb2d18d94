//go:build kube

package kubetest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/kube"
)

// Operate is an operator and a node for the TestRuns of a namespace, until the
// test ends: it makes their Pods, has them run, and ended well when load, which
// is given what their script is told, has returned. All of them share one call.
func (c *Cluster) Operate(t *testing.T, namespace string, load func(variables map[string]string) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		known := map[string]bool{}
		for ctx.Err() == nil {
			var runs kube.TestRunList
			_ = c.List(ctx, &runs, client.InNamespace(namespace)) // the next look is soon
			for _, run := range runs.Items {
				if known[run.Name] || run.DeletionTimestamp != nil {
					continue
				}
				known[run.Name] = true
				work.Go(func() {
					if err := c.play(ctx, &run, load); err != nil && ctx.Err() == nil {
						t.Errorf("TestRun %s: %v", run.Name, err)
					}
				})
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); work.Wait() })
}

// play takes one TestRun from its beginning to its end.
func (c *Cluster) play(ctx context.Context, run *kube.TestRun, load func(map[string]string) error) error {
	began := metav1.Now()
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}
	for i := range run.Spec.Parallelism {
		if err := c.Create(ctx, runner(run, int(i)+1)); err != nil {
			return fmt.Errorf("make a runner: %w", err)
		}
	}
	if err := c.say(ctx, run, corev1.PodRunning, state); err != nil {
		return err
	}
	run.Status.Stage = kube.StageStarted
	run.Status.Conditions = []metav1.Condition{{Type: "TestRunRunning", Status: "True", Reason: "TestRunRunningTrue", LastTransitionTime: began}}
	if err := c.Status().Update(ctx, run); err != nil {
		return fmt.Errorf("tell the stage: %w", err)
	}
	var secret corev1.Secret
	if err := c.Get(ctx, client.ObjectKeyFromObject(run), &secret); err != nil {
		return fmt.Errorf("read what the script is told: %w", err)
	}
	variables := map[string]string{}
	for k, v := range secret.Data {
		variables[k] = string(v)
	}
	if err := load(variables); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return c.say(ctx, run, corev1.PodSucceeded, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: "Completed", StartedAt: began, FinishedAt: metav1.Now(),
	}})
}

// runner is a Pod as the operator's Job would make it, on a node that does not
// exist.
func runner(run *kube.TestRun, no int) *corev1.Pod {
	p, mayNot := run.Spec.Runner, false
	labels := map[string]string{"app": "k6", "k6_cr": run.Name, "runner": "true", "job-name": fmt.Sprintf("%s-%d", run.Name, no)}
	maps.Copy(labels, p.Metadata.Labels)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: run.Namespace, Name: fmt.Sprintf("%s-%d-x", run.Name, no), Labels: labels},
		Spec: corev1.PodSpec{
			NodeName: "node", RestartPolicy: corev1.RestartPolicyNever, SecurityContext: p.SecurityContext, AutomountServiceAccountToken: &mayNot, Volumes: p.Volumes,
			Containers: []corev1.Container{{
				Name: "k6", Image: p.Image, Env: p.Env, Resources: p.Resources, SecurityContext: p.ContainerSecurityContext, VolumeMounts: p.VolumeMounts,
			}},
		},
	}
}

// say writes of all runners what their node would.
func (c *Cluster) say(ctx context.Context, run *kube.TestRun, phase corev1.PodPhase, state corev1.ContainerState) error {
	for i := range run.Spec.Parallelism {
		p := runner(run, int(i)+1)
		if err := c.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return fmt.Errorf("find a runner: %w", err)
		}
		p.Status.Phase, p.Status.ContainerStatuses = phase, []corev1.ContainerStatus{{Name: "k6", Image: p.Spec.Containers[0].Image, State: state}}
		if err := c.Status().Update(ctx, p); err != nil {
			return fmt.Errorf("tell of a runner: %w", err)
		}
	}
	return nil
}
