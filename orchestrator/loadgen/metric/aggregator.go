package metric

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// maxSeries bounds the series of one metric.
const maxSeries = 10_000

// Aggregator puts samples together. Each Shard has its own lock, so goroutines
// that use different shards do not wait for each other.
type Aggregator struct {
	reg     *Registry
	started time.Time
	subs    []submetric
	limit   int // series per metric
	shards  []*Shard
	order   atomic.Uint64 // of gauge samples, over all shards
	tap     func(m *Metric, t *TagSet, v float64)

	mu     sync.Mutex
	series map[seriesKey]placement
	counts map[*Metric]int // admitted series of each metric
}

type seriesKey struct {
	metric *Metric
	tags   string
}

// placement is where samples go: the one set of an admitted series, and how
// many series were admitted before it.
type placement struct {
	tags  *TagSet
	first int
}

// submetric is a part of a metric that thresholds look at, selected by tags.
type submetric struct {
	selector   string
	metric     string
	tags       map[string]string
	thresholds []contest.Threshold
}

// NewAggregator returns an aggregator that evaluates the thresholds th. The
// clock for rates per second starts now. Thresholds on metrics that reg does not
// hold yet are evaluated once it does.
func NewAggregator(reg *Registry, th []contest.Threshold, shards int) *Aggregator {
	a := &Aggregator{
		reg: reg, started: time.Now(), subs: submetrics(th), limit: maxSeries,
		series: map[seriesKey]placement{}, counts: map[*Metric]int{},
	}
	for range max(1, shards) {
		a.shards = append(a.shards, newShard(a))
	}
	return a
}

// submetrics groups thresholds by their selector, in order of selector. The
// durations of expected answers are always there, as in k6.
func submetrics(th []contest.Threshold) []submetric {
	expected := contest.Threshold{Metric: "http_req_duration", Tags: map[string]string{"expected_response": "true"}}
	groups := map[string]*submetric{
		expected.Selector(): {selector: expected.Selector(), metric: expected.Metric, tags: expected.Tags},
	}
	for _, t := range th {
		key := t.Selector()
		if groups[key] == nil {
			groups[key] = &submetric{selector: key, metric: t.Metric, tags: t.Tags}
		}
		groups[key].thresholds = append(groups[key].thresholds, t)
	}
	subs := make([]submetric, 0, len(groups))
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		subs = append(subs, *groups[key])
	}
	return subs
}

// Shard returns the shard for index i, which may be any number.
func (a *Aggregator) Shard(i int) *Shard {
	return a.shards[uint(i)%uint(len(a.shards))]
}

// overflowSeries is how many series with only the closed set of tags a metric
// may have beyond its limit.
const overflowSeries = 100

// admit returns where samples of m tagged t are counted, and whether that is
// under t's own tags.
func (a *Aggregator) admit(m *Metric, t *TagSet) (_ placement, own bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.interned {
		if p, ok := a.place(m, t, a.limit); ok {
			return p, true
		}
	}
	// The tags that remain are those that verdicts are formed by. A script can
	// give even these any value, hence the second limit.
	if p, ok := a.place(m, t.only("scenario", "expected_response"), a.limit+overflowSeries); ok {
		return p, false
	}
	p, _ := a.place(m, t.only(), math.MaxInt)
	return p, false
}

// place finds an admitted series, or admits it while m has fewer than limit.
func (a *Aggregator) place(m *Metric, t *TagSet, limit int) (placement, bool) {
	key := seriesKey{m, t.key}
	if found, ok := a.series[key]; ok {
		return found, true
	}
	if a.counts[m] >= limit {
		return placement{}, false
	}
	p := placement{tags: t, first: len(a.series)}
	a.series[key] = p
	a.counts[m]++
	return p, true
}

// Tap has f called with every sample that is counted, by the goroutine that adds
// it. It costs much more than counting. Call it before the first sample.
func (a *Aggregator) Tap(f func(m *Metric, t *TagSet, v float64)) { a.tap = f }

// Snapshot returns everything counted so far, merged over the shards. It may be
// called at any time; samples added meanwhile are in it or in the next one.
func (a *Aggregator) Snapshot() *Snapshot {
	s := a.snapshot(func(*Metric) bool { return true })
	s.Submetrics = a.evaluate(a.subCounts(), s.Elapsed)
	return s
}

// SnapshotOf returns what was counted so far of the metrics with these names,
// and no submetrics. With many series it is much cheaper than Snapshot.
func (a *Aggregator) SnapshotOf(names ...string) *Snapshot {
	return a.snapshot(func(m *Metric) bool { return slices.Contains(names, m.Name) })
}

func (a *Aggregator) snapshot(want func(*Metric) bool) *Snapshot {
	now := time.Now()
	s := &Snapshot{Time: now, Elapsed: now.Sub(a.started)}
	merged := map[placeKey]*Series{}
	for _, shard := range a.shards {
		shard.collect(merged, want)
		s.Overflowed += shard.overflowed.Load()
		s.Refused += shard.refused.Load()
	}
	inOrder := slices.SortedFunc(maps.Values(merged), func(x, y *Series) int {
		if c := strings.Compare(x.Metric.Name, y.Metric.Name); c != 0 {
			return c
		}
		return strings.Compare(x.Tags.key, y.Tags.key)
	})
	s.Series = make([]Series, len(inOrder))
	for i, series := range inOrder {
		s.Series[i] = *series
	}
	return s
}

func (a *Aggregator) subCounts() []subCount {
	subs := a.newSubCounts()
	for _, shard := range a.shards {
		shard.collectSubs(subs)
	}
	return subs
}

// Evaluate returns how every threshold stands now, in order of selector. It is
// cheap: it does not look at the single series.
func (a *Aggregator) Evaluate() []ThresholdResult {
	var results []ThresholdResult
	for _, sub := range a.evaluate(a.subCounts(), time.Since(a.started)) {
		results = append(results, sub.Thresholds...)
	}
	return results
}
