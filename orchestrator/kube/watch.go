package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	workers     = 4
	syncWithin  = 10 * time.Second
	lookTimeout = time.Minute
)

// sight is what was seen of a launch that the cluster forgets: Pods that went
// are known here with the end that they had.
type sight struct {
	since time.Time            // of the first sight, by our clock: the cluster's may be another
	run   bool                 // there was a TestRun
	pods  map[string]generator // by the Pods' names
}

// watch begins to follow the namespace.
func (l *Launcher) watch(ctx context.Context) error {
	for _, of := range []client.Object{&corev1.ConfigMap{}, &TestRun{}, &corev1.Pod{}} {
		informer, err := l.api.cache.GetInformer(ctx, of, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch the cluster: %w", err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { l.see(o, false) },
			UpdateFunc: func(_, o any) { l.see(o, false) },
			DeleteFunc: func(o any) { l.see(o, true) },
		}); err != nil {
			return fmt.Errorf("watch the cluster: %w", err)
		}
	}
	l.work.Go(func() {
		if err := l.api.cache.Start(ctx); err != nil {
			l.cfg.Log.Error("the cluster is not watched any more", "error", err)
		}
	})
	for range workers {
		l.work.Go(func() {
			// Nobody decides anything before all is known.
			if l.api.cache.WaitForCacheSync(ctx) {
				l.attend(ctx)
			}
		})
	}
	return nil
}

// see takes note of an object, and has its launch looked at.
func (l *Launcher) see(o any, gone bool) {
	if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	of, ok := o.(client.Object)
	if !ok {
		return
	}
	name := of.GetLabels()[labelLaunch]
	if name == "" {
		return // a script's ConfigMap belongs to no launch
	}
	l.mu.Lock()
	s := l.sights[name]
	if s == nil {
		s = &sight{since: time.Now(), pods: map[string]generator{}}
		l.sights[name] = s
	}
	switch o := o.(type) {
	case *TestRun:
		s.run = true
	case *corev1.Pod:
		if o.Labels["runner"] == "true" {
			s.pods[o.Name] = readPod(o, gone)
		}
	}
	l.mu.Unlock()
	l.queue.Add(name)
}

// sight returns a copy of what was seen of a launch.
func (l *Launcher) sight(name string) sight {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sights[name]
	if s == nil {
		return sight{}
	}
	return sight{since: s.since, run: s.run, pods: maps.Clone(s.pods)}
}

// ready returns when what is watched is known.
func (l *Launcher) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.closed.Load():
		return ErrClosed
	case l.synced.Load():
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, syncWithin)
	defer cancel()
	known := l.api.cache.WaitForCacheSync(waiting)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := l.watchable(ctx, known); err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("the cluster has not told of itself yet: %w", contest.ErrTryAgain)
	}
	l.synced.Store(true)
	return nil
}

// watchable says why the namespace cannot be watched. One of the two verbs is
// enough for all to be known once, and both are needed to learn of changes.
func (l *Launcher) watchable(ctx context.Context, known bool) error {
	if !known {
		for _, list := range []client.ObjectList{&TestRunList{}, &corev1.PodList{}, &corev1.ConfigMapList{}} {
			if err := l.api.client.List(ctx, list, client.InNamespace(l.cfg.Namespace), client.Limit(1)); err != nil {
				return l.explain(fmt.Errorf("the cluster cannot be watched: %w", err))
			}
		}
	}
	s := survey{api: l.api.client, cfg: l.cfg}
	if err := s.rights(ctx, watched()); err != nil {
		return fmt.Errorf("the cluster cannot be watched: %w", err)
	}
	if len(s.problems) > 0 {
		return fmt.Errorf("the cluster cannot be watched: %s", s.problems[0])
	}
	return nil
}

// attend looks at launches as they change, until ctx ends.
func (l *Launcher) attend(ctx context.Context) {
	for {
		name, shutdown := l.queue.Get()
		if shutdown {
			return
		}
		again, err := l.reconcile(ctx, name)
		switch {
		case err != nil && ctx.Err() == nil:
			if !apierrors.IsConflict(err) {
				l.cfg.Log.Warn("a launch could not be looked after; it is tried again", "launch", name, "error", err)
			}
			l.queue.AddRateLimited(name)
		default:
			l.queue.Forget(name)
			if again > 0 {
				l.queue.AddAfter(name, again)
			}
		}
		l.queue.Done(name)
	}
}

// reconcile does what is to be done about a launch now.
func (l *Launcher) reconcile(ctx context.Context, name string) (again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	rec, err := l.recordObject(ctx, name)
	if err != nil {
		return 0, err
	}
	if rec == nil {
		return 0, l.forget(ctx, name)
	}
	v, err := l.view(ctx, rec)
	if err != nil {
		return 0, err
	}
	if v.stop != nil {
		if err := l.dismiss(ctx, v); err != nil {
			return 0, err
		}
	}
	if v.result != nil {
		return l.keep(ctx, v)
	}
	step := assess(v, l.limits)
	switch {
	case step.ended:
		return 0, l.conclude(ctx, rec, v)
	case step.stop != nil:
		return 0, l.orderEnd(ctx, rec, v, step.stop)
	}
	return step.again, nil
}

// forget drops what was seen of a launch of which there is nothing any more. Its
// Pods may go after its record, and each that goes has the launch looked at again.
func (l *Launcher) forget(ctx context.Context, name string) error {
	var pods corev1.PodList
	if err := l.api.cache.List(ctx, &pods, client.MatchingLabels{labelLaunch: name}); err != nil || len(pods.Items) > 0 {
		return err
	}
	err := l.api.cache.Get(ctx, l.key(name), &TestRun{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	l.progress.drop(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sights, name)
	return nil
}

// view gathers what is known of a launch.
func (l *Launcher) view(ctx context.Context, rec *corev1.ConfigMap) (view, error) {
	r, err := readRecord(rec)
	if err != nil {
		return view{}, err
	}
	s := l.sight(r.name)
	v := view{record: r, runSeen: s.run, seen: s.since, now: time.Now()}
	if v.seen.IsZero() {
		v.seen = v.now
	}
	for _, g := range s.pods {
		v.generators = append(v.generators, g)
	}
	slices.SortFunc(v.generators, func(a, b generator) int { return a.no - b.no })
	var run TestRun
	err = l.api.cache.Get(ctx, l.key(r.name), &run)
	if err == nil && run.DeletionTimestamp == nil {
		v.run = &run
	}
	return v, client.IgnoreNotFound(err)
}
