package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// orderEnd writes down that a launch is to end, and why. That it then ends follows
// from the record, whoever reads it.
func (l *Launcher) orderEnd(ctx context.Context, rec *corev1.ConfigMap, v view, stop *stopOrder) error {
	if stop.Reason == stoppedByTrouble && v.stop == nil {
		stop.Trouble += l.refusals(ctx, v)
	}
	rec = rec.DeepCopy()
	if err := write(rec, keyStop, stop); err != nil {
		return err
	}
	if err := l.api.client.Update(ctx, rec); err != nil {
		return fmt.Errorf("order launch %s to stop: %w", v.id, err)
	}
	return nil
}

// refusals tells what kept Pods from being made, such as a quota, where fewer
// are there than were ordered.
func (l *Launcher) refusals(ctx context.Context, v view) string {
	if len(v.generators) >= v.launch.Generators || v.run == nil {
		return ""
	}
	var events corev1.EventList
	err := l.api.client.List(ctx, &events, client.InNamespace(l.cfg.Namespace), client.MatchingFields{"type": corev1.EventTypeWarning}, client.Limit(500))
	if err != nil {
		return "" // it would only have been more exact
	}
	for _, e := range events.Items {
		if strings.HasPrefix(e.InvolvedObject.Name, v.name) && e.Reason == "FailedCreate" {
			return because(e.Message)
		}
	}
	return ""
}

// dismiss ends what runs of a launch. Its Pods are deleted too, because only so
// they have the grace that is configured.
func (l *Launcher) dismiss(ctx context.Context, v view) error {
	if v.run != nil {
		if err := l.deleteRun(ctx, v.name); err != nil {
			return err
		}
	}
	for _, g := range v.generators {
		if !g.leaving && !g.over {
			return l.deletePods(ctx, v.name)
		}
	}
	return nil
}

func (l *Launcher) deleteRun(ctx context.Context, name string) error {
	run := &TestRun{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: l.cfg.Namespace}}
	err := l.api.client.Delete(ctx, run, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete TestRun %s: %w", name, err)
	}
	return nil
}

func (l *Launcher) deletePods(ctx context.Context, name string) error {
	grace := client.GracePeriodSeconds(int64(l.cfg.Grace.Seconds()))
	err := l.api.client.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(l.cfg.Namespace), client.MatchingLabels{labelLaunch: name}, grace)
	if err != nil {
		return fmt.Errorf("delete the Pods of %s: %w", name, err)
	}
	return nil
}

// conclude writes down how a launch ended.
func (l *Launcher) conclude(ctx context.Context, rec *corev1.ConfigMap, v view) error {
	var log string
	blamed := v.blame()
	if blamed != nil && v.stop == nil {
		var err error
		if log, err = l.api.pods.tail(ctx, l.cfg.Namespace, blamed.pod); err != nil {
			l.cfg.Log.Info("what a generator said last is not to be had", "testid", v.id, "error", err)
		}
	}
	rec = rec.DeepCopy()
	if err := write(rec, keyResult, v.outcome(blamed, log)); err != nil {
		return err
	}
	if err := l.api.client.Update(ctx, rec); err != nil {
		return fmt.Errorf("write the result of launch %s: %w", v.id, err)
	}
	return nil
}

// keep removes an ended launch that nobody has removed for long.
func (l *Launcher) keep(ctx context.Context, v view) (time.Duration, error) {
	if left := v.result.Ended.Add(l.cfg.Keep).Sub(v.now); left > 0 {
		return left, nil
	}
	l.cfg.Log.Info("an ended launch is removed, as nobody has done so", "testid", v.id)
	return 0, l.erase(ctx, v.name, v.script)
}

// Stop ends a launch and returns when its generators are gone, or with ctx's
// error while the stopping goes on. What is known of it stays. Stopping a launch
// that has ended or never was is no error.
func (l *Launcher) Stop(ctx context.Context, id contest.TestID) error {
	if !id.Valid() {
		return fmt.Errorf("stop launch: testid %.200q is not valid", id)
	}
	fail := func(err error) error { return fmt.Errorf("stop launch %s: %w", id, err) }
	for {
		ended, err := l.told(ctx, id)
		if ended || err != nil && !apierrors.IsConflict(err) {
			if err != nil {
				return fail(l.explain(err))
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fail(ctx.Err())
		case <-time.After(tick):
		}
	}
}

// told makes sure that a launch is told to stop, and reports whether it has ended.
func (l *Launcher) told(ctx context.Context, id contest.TestID) (ended bool, err error) {
	if err := l.ready(ctx); err != nil {
		return false, err
	}
	l.ordered.Lock()
	defer l.ordered.Unlock()
	rec, err := l.recordObject(ctx, Name(id))
	if err != nil || rec == nil {
		return rec == nil, err
	}
	v, err := l.view(ctx, rec)
	if err != nil || v.result != nil {
		return err == nil, err
	}
	if v.stop == nil {
		return false, l.orderEnd(ctx, rec, v, &stopOrder{Reason: stoppedOnRequest, At: time.Now()})
	}
	return false, nil
}

// Remove stops a launch and deletes all that there is of it. Removing one that
// never was is no error.
func (l *Launcher) Remove(ctx context.Context, id contest.TestID) error {
	if err := l.Stop(ctx, id); err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("remove launch %s: %w", id, err) }
	l.ordered.Lock()
	defer l.ordered.Unlock()
	r, err := l.find(ctx, id)
	if err != nil {
		return fail(err)
	}
	if r == nil {
		return nil
	}
	if err := l.erase(ctx, r.name, r.script); err != nil {
		return fail(l.explain(err))
	}
	l.progress.drop(r.name)
	return l.await(ctx, r.name, func(r *record, _ bool) bool { return r == nil })
}

// erase deletes the launch's objects, its record last.
func (l *Launcher) erase(ctx context.Context, name, script string) error {
	meta := metav1.ObjectMeta{Name: name, Namespace: l.cfg.Namespace}
	if err := errors.Join(l.deleteRun(ctx, name), l.deletePods(ctx, name)); err != nil {
		return err
	}
	for _, o := range []client.Object{&corev1.Secret{ObjectMeta: meta}, &corev1.ConfigMap{ObjectMeta: meta}} {
		if err := l.api.client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %T %s: %w", o, name, err)
		}
	}
	return l.eraseScript(ctx, name, script)
}

// eraseScript deletes a script that no other launch uses.
func (l *Launcher) eraseScript(ctx context.Context, name, script string) error {
	if script == "" {
		return nil
	}
	var users corev1.ConfigMapList
	if err := l.api.cache.List(ctx, &users, client.MatchingLabels{labelScript: script}); err != nil {
		return fmt.Errorf("list the launches of script %s: %w", script, err)
	}
	for _, u := range users.Items {
		if u.Name != name {
			return nil
		}
	}
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: script, Namespace: l.cfg.Namespace}}
	if err := l.api.client.Delete(ctx, c); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete ConfigMap %s: %w", script, err)
	}
	return nil
}
