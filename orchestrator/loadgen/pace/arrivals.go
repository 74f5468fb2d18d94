package pace

import (
	"fmt"
	"math"
	"math/big"
	"sort"
	"time"
)

// Stage is a part of a plan that ends at Target: iterations per time unit for
// arrivals, virtual users for a ramp.
type Stage struct {
	Duration time.Duration
	Target   int64
}

// maxRate bounds a rate, so that no plan overflows: one iteration a nanosecond.
const maxRate = int64(time.Second)

// Arrivals is a plan of iteration starts. It is immutable.
type Arrivals struct {
	stripe   Stripe
	constant bool
	unit     time.Duration
	rate     int64 // of a constant plan
	length   time.Duration
	segments []segment // of a ramping plan
	total    int64     // over all generators
}

// segment is a stage of a ramping plan with what came before it.
type segment struct {
	start    time.Duration
	length   time.Duration
	from, to float64 // iterations per nanosecond
	before   float64 // iterations planned before it
	upTo     int64   // whole iterations planned up to its end
}

// Constant plans rate iterations per unit for the given length: one at 0, then
// evenly, as long as the start is before the end.
func Constant(rate int64, unit, length time.Duration, stripe Stripe) (*Arrivals, error) {
	if rate < 0 || rate > maxRate || unit <= 0 || length < 0 {
		return nil, fmt.Errorf("rate %d per %v for %v: want a rate of 0 to %d, a time unit above 0 and a duration", rate, unit, length, maxRate)
	}
	a := &Arrivals{stripe: stripe, constant: true, unit: unit, rate: rate, length: length}
	// ceil(length·rate / unit)
	n := new(big.Int).Mul(big.NewInt(int64(length)), big.NewInt(rate))
	n.Add(n, big.NewInt(int64(unit)-1)).Div(n, big.NewInt(int64(unit)))
	if !n.IsInt64() || n.Int64() > math.MaxInt64/2 {
		return nil, fmt.Errorf("rate %d per %v for %v is too many iterations", rate, unit, length)
	}
	a.total = n.Int64()
	return a, nil
}

// Ramping plans a rate that moves in a straight line from start to each
// stage's target. A stage without duration is a jump.
func Ramping(start int64, unit time.Duration, stages []Stage, stripe Stripe) (*Arrivals, error) {
	if start < 0 || start > maxRate || unit <= 0 {
		return nil, fmt.Errorf("start rate %d per %v: want a rate of 0 to %d and a time unit above 0", start, unit, maxRate)
	}
	a := &Arrivals{stripe: stripe, unit: unit}
	from, area := start, new(big.Rat)
	for i, st := range stages {
		if st.Duration < 0 || st.Target < 0 || st.Target > maxRate {
			return nil, fmt.Errorf("stage %d (%v to %d): want a duration and a target of 0 to %d", i+1, st.Duration, st.Target, maxRate)
		}
		before, _ := area.Float64()
		// (from+to)/2 · length / unit, exactly
		part := new(big.Int).Mul(big.NewInt(from+st.Target), big.NewInt(int64(st.Duration)))
		area.Add(area, new(big.Rat).SetFrac(part, big.NewInt(2*int64(unit))))
		whole := new(big.Int).Div(area.Num(), area.Denom())
		if !whole.IsInt64() || whole.Int64() > math.MaxInt64/2 || a.length > math.MaxInt64-st.Duration {
			return nil, fmt.Errorf("stage %d (%v to %d) is too many iterations", i+1, st.Duration, st.Target)
		}
		a.segments = append(a.segments, segment{
			start: a.length, length: st.Duration, before: before, upTo: whole.Int64(),
			from: float64(from) / float64(unit), to: float64(st.Target) / float64(unit),
		})
		a.length += st.Duration
		a.total = whole.Int64()
		from = st.Target
	}
	return a, nil
}

// Length returns how long the plan is.
func (a *Arrivals) Length() time.Duration { return a.length }

// Planned returns how many iterations this share of the plan starts.
func (a *Arrivals) Planned() int64 { return a.stripe.Share(a.total) }

// Global returns the number in the whole test of this share's n-th iteration.
func (a *Arrivals) Global(n int64) int64 { return a.stripe.Global(n) }

// At returns when this share's n-th iteration (from 0) starts, counted from the
// plan's start, and false when the plan has no such iteration.
func (a *Arrivals) At(n int64) (time.Duration, bool) {
	if n < 0 || n >= a.Planned() {
		return 0, false
	}
	global := a.stripe.Global(n)
	if a.constant {
		return a.constantAt(global), true
	}
	i := sort.Search(len(a.segments), func(i int) bool { return a.segments[i].upTo > global })
	return a.segments[i].at(global + 1), true
}

// Next answers "elapsed has passed and started iterations were started": how
// long to wait for the next one (0: start it now), or false when all are started.
func (a *Arrivals) Next(elapsed time.Duration, started int64) (wait time.Duration, more bool) {
	at, ok := a.At(started)
	if !ok {
		return 0, false
	}
	return max(at-elapsed, 0), true
}

// constantAt computes n·unit/rate without overflow and without adding up the
// rounding of a period.
func (a *Arrivals) constantAt(n int64) time.Duration {
	whole, rest := n/a.rate, n%a.rate
	part := new(big.Int).Mul(big.NewInt(rest), big.NewInt(int64(a.unit)))
	part.Div(part, big.NewInt(a.rate))
	return time.Duration(whole)*a.unit + time.Duration(part.Int64())
}

// at solves from·x + (to-from)·x²/(2·length) = n - before for x, in the form
// that does not lose digits when from and to are close.
func (s segment) at(n int64) time.Duration {
	want := float64(n) - s.before
	slope := (s.to - s.from) / float64(s.length)
	root := math.Sqrt(max(s.from*s.from+2*slope*want, 0))
	x := 2 * want / (s.from + root)
	if math.IsNaN(x) || x > float64(s.length) {
		x = float64(s.length)
	}
	return s.start + time.Duration(max(x, 0))
}
