package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// step takes run to its next stage, in memory, if it is ready for it, and returns
// how long to wait before the next look.
func (o *Operator) step(ctx context.Context, run *testRun) (time.Duration, error) {
	switch run.Status.Stage {
	case "":
		return 0, o.begin(ctx, run)
	case stageInitialization:
		return o.pace.Initialization, o.initialize(ctx, run)
	case stageInitialized:
		return 0, o.create(ctx, run)
	case stageCreated:
		return o.pace.Created, o.start(ctx, run)
	case stageStarted:
		return o.pace.Started, o.finish(ctx, run)
	case stageStopped:
		run.Status.Stage = stageFinished
		return 0, nil
	default:
		return time.Minute, o.clean(ctx, run)
	}
}

// begin checks the arguments, as far as the operator does.
func (o *Operator) begin(ctx context.Context, run *testRun) error {
	if run.Spec.Parallelism < 1 {
		return fmt.Errorf("parallelism is %d, it must be positive", run.Spec.Parallelism)
	}
	run.running(metav1.ConditionUnknown)
	if err := checkArguments(run.arguments()); err != nil {
		o.log.Error("arguments", "testrun", run.Name, "error", err)
		run.Status.Stage = stageError
		return nil
	}
	if run.Spec.Initializer != nil && run.Spec.Initializer.Disabled {
		run.Status.Stage = stageInitialized
		return nil
	}
	run.Status.Stage = stageInitialization
	return o.job(ctx, run.initializer())
}

// initialize waits for the initializer, and reads from its log what the script
// needs. For an initializer that never starts it waits for ever.
func (o *Operator) initialize(ctx context.Context, run *testRun) error {
	pods, err := o.cluster.CoreV1().Pods(run.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "job-name=" + run.Name + "-initializer"})
	if err != nil || len(pods.Items) == 0 {
		return err
	}
	switch p := pods.Items[0]; p.Status.Phase {
	case corev1.PodFailed:
		run.Status.Stage = stageError
	case corev1.PodSucceeded:
		users, err := o.usersNeeded(ctx, p)
		if err != nil {
			return err
		}
		run.Status.Stage = stageInitialized
		if users < int(run.Spec.Parallelism) {
			o.log.Error("there are fewer users than runners", "testrun", run.Name, "users", users, "runners", run.Spec.Parallelism)
			run.Status.Stage = stageError
		}
	}
	return nil
}

// usersNeeded reads what `k6 inspect --execution-requirements` printed.
func (o *Operator) usersNeeded(ctx context.Context, p corev1.Pod) (int, error) {
	const most = 1 << 20
	log, err := o.cluster.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: container}).Stream(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the log of %s: %w", p.Name, err)
	}
	defer log.Close()
	var needs struct {
		Users int `json:"maxVUs"`
	}
	if err := json.NewDecoder(io.LimitReader(log, most)).Decode(&needs); err != nil {
		return 0, fmt.Errorf("read the log of %s: %w", p.Name, err)
	}
	return needs.Users, nil
}

// create makes the runners. What an earlier TestRun of the same name left is in
// the way.
func (o *Operator) create(ctx context.Context, run *testRun) error {
	first, err := o.cluster.BatchV1().Jobs(run.Namespace).Get(ctx, run.runnerName(1), metav1.GetOptions{})
	if err == nil && !metav1.IsControlledBy(first, run) {
		return fmt.Errorf("job with the name %s exists", first.Name)
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("look for runners: %w", err)
	}
	for i := range int(run.Spec.Parallelism) {
		if err := o.job(ctx, run.runner(i+1, o.also)); err != nil {
			return err
		}
		if _, err := o.cluster.CoreV1().Services(run.Namespace).Create(ctx, run.service(i+1), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create a Service: %w", err)
		}
	}
	run.Status.Stage = stageCreated
	return nil
}

// start waits until every runner answers, and has them told to begin. Whether
// they did is not looked at. A runner that does not start is waited for, for ever.
func (o *Operator) start(ctx context.Context, run *testRun) error {
	runners := metav1.ListOptions{LabelSelector: "app=k6,k6_cr=" + run.Name + ",runner=true"}
	pods, err := o.cluster.CoreV1().Pods(run.Namespace).List(ctx, runners)
	if err != nil {
		return fmt.Errorf("list the runners: %w", err)
	}
	up := 0
	for _, p := range pods.Items {
		if p.Status.Phase == corev1.PodRunning {
			up++
		}
	}
	if up != int(run.Spec.Parallelism) {
		return nil
	}
	services, err := o.cluster.CoreV1().Services(run.Namespace).List(ctx, runners)
	if err != nil {
		return fmt.Errorf("list the Services: %w", err)
	}
	var addresses []string
	for _, s := range services.Items {
		address := net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(restPort))
		if err := o.answers(ctx, address); err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	if err := o.job(ctx, run.starter(o.starter, addresses)); err != nil {
		return err
	}
	run.running(metav1.ConditionTrue)
	run.Status.Stage = stageStarted
	return nil
}

func (o *Operator) answers(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/status", nil)
	if err != nil {
		return fmt.Errorf("ask a runner: %w", err)
	}
	answer, err := o.probe.Do(r)
	if err != nil {
		return fmt.Errorf("ask a runner: %w", err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode >= http.StatusBadRequest {
		return errors.Join(fmt.Errorf("ask a runner: %s answers %s", address, answer.Status), err)
	}
	return nil
}

// finish waits until no runner is active, whether they did well or badly.
func (o *Operator) finish(ctx context.Context, run *testRun) error {
	jobs, err := o.cluster.BatchV1().Jobs(run.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=k6,k6_cr=" + run.Name + ",runner=true"})
	if err != nil {
		return fmt.Errorf("list the runners: %w", err)
	}
	ended := 0
	for _, j := range jobs.Items {
		if j.Status.Active == 0 {
			ended++
		}
	}
	if ended == int(run.Spec.Parallelism) {
		run.running(metav1.ConditionFalse)
		run.Status.Stage = stageStopped
	}
	return nil
}

// clean deletes a TestRun that asks for it. Everything that it owns follows.
func (o *Operator) clean(ctx context.Context, run *testRun) error {
	if run.Spec.Cleanup != "post" {
		return nil
	}
	background := metav1.DeletePropagationBackground
	err := o.runs.Namespace(run.Namespace).Delete(ctx, run.Name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the TestRun: %w", err)
	}
	return nil
}

func (o *Operator) job(ctx context.Context, j *batchv1.Job) error {
	_, err := o.cluster.BatchV1().Jobs(j.Namespace).Create(ctx, j, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create a Job: %w", err)
	}
	return nil
}
