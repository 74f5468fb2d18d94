package kube

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// copier is a type that copies itself as Kubernetes' types do.
type copier[T any] interface {
	*T
	DeepCopyInto(out *T)
}

func copyOf[T any, P copier[T]](in P) P {
	if in == nil {
		return nil
	}
	out := P(new(T))
	in.DeepCopyInto(out)
	return out
}

func copies[T any, P copier[T]](in []T) []T {
	if in == nil {
		return nil
	}
	out := make([]T, len(in))
	for i := range in {
		P(&in[i]).DeepCopyInto(&out[i])
	}
	return out
}

// DeepCopyObject returns a copy that shares nothing with r.
func (r *TestRun) DeepCopyObject() runtime.Object {
	if r == nil {
		return nil
	}
	return copyOf(r)
}

// DeepCopyInto copies r into out; they share nothing.
func (r *TestRun) DeepCopyInto(out *TestRun) {
	out.TypeMeta = r.TypeMeta
	r.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	r.Spec.DeepCopyInto(&out.Spec)
	out.Status = TestRunStatus{Stage: r.Status.Stage, Conditions: copies[metav1.Condition](r.Status.Conditions)}
}

// DeepCopyObject returns a copy that shares nothing with l.
func (l *TestRunList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	out := &TestRunList{TypeMeta: l.TypeMeta, Items: copies[TestRun](l.Items)}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	return out
}

// DeepCopyInto copies s into out; they share nothing.
func (s *TestRunSpec) DeepCopyInto(out *TestRunSpec) {
	*out = *s
	if s.Script.ConfigMap != nil {
		c := *s.Script.ConfigMap
		out.Script.ConfigMap = &c
	}
	out.Args = slices.Clone(s.Args)
	s.Runner.DeepCopyInto(&out.Runner)
	out.Starter, out.Initializer = copyOf(s.Starter), copyOf(s.Initializer)
}

// DeepCopyInto copies p into out; they share nothing.
func (p *Pod) DeepCopyInto(out *Pod) {
	*out = *p
	out.ImagePullSecrets = slices.Clone(p.ImagePullSecrets)
	if p.Metadata != nil {
		out.Metadata = &PodMetadata{Labels: maps.Clone(p.Metadata.Labels), Annotations: maps.Clone(p.Metadata.Annotations)}
	}
	out.Env, out.NodeSelector = copies(p.Env), maps.Clone(p.NodeSelector)
	out.Tolerations = copies(p.Tolerations)
	p.Resources.DeepCopyInto(&out.Resources)
	out.SecurityContext, out.ContainerSecurityContext = copyOf(p.SecurityContext), copyOf(p.ContainerSecurityContext)
	out.ReadinessProbe, out.LivenessProbe = copyOf(p.ReadinessProbe), copyOf(p.LivenessProbe)
	out.Volumes, out.VolumeMounts = copies(p.Volumes), copies(p.VolumeMounts)
}
