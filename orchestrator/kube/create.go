package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	seenWithin = 10 * time.Second // of a watch
	tick       = 20 * time.Millisecond
)

// create makes the launch's objects, the record first and the TestRun last, and
// waits until the watches have told of them. With a bad script there is nothing
// but a record that says so.
func (l *Launcher) create(ctx context.Context, o order, bad *contest.LaunchResult) error {
	rec := &corev1.ConfigMap{ObjectMeta: l.meta(o, kindRecord)}
	if err := write(rec, keyLaunch, openLaunch(o.launch)); err != nil {
		return err
	}
	if bad != nil {
		if err := write(rec, keyResult, bad); err != nil {
			return err
		}
	} else {
		rec.Labels[labelScript] = o.scriptName()
	}
	if err := l.createRecord(ctx, rec); err != nil {
		return fmt.Errorf("create ConfigMap %s: %w", rec.Name, err)
	}
	if bad != nil {
		return l.await(ctx, o.name, func(r *record, _ bool) bool { return r != nil })
	}
	if err := l.createRest(ctx, o, rec); err != nil {
		return err
	}
	return l.await(ctx, o.name, func(r *record, run bool) bool { return r != nil && run })
}

// createRecord makes the record, or takes the one that an interrupted order left.
func (l *Launcher) createRecord(ctx context.Context, rec *corev1.ConfigMap) error {
	err := l.api.client.Create(ctx, rec)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	return l.api.client.Get(ctx, client.ObjectKeyFromObject(rec), rec)
}

func (l *Launcher) createRest(ctx context.Context, o order, rec *corev1.ConfigMap) error {
	yes := true
	script := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: o.scriptName(), Namespace: l.cfg.Namespace, Labels: map[string]string{labelKind: kindScript}},
		Immutable:  &yes, Data: map[string]string{scriptFile: string(o.script)},
	}
	if err := l.api.client.Create(ctx, script); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create ConfigMap %s: %w", script.Name, err)
	}
	owned := func(kind string) metav1.ObjectMeta {
		m := l.meta(o, kind)
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: rec.Name, UID: rec.UID}}
		return m
	}
	secret := &corev1.Secret{ObjectMeta: owned(""), Data: map[string][]byte{}}
	for k, v := range l.variables(o) {
		secret.Data[k] = []byte(v)
	}
	if o.users != nil {
		secret.Data[usersKey] = o.users
	}
	for _, f := range o.data {
		secret.Data[f.key] = f.content
	}
	err := l.api.client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) { // of an interrupted order, whose token is worth nothing any more
		err = l.api.client.Update(ctx, secret)
	}
	if err != nil {
		return fmt.Errorf("create Secret %s: %w", secret.Name, err)
	}
	run := l.testRun(o)
	run.ObjectMeta = owned("")
	if err := l.api.client.Create(ctx, run); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create TestRun %s: %w", run.Name, err)
	}
	return nil
}

// await returns when the watches show a launch as it is meant to be.
func (l *Launcher) await(ctx context.Context, name string, ok func(r *record, run bool) bool) error {
	ctx, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	for {
		r, err := l.record(ctx, name)
		if err != nil {
			return err
		}
		found := l.api.cache.Get(ctx, l.key(name), &TestRun{}) == nil
		if ok(r, found || l.sight(name).run) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the cluster to tell of %s: %w", name, ctx.Err())
		case <-time.After(tick):
		}
	}
}

const scrapWithin = 10 * time.Second

// scrap deletes what there is of an order that failed, also when its caller has
// given up.
func (l *Launcher) scrap(o order) error {
	ctx, cancel := context.WithTimeout(context.Background(), scrapWithin)
	defer cancel()
	return l.erase(ctx, o.name, o.scriptName())
}

// explain tells what is to be done about an answer of the cluster, and which of
// them may be another one in a moment.
func (l *Launcher) explain(err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &status):
		if errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) {
			return err
		}
		return fmt.Errorf("%w: %w", contest.ErrTryAgain, err) // nobody answered
	case apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsInternalError(err), apierrors.IsTimeout(err), apierrors.IsServiceUnavailable(err):
		return fmt.Errorf("%w: %w", contest.ErrTryAgain, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster does not know us any more, the credentials have expired or are wrong: %w", err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("namespace %s is being deleted: %w", l.cfg.Namespace, err)
	case missing(err):
		return fmt.Errorf("namespace %s does not exist: %w", l.cfg.Namespace, err)
	case unknown(err):
		return fmt.Errorf("%s: %w", noTestRuns, err)
	}
	return err
}
