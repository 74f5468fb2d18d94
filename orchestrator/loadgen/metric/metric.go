// Package metric counts what a load test does: the metrics that exist, the tags
// on their samples, and an aggregation that keeps no samples but the first few of
// a trend.
//
// Samples go in through Shard.Add, from any number of goroutines; a Snapshot
// comes out at any time, cumulative since the start. Counters, gauges and rates
// are a few numbers per series; trends are native histograms of schema 6 (each
// bucket 1.1 % wide) with exact count, sum, minimum and maximum, so that they
// merge over generators. For each threshold the samples on the good side of its
// bound are counted exactly, so a p(95) rule needs no interpolation.
//
// Memory is bounded whatever the script does: beyond a number of series per
// metric, samples go to an overflow series that keeps only the tags of a closed
// set; they are still counted exactly in totals and thresholds. A sample that is
// not a finite number is refused and counted.
package metric

import (
	"fmt"
	"regexp"
	"sync"
)

// Kind says how the samples of a metric are put together.
type Kind uint8

// The kinds of k6. The zero value is none of them.
const (
	Counter Kind = iota + 1 // a sum
	Gauge                   // the newest value
	Rate                    // the share of samples that are not zero
	Trend                   // a distribution
)

// String returns k6's name of the kind: "counter", "gauge", "rate" or "trend".
func (k Kind) String() string {
	switch k {
	case Counter:
		return "counter"
	case Gauge:
		return "gauge"
	case Rate:
		return "rate"
	case Trend:
		return "trend"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Contains says what a metric's values are.
type Contains uint8

// What values may be.
const (
	Default Contains = iota // plain numbers
	Time                    // milliseconds in scripts, seconds on the wire
	Data                    // bytes
)

// String returns k6's name: "default", "time" or "data".
func (c Contains) String() string {
	switch c {
	case Time:
		return "time"
	case Data:
		return "data"
	}
	return "default"
}

// Wire converts a value from the unit that scripts see to the base unit that is
// sent to Prometheus: milliseconds become seconds, everything else stays.
func (c Contains) Wire(v float64) float64 {
	if c == Time {
		return v / 1000
	}
	return v
}

// Script converts a value back from the base unit to the unit of scripts.
func (c Contains) Script(v float64) float64 {
	if c == Time {
		return v * 1000
	}
	return v
}

// Metric is one metric of a Registry. It is immutable.
type Metric struct {
	Name     string
	Kind     Kind
	Contains Contains

	index int // place in its registry
}

const maxName = 129 // bytes

var namePattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]+$`)

// Registry holds the metrics of one test. It is safe for concurrent use.
type Registry struct {
	mu      sync.RWMutex
	byName  map[string]*Metric
	builtin *Builtin
}

// NewRegistry returns a registry that holds k6's built-in metrics.
func NewRegistry() *Registry {
	r := &Registry{byName: map[string]*Metric{}}
	r.builtin = newBuiltin(r)
	return r
}

// New returns the metric called name and creates it if it is new. It fails when
// the name is not one of k6's form (a letter or underscore, then 1 to 128
// letters, digits or underscores) or is taken by a metric of another kind or
// content.
func (r *Registry) New(name string, k Kind, c Contains) (*Metric, error) {
	if len(name) > maxName || !namePattern.MatchString(name) {
		return nil, fmt.Errorf("metric name %.150q: want 2 to 129 letters, digits and underscores, no digit first", name)
	}
	if k < Counter || k > Trend {
		return nil, fmt.Errorf("metric %s: unknown %s", name, k)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, ok := r.byName[name]; ok {
		if m.Kind != k || m.Contains != c {
			return nil, fmt.Errorf("metric %s exists as a %s of %s values, so it cannot be a %s of %s values",
				name, m.Kind, m.Contains, k, c)
		}
		return m, nil
	}
	m := &Metric{Name: name, Kind: k, Contains: c, index: len(r.byName)}
	r.byName[name] = m
	return m, nil
}

// Lookup returns the metric called name, or nil.
func (r *Registry) Lookup(name string) *Metric {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}

// Builtin returns the metrics that the generator itself adds to.
func (r *Registry) Builtin() *Builtin { return r.builtin }
