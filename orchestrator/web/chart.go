package web

import (
	"math"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// chartBars is how many bars a distribution is drawn with.
const chartBars = 48

// chart is the distribution of latencies as bars on a logarithmic axis. Places
// are shares of the drawing in percent.
type chart struct {
	Title string
	Bars  []bar
	Ticks []mark
	P95   *flag
	Bound *flag // of the rule; nil without one
}

type bar struct {
	X, Y, W, H       float64
	Low, Top, Counts float64 // milliseconds, and requests between them
}

// flag is a line across the drawing with a text beside it.
type flag struct {
	mark
	Right bool // the text stands before it: there is no room behind
}

// draw lays out the latency's buckets, many of which share one bar, with the
// rule's bound among them. It returns nil when there is nothing to draw.
func (w words) draw(l *contest.Latency, bound *contest.Threshold) *chart {
	if l == nil {
		return nil
	}
	low, high := limits(l.Buckets)
	if low <= 0 || high <= low {
		return nil
	}
	if bound != nil { // some room behind it
		low, high = min(low, bound.Bound/1.6), max(high, bound.Bound*1.6)
	}
	width := math.Log(high / low)
	at := func(ms float64) float64 { return 100 * min(1, max(0, math.Log(ms/low)/width)) }
	sums, most := make([]float64, chartBars), 0.0
	for _, b := range l.Buckets {
		if b.Count <= 0 {
			continue
		}
		middle := math.Sqrt(max(b.Low, low) * min(max(b.High, low), high))
		i := min(chartBars-1, int(at(middle)/100*chartBars))
		sums[i] += b.Count
		most = max(most, sums[i])
	}
	c := &chart{Title: w.say("Distribution of %s latencies on a logarithmic axis", w.number(l.Samples))}
	for i, n := range sums {
		if n == 0 {
			continue
		}
		step := 100.0 / chartBars
		h := max(1.5, 100*n/most)
		c.Bars = append(c.Bars, bar{
			X: round1(float64(i) * step), Y: round1(100 - h), W: round1(step - 0.2), H: round1(h),
			Low:    round1(low * math.Exp(width*float64(i)/chartBars)),
			Top:    round1(low * math.Exp(width*float64(i+1)/chartBars)),
			Counts: n,
		})
	}
	stand := func(ms float64, label string) *flag {
		x := round1(at(ms))
		return &flag{mark{x, label}, x > 50}
	}
	c.P95 = stand(l.P95.Value, "p95 "+w.shortMillis(l.P95.Value))
	if bound != nil {
		c.Bound = stand(bound.Bound, w.say("bound %s", w.duration(bound.Bound)))
	}
	c.Ticks = w.ticks(low, high, at)
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

// ticks marks 1, 2 and 5 of each decade, or the decades alone where the axis is wide.
func (w words) ticks(low, high float64, at func(float64) float64) []mark {
	steps := []float64{1, 2, 5}
	if high/low > 300 {
		steps = []float64{1}
	}
	var found []mark
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade < high; decade *= 10 {
		for _, step := range steps {
			if v := decade * step; v >= low && v <= high {
				found = append(found, mark{round1(at(v)), w.duration(v)})
			}
		}
	}
	return found
}

// shortMillis writes a latency with as many digits as are of use.
func (w words) shortMillis(ms float64) string {
	if ms >= 10_000 {
		return w.shortly(ms/1000) + "\u202f" + w.say("s")
	}
	return w.shortly(ms) + "\u202f" + w.say("ms")
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }
