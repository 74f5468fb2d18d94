package script

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// maxCachedTags bounds a VM's own memory of tag sets.
const maxCachedTags = 1024

// tagKey is what a set of tags was made of: a base and a tag, or a base and
// the parts of an answer.
type tagKey struct {
	base     *metric.TagSet
	a, b     string
	status   int
	tls      uint16
	expected bool
}

// context is that of the call under way.
func (vm *VM) context() context.Context {
	if vm.ctx == nil {
		return context.Background()
	}
	return vm.ctx
}

// add counts a sample, unless the call is over: what happens after an
// interruption is not a measurement.
func (vm *VM) add(m *metric.Metric, t *metric.TagSet, v float64) {
	if vm.shard == nil || vm.ctx != nil && vm.ctx.Err() != nil {
		return
	}
	vm.shard.Add(m, t, v)
	if vm.watch != nil {
		vm.config.Test.SamplesPerIteration.count(m, vm.watch)
	}
}

// with is base.With through a cache that no other VM waits for.
func (vm *VM) with(base *metric.TagSet, k, v string) *metric.TagSet {
	return vm.cached(tagKey{base: base, a: k, b: v}, func() *metric.TagSet { return base.With(k, v) })
}

func (vm *VM) cached(key tagKey, build func() *metric.TagSet) *metric.TagSet {
	if t, ok := vm.cache[key]; ok {
		return t
	}
	t := build()
	if len(vm.cache) >= maxCachedTags {
		clear(vm.cache)
	}
	vm.cache[key] = t
	return t
}

// tagged adds the tags of a script's object to base.
func (vm *VM) tagged(base *metric.TagSet, v sobek.Value) *metric.TagSet {
	if v == nil || sobek.IsUndefined(v) || sobek.IsNull(v) {
		return base
	}
	obj := v.ToObject(vm.rt)
	for _, k := range obj.Keys() {
		base = vm.with(base, k, obj.Get(k).String())
	}
	return base
}

// tagsOf is tagged for tags that come from outside: other than text, numbers
// and booleans are refused.
func (vm *VM) tagsOf(base *metric.TagSet, v sobek.Value) (*metric.TagSet, error) {
	obj, ok := v.(*sobek.Object)
	if !ok {
		return base, nil
	}
	for _, k := range obj.Keys() {
		value := obj.Get(k)
		if _, isObject := value.(*sobek.Object); isObject {
			return base, fmt.Errorf("tag %.60s is no text, number or boolean", k)
		}
		base = vm.with(base, k, value.String())
	}
	return base, nil
}

// Watch learns how many samples of each of some metrics one iteration makes at
// most, so that it can be known when a threshold is lost for certain.
type Watch struct {
	metrics []*metric.Metric
	most    map[string][]atomic.Int64 // by scenario
}

// NewWatch watches the metrics in the scenarios.
func NewWatch(metrics []*metric.Metric, scenarios []string) *Watch {
	w := &Watch{metrics: metrics, most: map[string][]atomic.Int64{}}
	for _, s := range scenarios {
		w.most[s] = make([]atomic.Int64, len(metrics))
	}
	return w
}

// Len returns how many metrics are watched.
func (w *Watch) Len() int { return len(w.metrics) }

// Most returns the highest number of samples of m seen in one iteration of the
// scenario.
func (w *Watch) Most(m *metric.Metric, scenario string) int64 {
	for i, watched := range w.metrics {
		if watched == m && w.most[scenario] != nil {
			return w.most[scenario][i].Load()
		}
	}
	return 0
}

func (w *Watch) count(m *metric.Metric, counts []int64) {
	for i, watched := range w.metrics {
		if watched == m {
			counts[i]++
		}
	}
}

// note ends an iteration: counts are compared with what was seen and zeroed.
func (w *Watch) note(scenario string, counts []int64) {
	most := w.most[scenario]
	for i, n := range counts {
		counts[i] = 0
		for most != nil {
			seen := most[i].Load()
			if n <= seen || most[i].CompareAndSwap(seen, n) {
				break
			}
		}
	}
}
