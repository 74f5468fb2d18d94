package web

import (
	"math"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// The drawing's size in its own units.
const (
	chartWidth  = 720.0
	chartHeight = 150.0
	chartBars   = 48
)

// chart is the distribution of latencies as bars on a logarithmic axis.
type chart struct {
	Bars  []bar
	Ticks []tick
	P95   float64 // x of the 95th percentile
	Width float64
	High  float64
}

type bar struct {
	X, Y, W, H       float64
	Low, Top, Counts float64 // milliseconds, and requests between them
}

type tick struct {
	X     float64
	Label string
}

// draw lays out the latency's buckets, many of which share one bar. It returns
// nil when there is nothing to draw.
func draw(l *contest.Latency) *chart {
	if l == nil {
		return nil
	}
	low, high := limits(l.Buckets)
	if low <= 0 || high <= low {
		return nil
	}
	width := math.Log(high / low)
	at := func(ms float64) float64 { return chartWidth * min(1, max(0, math.Log(ms/low)/width)) }
	sums, most := make([]float64, chartBars), 0.0
	for _, b := range l.Buckets {
		if b.Count <= 0 {
			continue
		}
		middle := math.Sqrt(max(b.Low, low) * min(max(b.High, low), high))
		i := min(chartBars-1, int(at(middle)/chartWidth*chartBars))
		sums[i] += b.Count
		most = max(most, sums[i])
	}
	c := &chart{P95: round1(at(l.P95.Value)), Width: chartWidth, High: chartHeight}
	for i, n := range sums {
		if n == 0 {
			continue
		}
		step := chartWidth / chartBars
		h := max(2, chartHeight*n/most)
		c.Bars = append(c.Bars, bar{
			X: round1(float64(i) * step), Y: round1(chartHeight - h), W: round1(step - 1.5), H: round1(h),
			Low:    round1(low * math.Exp(width*float64(i)/chartBars)),
			Top:    round1(low * math.Exp(width*float64(i+1)/chartBars)),
			Counts: n,
		})
	}
	c.Ticks = ticks(low, high, at)
	return c
}

// limits returns the axis' ends: the outer bounds of the buckets that hold
// anything, one decade apart at least, so that a narrow peak looks narrow.
func limits(buckets []contest.Bucket) (low, high float64) {
	low = math.Inf(1)
	for _, b := range buckets {
		if b.Count > 0 && b.High > 0 && !math.IsInf(b.High, 0) {
			low, high = min(low, max(b.Low, b.High/2)), max(high, b.High)
		}
	}
	if middle := math.Sqrt(low * high); high > 0 && high/low < 10 {
		low, high = middle/math.Sqrt(10), middle*math.Sqrt(10)
	}
	return low, high
}

func ticks(low, high float64, at func(float64) float64) []tick {
	var found []tick
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade < high; decade *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if v := decade * step; v >= low && v <= high {
				found = append(found, tick{X: round1(at(v)), Label: latency(v)})
			}
		}
	}
	// Wide ranges keep the decades only.
	if len(found) > 9 {
		kept := found[:0]
		for _, t := range found {
			if t.Label[0] == '1' || t.Label[:2] == "0." && t.Label[len(t.Label)-1] == '1' {
				kept = append(kept, t)
			}
		}
		found = kept
	}
	return found
}

// latency writes milliseconds for an axis.
func latency(ms float64) string {
	if ms >= 1000 {
		return amount(ms/1000, "s")
	}
	return amount(ms, "ms")
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }
