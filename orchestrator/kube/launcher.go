package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ErrClosed is returned by a launcher that was closed.
var ErrClosed = errors.New("launcher is closed")

// Launcher starts, watches and ends TestRuns. It is safe for concurrent use.
// Close it when done; the TestRuns live on.
type Launcher struct {
	cfg    Config
	api    api
	limits limits

	queue   workqueue.TypedRateLimitingInterface[string] // names of launches to look at
	stop    context.CancelFunc
	work    sync.WaitGroup
	ordered sync.Mutex // held while a launch is started or told to stop
	synced  atomic.Bool
	closed  atomic.Bool

	mu       sync.Mutex
	sights   map[string]*sight // by the launches' names
	progress progresses
}

// New returns a launcher over the namespace, and begins to watch it. What runs
// there already is looked after at once. The cluster need not answer yet.
func New(c *rest.Config, cfg Config) (*Launcher, error) {
	cfg = cfg.withDefaults()
	a, err := newAPI(c, cfg)
	if err != nil {
		return nil, err
	}
	l := &Launcher{
		cfg: cfg, api: a, sights: map[string]*sight{}, progress: newProgresses(),
		limits: limits{begin: cfg.Begin, create: createWithin, grace: cfg.Grace},
		queue:  workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](200*time.Millisecond, 30*time.Second)),
	}
	if m := cfg.Resources.Limits.Memory(); !m.IsZero() {
		l.limits.memory = m.String()
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	if err := l.watch(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close ends the watching and returns when all of it has ended. What runs in the
// cluster goes on; a later launcher adopts it. Closing twice is harmless.
func (l *Launcher) Close() {
	l.closed.Store(true)
	l.stop()
	l.queue.ShutDown()
	l.work.Wait()
}

// Start orders a launch's generators and returns once the order is known to the
// cluster. A launch that exists is left as it is, so Start may be repeated. When
// it fails, nothing runs and nothing is left.
func (l *Launcher) Start(ctx context.Context, launch contest.Launch) error {
	if launch.Timeout <= 0 {
		launch.Timeout = contest.Duration(defaultTimeout)
	}
	launch.Generators = max(1, launch.Generators)
	if err := l.check(launch); err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("start launch %s: %w", launch.TestID, err) }
	if err := l.ready(ctx); err != nil {
		return fail(err)
	}
	l.ordered.Lock()
	defer l.ordered.Unlock()
	o := order{launch: launch, name: Name(launch.TestID)}
	r, err := l.record(ctx, o.name)
	if err != nil {
		return fail(err)
	}
	if r != nil && !l.unfinished(ctx, *r) {
		return nil
	}
	bad, err := l.prepare(ctx, &o)
	if err != nil {
		return fail(err)
	}
	if err := l.create(ctx, o, bad); err != nil {
		return fail(errors.Join(l.explain(err), l.scrap(o)))
	}
	return nil
}

// unfinished reports whether a launch was interrupted while it was being ordered.
func (l *Launcher) unfinished(ctx context.Context, r record) bool {
	if r.result != nil || r.stop != nil {
		return false
	}
	err := l.api.cache.Get(ctx, l.key(r.name), &TestRun{})
	return apierrors.IsNotFound(err) && !l.sight(r.name).run
}

// prepare reads what the order is made of. A script that cannot be bundled is
// no reason not to launch: it is told as the script's end.
func (l *Launcher) prepare(ctx context.Context, o *order) (bad *contest.LaunchResult, err error) {
	if o.users, err = l.users(o.launch); err != nil {
		return nil, err
	}
	if o.script, err = l.bundle(ctx, o.launch.Scenario); err == nil {
		o.data, err = l.data(ctx, o.launch.Scenario, o.script, len(o.users))
	}
	if err == nil || ctx.Err() != nil {
		return nil, err
	}
	if _, statErr := l.cfg.Scenarios.Open(o.launch.Scenario + ".js"); statErr != nil {
		return nil, err
	}
	now := time.Now()
	return &contest.LaunchResult{Started: now, Ended: now, Generators: o.launch.Generators, Unusable: err.Error()}, nil
}

// Status returns where a launch stands.
func (l *Launcher) Status(ctx context.Context, id contest.TestID) (contest.LaunchStatus, error) {
	if !id.Valid() {
		return contest.LaunchStatus{}, fmt.Errorf("status of launch: testid %.200q is not valid", id)
	}
	r, err := l.find(ctx, id)
	if err != nil {
		return contest.LaunchStatus{}, fmt.Errorf("status of launch %s: %w", id, err)
	}
	switch {
	case r == nil:
		return contest.LaunchStatus{State: contest.LaunchGone}, nil
	case r.result != nil:
		return contest.LaunchStatus{State: contest.LaunchDone, Progress: l.progress.last(r.name), Result: *r.result}, nil
	}
	return contest.LaunchStatus{State: contest.LaunchRunning, Progress: l.look(ctx, *r)}, nil
}

// List returns the testid of every launch in the namespace, in order.
func (l *Launcher) List(ctx context.Context) ([]contest.TestID, error) {
	if err := l.ready(ctx); err != nil {
		return nil, fmt.Errorf("list launches: %w", err)
	}
	var all corev1.ConfigMapList
	if err := l.api.cache.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("list launches: %w", err)
	}
	var ids []contest.TestID
	for i := range all.Items {
		r, err := readRecord(&all.Items[i])
		if err != nil {
			return nil, fmt.Errorf("list launches: %w", err)
		}
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return ids, nil
}

// find returns the record of a launch, nil when there is none.
func (l *Launcher) find(ctx context.Context, id contest.TestID) (*record, error) {
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	return l.record(ctx, Name(id))
}

func (l *Launcher) record(ctx context.Context, name string) (*record, error) {
	c, err := l.recordObject(ctx, name)
	if err != nil || c == nil {
		return nil, err
	}
	r, err := readRecord(c)
	return &r, err
}

func (l *Launcher) recordObject(ctx context.Context, name string) (*corev1.ConfigMap, error) {
	var c corev1.ConfigMap
	err := l.api.cache.Get(ctx, l.key(name), &c)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return &c, err
}

func (l *Launcher) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: l.cfg.Namespace, Name: name}
}
