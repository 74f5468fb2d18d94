package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	checkWithin = 15 * time.Second
	noTestRuns  = "the cluster has no testruns.k6.io (CustomResourceDefinition): install k6-operator 1.6.0 or newer"
)

// verbs are what a launcher does in its namespace, and so what its role allows.
func verbs() []authorizationv1.ResourceAttributes {
	var all []authorizationv1.ResourceAttributes
	for _, r := range []struct{ group, resource, subresource, verbs string }{
		{"k6.io", "testruns", "", "get list watch create delete"},
		{"", "configmaps", "", "get list watch create update delete"},
		{"", "secrets", "", "create update delete"},
		{"", "pods", "", "get list watch deletecollection"},
		{"", "pods", "log", "get"},
		{"", "events", "", "list"},
	} {
		for verb := range strings.FieldsSeq(r.verbs) {
			all = append(all, authorizationv1.ResourceAttributes{Group: r.group, Resource: r.resource, Subresource: r.subresource, Verb: verb})
		}
	}
	return all
}

// watched are those of the verbs without which a launcher would not see what
// becomes of its launches.
func watched() []authorizationv1.ResourceAttributes {
	return slices.DeleteFunc(verbs(), func(v authorizationv1.ResourceAttributes) bool {
		return v.Verb != "list" && v.Verb != "watch" || v.Resource == "events"
	})
}

// Check says in sentences why launches on a cluster would fail: no answer, wrong
// credentials, no TestRuns, a verb that is not allowed, a quota that leaves no
// room for most runners. It creates nothing.
func Check(ctx context.Context, c *rest.Config, cfg Config) []string {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	cfg = cfg.withDefaults()
	a, err := newAPI(c, cfg)
	if err != nil {
		return []string{err.Error()}
	}
	s := survey{api: a.client, cfg: cfg, host: c.Host}
	if err := s.rights(ctx, verbs()); err != nil {
		return append(s.problems, err.Error())
	}
	s.testRuns(ctx)
	s.quotas(ctx)
	return s.problems
}

// survey gathers what is wrong.
type survey struct {
	api      client.Client
	cfg      Config
	host     string
	problems []string
}

func (s *survey) problem(format string, a ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, a...))
}

// rights asks the cluster for each verb whether we may. It fails where the
// cluster does not answer at all, so that more questions are of no use.
func (s *survey) rights(ctx context.Context, all []authorizationv1.ResourceAttributes) error {
	for _, v := range all {
		v.Namespace = s.cfg.Namespace
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &v}}
		err := s.api.Create(ctx, review)
		switch {
		case apierrors.IsUnauthorized(err):
			return fmt.Errorf("the cluster at %s does not know us: the credentials have expired or are wrong: %w", s.host, err)
		case err != nil && !isStatus(err):
			return fmt.Errorf("the cluster at %s does not answer: %w", s.host, err)
		case err != nil:
			return fmt.Errorf("the cluster at %s cannot be asked what we may do: %w", s.host, err)
		case !review.Status.Allowed:
			s.problem("kubernetes: we may not %s %s in namespace %s: add it to the role", v.Verb, called(v), s.cfg.Namespace)
		}
	}
	return nil
}

func isStatus(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

func called(v authorizationv1.ResourceAttributes) string {
	name := v.Resource
	if v.Subresource != "" {
		name += "/" + v.Subresource
	}
	if v.Group != "" {
		name += "." + v.Group
	}
	return name
}

// testRuns asks for a TestRun like ours, without making one: the cluster's own
// resource has the last word on the fields.
func (s *survey) testRuns(ctx context.Context) {
	l := Launcher{cfg: s.cfg}
	o := order{name: "hackload-check", script: []byte{}}
	o.launch.TestID, o.launch.Team, o.launch.Generators = "check", "check", 1
	err := s.api.Create(ctx, l.testRun(o), client.DryRunAll)
	var status apierrors.APIStatus
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		s.problem("kubernetes: namespace %s is being deleted: create it again when it is gone", s.cfg.Namespace)
	case err == nil || apierrors.IsForbidden(err) && !missing(err): // told already
	case missing(err):
		s.problem("kubernetes: namespace %s does not exist: create it, or set kubernetes.namespace", s.cfg.Namespace)
	case apierrors.IsNotFound(err):
		s.problem("kubernetes: %s", noTestRuns)
	case errors.As(err, &status) && (apierrors.IsBadRequest(err) || apierrors.IsInvalid(err)):
		s.problem("kubernetes: the cluster's k6-operator takes no TestRuns like ours, 1.6.0 or newer does: %v", err)
	default:
		s.problem("kubernetes: a TestRun could not be tried: %v", err)
	}
}

// missing reports whether it is the namespace that was not found.
func missing(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsNotFound(err) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Kind == "namespaces"
}

// unknown reports whether the cluster does not have what it was asked for at all.
// Everything that we ask for but TestRuns is built into each cluster.
func unknown(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// quotas compares what the namespace may use with what a launch of the most
// runners asks for. Who may not read quotas is not told of them.
func (s *survey) quotas(ctx context.Context) {
	var all corev1.ResourceQuotaList
	if err := s.api.List(ctx, &all, client.InNamespace(s.cfg.Namespace)); err != nil {
		return
	}
	wanted := s.wanted()
	for _, q := range all.Items {
		for name, hard := range q.Spec.Hard {
			want, ok := wanted[name]
			if ok && want.Cmp(hard) > 0 {
				s.problem("kubernetes: quota %s of namespace %s allows %s of %s, and %d runners (kubernetes.max_runners) need %s",
					q.Name, s.cfg.Namespace, hard.String(), name, s.cfg.Most, want.String())
			}
		}
	}
}

// wanted is what the Pods of the largest launch ask for.
func (s *survey) wanted() corev1.ResourceList {
	all := corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(int64(s.cfg.Most), resource.DecimalSI)}
	add := func(prefix string, each corev1.ResourceList) {
		for name, one := range each {
			sum := one.DeepCopy()
			sum.Mul(int64(s.cfg.Most))
			all[corev1.ResourceName(prefix+string(name))] = sum
		}
	}
	add("", s.cfg.Resources.Requests)
	add("requests.", s.cfg.Resources.Requests)
	add("limits.", s.cfg.Resources.Limits)
	return all
}
