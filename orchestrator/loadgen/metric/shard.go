package metric

import (
	"math"
	"sync"
	"sync/atomic"
)

// Shard is a part of an Aggregator that samples are added to. It is safe for
// concurrent use, and fastest when few goroutines share one.
type Shard struct {
	agg        *Aggregator
	overflowed atomic.Uint64
	refused    atomic.Uint64

	mu     sync.Mutex
	cells  map[*TagSet][]*cell // by metric index
	places map[placeKey]*Series
	inTurn []*Series // those in places, oldest first
	subs   []subCount
}

// placeKey identifies a series in a shard: tags is the admitted set.
type placeKey struct {
	metric *Metric
	tags   *TagSet
}

// cell is where samples of one metric under one set of tags are counted.
type cell struct {
	series *Series
	subs   []int // submetrics that select the set
	own    bool  // false: the series is an overflow series
}

// subCount is what one submetric holds: its samples, and for each of its
// thresholds the samples within the bound.
type subCount struct {
	series Series
	within []uint64
}

func newShard(a *Aggregator) *Shard {
	return &Shard{
		agg: a, cells: map[*TagSet][]*cell{}, places: map[placeKey]*Series{}, subs: a.newSubCounts(),
	}
}

func (a *Aggregator) newSubCounts() []subCount {
	counts := make([]subCount, len(a.subs))
	for i, sub := range a.subs {
		counts[i].within = make([]uint64, len(sub.thresholds))
	}
	return counts
}

// Add counts one sample, in the unit of scripts (milliseconds for Time). For a
// Rate, zero is false and anything else is true. A value that is not a finite
// number is refused and counted as such.
func (s *Shard) Add(m *Metric, t *TagSet, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		s.refused.Add(1)
		return
	}
	if s.agg.tap != nil {
		s.agg.tap(m, t, v)
	}
	var order uint64
	if m.Kind == Gauge {
		order = s.agg.order.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cell(m, t)
	if !c.own {
		s.overflowed.Add(1)
	}
	c.series.add(v, order)
	for _, i := range c.subs {
		sub := &s.subs[i]
		sub.series.Metric = m
		sub.series.add(v, order)
		for j := range sub.within {
			if s.agg.subs[i].thresholds[j].Within(v) {
				sub.within[j]++
			}
		}
	}
}

// cell returns the place of m's samples tagged t. Only sets that are remembered
// get a lasting cell, so memory stays bounded.
func (s *Shard) cell(m *Metric, t *TagSet) *cell {
	row := s.cells[t]
	if m.index < len(row) && row[m.index] != nil {
		return row[m.index]
	}
	c := &cell{}
	var placed placement
	placed, c.own = s.agg.admit(m, t)
	key := placeKey{m, placed.tags}
	if c.series = s.places[key]; c.series == nil {
		c.series = &Series{Metric: m, Tags: placed.tags, First: placed.first}
		s.places[key] = c.series
		s.inTurn = append(s.inTurn, c.series)
	}
	for i, sub := range s.agg.subs {
		if sub.metric == m.Name && t.Matches(sub.tags) {
			c.subs = append(c.subs, i)
		}
	}
	if t.interned {
		if m.index >= len(row) {
			row = append(row, make([]*cell, m.index+1-len(row))...)
			s.cells[t] = row
		}
		row[m.index] = c
	}
	return c
}

// collectSubs merges what the shard holds of the submetrics into subs.
func (s *Shard) collectSubs(subs []subCount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.subs {
		if s.subs[i].series.Metric != nil {
			subs[i].series.Metric = s.subs[i].series.Metric
		}
		subs[i].series.Merge(&s.subs[i].series)
		for j, n := range s.subs[i].within {
			subs[i].within[j] += n
		}
	}
}

// atOnce is how many series are merged before whoever waits to add gets a turn.
const atOnce = 16

// collect merges those series of the shard that want asks for into series. Each
// is whole; samples that come meanwhile may be in a later one and not in an
// earlier one.
func (s *Shard) collect(series map[placeKey]*Series, want func(*Metric) bool) {
	for from, more := 0, true; more; from += atOnce {
		more = s.collectFrom(from, series, want)
	}
}

func (s *Shard) collectFrom(at int, series map[placeKey]*Series, want func(*Metric) bool) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := min(at+atOnce, len(s.inTurn))
	for _, from := range s.inTurn[at:end] {
		if !want(from.Metric) {
			continue
		}
		key := placeKey{from.Metric, from.Tags}
		to := series[key]
		if to == nil {
			to = &Series{Metric: from.Metric, Tags: from.Tags, First: from.First}
			series[key] = to
		}
		to.Merge(from)
	}
	return end < len(s.inTurn)
}
