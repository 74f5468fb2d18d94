package kube

import (
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Capacity is what one runner can do, and how many there may be.
type Capacity struct {
	VUs   int // virtual users that it can have
	Rate  int // iterations per second that it can begin
	Least int // runners of any launch, at least 1
	Most  int // runners of any launch

	CPU        int64 // thousandths of a processor that it asks for
	Memory     int64 // bytes that it may use; 0: not bounded
	MostMemory int64 // bytes that one of another attempt may use

	Within  int // times, and part of, VUs and Rate that Learn may come to; 1: it learns nothing
	Learned int // runs that VUs and Rate were learned from; 0: they are as configured
}

// Runners returns how many runners a script needs at a level:
// ceil(max(VUs / VUs per runner, rate / rate per runner)). There are never more
// than virtual users, as some would have nothing to do.
func (c Capacity) Runners(s contest.Script, l contest.Level) int {
	vus := virtualUsers(s)
	n := max(1, c.Least)
	if c.VUs > 0 {
		n = max(n, (vus+c.VUs-1)/c.VUs)
	}
	if c.Rate > 0 {
		n = max(n, int(math.Ceil(l.Rate()/float64(c.Rate))))
	}
	if vus > 0 {
		n = min(n, vus)
	}
	return n
}

// Shape returns what runners a script gets at a level where nothing was tried
// yet, and how far more of them would be of use. A level that needs more than
// there may be as configured has them all the same: the launcher refuses it, and
// says why. What was learned from earlier runs never makes it so many.
func (c Capacity) Shape(s contest.Script, l contest.Level, past []contest.Carried) contest.Shape {
	most := c.Most
	if vus := virtualUsers(s); vus > 0 {
		most = min(most, vus)
	}
	learned := c.Learn(past)
	n := min(learned.Runners(s, l), max(c.Most, c.Runners(s, l)))
	return contest.Shape{
		Runners: n, MostRunners: most, VUs: learned.VUs, Rate: learned.Rate, Learned: learned.Learned,
		CPU: c.CPU, Memory: c.Memory, MostMemory: c.MostMemory,
	}
}

func virtualUsers(s contest.Script) (n int) {
	for _, one := range s.Scenarios {
		n += one.MaxVUs
	}
	return n
}

// MostMemory reads how much memory a runner may have at most, in bytes, where each
// begins with what Resources read from first. Empty text is four times as much;
// without a first there is no bound to raise, and it returns 0.
func MostMemory(first corev1.ResourceRequirements, most string) (bytes int64, err error) {
	begin := first.Limits.Memory().Value()
	if most == "" {
		return 4 * begin, nil
	}
	q, err := resource.ParseQuantity(most)
	switch {
	case err != nil || q.Sign() <= 0:
		return 0, fmt.Errorf("%q is no quantity of memory: want one like 512Mi or 4Gi", most)
	case begin == 0:
		return 0, fmt.Errorf("%s bounds nothing, because kubernetes.runner_memory is empty: set both, or neither", most)
	case q.Value() < begin:
		return 0, fmt.Errorf("%s is less than %s, what each runner begins with (kubernetes.runner_memory): raise it, or lower that", most, contest.Bytes(begin))
	}
	return q.Value(), nil
}

// Resources reads what a runner asks for, in Kubernetes' notation. What it asks
// for of memory is also its limit; empty text asks for nothing.
func Resources(cpu, memory string) (corev1.ResourceRequirements, error) {
	r := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	for name, text := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory} {
		if text == "" {
			continue
		}
		q, err := resource.ParseQuantity(text)
		if err != nil || q.Sign() <= 0 {
			return r, fmt.Errorf("%q is no quantity of %s: want one like 500m, 2 or 1Gi", text, name)
		}
		r.Requests[name] = q
		if name == corev1.ResourceMemory {
			r.Limits[name] = q
		}
	}
	return r, nil
}

// Tolerations reads taints that a runner does not mind, as kubectl writes them:
// key, key=value, key:Effect, key=value:Effect.
func Tolerations(texts []string) (all []corev1.Toleration, err error) {
	for _, text := range texts {
		taint, effect, _ := strings.Cut(text, ":")
		key, value, equal := strings.Cut(taint, "=")
		t := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffect(effect)}
		if equal {
			t.Operator, t.Value = corev1.TolerationOpEqual, value
		}
		switch t.Effect {
		case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		default:
			return nil, fmt.Errorf("%q has no effect %q: want NoSchedule, PreferNoSchedule or NoExecute", text, effect)
		}
		if key == "" {
			return nil, fmt.Errorf("%q names no taint: want key=value:Effect", text)
		}
		all = append(all, t)
	}
	return all, nil
}
