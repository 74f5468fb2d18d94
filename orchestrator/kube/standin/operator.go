// Package standin is a controller of TestRuns for tests, where k6-operator is
// not to be had: it moves TestRuns through the operator's documented stages with
// real Jobs, Services and Pods.
//
// In come TestRuns of a cluster; out go their stages, and runners that load what
// their script says. It has the operator's manners, the bad ones too: its times
// between two looks, no limit on how long a stage takes, and `finished` for a run
// whose runners all failed. What it cannot do (load from the cloud, a Service
// mesh) it does not pretend to. It shares no code with the launcher that it is
// held against, so that they cannot agree on a mistake. Nothing that ships
// imports it.
package standin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Pace is how long the operator waits between two looks at a stage. Zero stands
// for its own 5 s, 1 s and 15 s.
type Pace struct {
	Initialization, Created, Started time.Duration
}

// Config says what an Operator works with.
type Config struct {
	Cluster *rest.Config
	// Starter is an image with /bin/sh and /bin/busybox, for TestRuns that name
	// none: it tells the runners to begin.
	Starter string
	// Also are words for every runner behind those of its TestRun. The operator
	// has nothing like it: a test has runners write down what they did.
	Also []string
	Pace Pace
	Log  *slog.Logger
}

// Operator moves TestRuns from stage to stage.
type Operator struct {
	cluster kubernetes.Interface
	runs    dynamic.NamespaceableResourceInterface
	probe   *http.Client
	starter string
	also    []string
	pace    Pace
	log     *slog.Logger
	due     map[string]time.Time // when a TestRun, by its UID, is looked at next
	tries   map[string]int       // failed attempts in a row
}

// Every call to the cluster or a runner has this long. Between two looks for new
// TestRuns there is the tick, in place of a watch.
const (
	deadline = 10 * time.Second
	tick     = 200 * time.Millisecond
)

// New returns an operator. It does nothing before Run.
func New(c Config) (*Operator, error) {
	cluster, err := kubernetes.NewForConfig(c.Cluster)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	all, err := dynamic.NewForConfig(c.Cluster)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	or := func(d, otherwise time.Duration) time.Duration {
		if d == 0 {
			return otherwise
		}
		return d
	}
	return &Operator{
		cluster: cluster,
		runs:    all.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: "testruns"}),
		probe:   &http.Client{Timeout: deadline},
		starter: c.Starter,
		also:    c.Also,
		pace:    Pace{or(c.Pace.Initialization, 5*time.Second), or(c.Pace.Created, time.Second), or(c.Pace.Started, 15*time.Second)},
		log:     c.Log,
		due:     map[string]time.Time{},
		tries:   map[string]int{},
	}, nil
}

// Run works until ctx is done. Like the operator it handles one TestRun at a
// time. A cluster that does not answer is asked again.
func (o *Operator) Run(ctx context.Context) {
	for clock := time.NewTicker(tick); ; {
		if err := o.look(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("TestRuns cannot be listed", "error", err)
		}
		select {
		case <-ctx.Done():
			clock.Stop()
			return
		case <-clock.C:
		}
	}
}

// look handles every TestRun that is due.
func (o *Operator) look(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, deadline)
	list, err := o.runs.List(within, metav1.ListOptions{})
	cancel()
	if err != nil {
		return err
	}
	for i := range list.Items {
		run, err := decode(&list.Items[i])
		if err != nil {
			o.log.Error("a TestRun cannot be read", "name", list.Items[i].GetName(), "error", err)
			continue
		}
		uid := string(run.UID)
		if run.DeletionTimestamp != nil || time.Now().Before(o.due[uid]) {
			continue
		}
		o.due[uid] = time.Now().Add(o.handle(ctx, run))
	}
	return nil
}

// handle takes a TestRun one stage further if it is ready for it, and returns
// after how long to look again. Errors are tried again, later each time.
func (o *Operator) handle(ctx context.Context, run *testRun) time.Duration {
	within, cancel := context.WithTimeout(ctx, 3*deadline)
	defer cancel()
	before := run.Status.Stage
	wait, err := o.step(within, run)
	if err == nil && run.Status.Stage != before {
		wait, err = 0, o.save(within, run)
		o.log.Info("stage", "testrun", run.Name, "from", before, "to", run.Status.Stage)
	}
	uid := string(run.UID)
	if err == nil {
		delete(o.tries, uid)
		return wait
	}
	o.tries[uid]++
	if ctx.Err() == nil {
		o.log.Error("a stage failed", "testrun", run.Name, "stage", before, "error", err)
	}
	return min(time.Second<<min(o.tries[uid], 6), time.Minute) / 4
}
