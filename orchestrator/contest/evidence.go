package contest

import (
	"math"
	"slices"
	"time"
)

// EvidenceVersion is the schema version of Evidence as it is stored.
const EvidenceVersion = 1

// Evidence is what was measured in one run. It is immutable once written; a
// verdict can be derived from it again at any time, without asking anyone.
type Evidence struct {
	Version   int       `json:"version"`
	Run       RunID     `json:"run"`
	TestID    TestID    `json:"testId"`
	Team      Slug      `json:"team"`
	Criterion Criterion `json:"criterion"`
	Scenario  string    `json:"scenario"`
	Level     Level     `json:"level"`
	Endpoint  string    `json:"endpoint"`
	Window    Window    `json:"window"`

	Script     Script       `json:"script"`
	ConfigHash string       `json:"configHash"` // sha256 of the rules in force
	Preflight  Preflight    `json:"preflight"`
	Launch     LaunchResult `json:"launch"`

	Thresholds []ThresholdCount  `json:"thresholds"`
	Counts     []Count           `json:"counts"`
	Latency    *Latency          `json:"latency,omitempty"` // of the judged phase; nil when nothing was measured
	Generators []GeneratorHealth `json:"generators"`
	Ceiling    *Calibration      `json:"ceiling,omitempty"` // what one generator can do on this hardware
	Queries    []AskedQuery      `json:"queries"`
	Gaps       []string          `json:"gaps,omitempty"`   // what could not be had, in sentences
	Course     *Course           `json:"course,omitempty"` // over time; nil when it could not be had: nothing is decided by it
}

// Window is the time that a run covers.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Preflight is what was seen of the target before any load: the contract smoke
// test and, for booking, the reset.
type Preflight struct {
	Answered bool   `json:"answered"`          // some HTTP answer came
	Status   int    `json:"status,omitempty"`  // of the last answer
	Error    string `json:"error,omitempty"`   // why no answer came
	Reset    int    `json:"reset,omitempty"`   // status of POST /api/reset; 0 when not asked
	Finding  string `json:"finding,omitempty"` // what was odd, in a sentence
}

// ThresholdCount is the exact account of one threshold over all generators.
// For a trend, Within of Samples are on the good side of the bound; for a rate,
// Within are the true ones; for a counter, Within is its total.
type ThresholdCount struct {
	Threshold Threshold `json:"threshold"`
	Within    float64   `json:"within"`
	Samples   float64   `json:"samples"`
}

// Count is the total of a counter in one k6 scenario.
type Count struct {
	Name     string  `json:"name"`               // "http_reqs", "iterations", "successful_bookings", …
	Scenario string  `json:"scenario,omitempty"` // k6's scenario tag
	Label    string  `json:"label,omitempty"`    // a further label's value (check name, expected_response)
	Value    float64 `json:"value"`
}

// Count returns the total of a counter, summed over the given k6 scenarios, or
// over all when none is given. A counter that was never added to is 0.
func (e Evidence) Count(name string, scenarios ...string) float64 {
	var sum float64
	for _, c := range e.Counts {
		if c.Name == name && (len(scenarios) == 0 || slices.Contains(scenarios, c.Scenario)) {
			sum += c.Value
		}
	}
	return sum
}

// Latency is the merged distribution of http_req_duration, in milliseconds.
type Latency struct {
	Samples float64  `json:"samples"`
	P50     Quantile `json:"p50"`
	P95     Quantile `json:"p95"`
	P99     Quantile `json:"p99"`
	Mean    float64  `json:"mean"`
	Buckets []Bucket `json:"buckets"`
}

// Quantile is an estimate with the bounds of the histogram bucket that holds
// it: the true value is between Low and High.
type Quantile struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Bucket counts the samples above Low and up to High.
type Bucket struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Count float64 `json:"count"`
}

// GeneratorHealth is one load generator's own account of itself.
type GeneratorHealth struct {
	Instance      string  `json:"instance"`
	Finished      bool    `json:"finished"`      // its last flush arrived
	CPU           float64 `json:"cpu"`           // highest share of what it may use, 0–1
	SchedLatency  float64 `json:"schedLatency"`  // highest p99 of goroutine scheduling latency, seconds
	Heap          float64 `json:"heap"`          // highest, bytes
	DroppedWrites float64 `json:"droppedWrites"` // flushes that were lost
	VUs           float64 `json:"vus"`           // most virtual users in use at once
	MaxVUs        float64 `json:"maxVUs"`        // most that it could have used
}

// Calibration is what one load generator reached against a built-in target that
// only echoes, with the target on the same machine: the generator's ceiling and
// the least latency that it can see.
type Calibration struct {
	At    time.Time `json:"at"`
	CPUs  int       `json:"cpus"`
	RPS   float64   `json:"rps"`   // requests per second
	P95   float64   `json:"p95"`   // ms, with every virtual user busy
	Floor float64   `json:"floor"` // ms, the shortest request
}

// AskedQuery is a query as it was sent, so that anyone can send it again.
type AskedQuery struct {
	Name   string    `json:"name"`
	PromQL string    `json:"promql"`
	At     time.Time `json:"at"`
}

// Sample is one series of an instant query's answer.
type Sample struct {
	Labels    map[string]string
	Value     float64
	Histogram *Histogram // instead of Value, for a native histogram
}

// Histogram is a native histogram with its buckets in ascending order. Bounds
// are in the metric's base unit (seconds).
type Histogram struct {
	Count   float64
	Sum     float64
	Buckets []Bucket
}

// Quantile estimates the q-quantile (0–1) by exponential interpolation inside
// the bucket that holds it, as Prometheus does, and gives that bucket's bounds.
// Without samples all three are NaN.
func (h Histogram) Quantile(q float64) Quantile {
	rank, seen := q*h.Count, 0.0
	best := Quantile{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	for _, b := range h.Buckets {
		if b.Count <= 0 {
			continue
		}
		// Rounding may leave the last rank a hair above the sum of all buckets.
		share := min(1, (rank-seen)/b.Count)
		best = Quantile{Value: interpolate(b.Low, b.High, share), Low: b.Low, High: b.High}
		if seen+b.Count >= rank {
			break
		}
		seen += b.Count
	}
	return best
}

func interpolate(low, high, share float64) float64 {
	if low <= 0 || high <= 0 {
		return low + (high-low)*share
	}
	return min(high, max(low, low*math.Pow(high/low, share))) // never a rounding error outside
}
