// Package executor runs a scenario: it has virtual users do iterations when
// the scenario's plan says so.
//
// In: a scenario, and funcs that lend virtual users. Out: iterations, each
// with its number in this generator and in the whole test, and the number of
// those that were planned but not started (dropped).
//
// [Run.Do] blocks until the scenario is over and every goroutine of it has
// ended. When the scenario's time is up, no iteration starts; those under way
// have gracefulStop to end, then their context is cancelled. When ctx is
// cancelled they are cancelled at once, and what was still to come counts as
// nothing. But for that, every planned iteration is either started or counted as
// dropped, also when this process was stalled: lateness never makes an iteration
// disappear.
package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// VU is a virtual user. It does one iteration at a time.
type VU interface {
	// Iterate does one iteration, numbered n in this generator and global in
	// the whole test. It returns soon after ctx is done.
	Iterate(ctx context.Context, n, global int64)
}

// Lender lends virtual users.
type Lender interface {
	// Take returns one that is ready. It does not wait for one.
	Take(ctx context.Context) (VU, error)
	// Make makes one more and returns it when it is ready.
	Make(ctx context.Context) (VU, error)
	// Give takes one back.
	Give(VU)
}

// Run is one scenario to be run once. All fields but Dropped, Busy and
// Stripe are required.
type Run struct {
	Scenario options.Scenario
	Lender   Lender
	Stripe   pace.Stripe
	Dropped  func(n int64)   // iterations that were planned and not started
	Busy     func(delta int) // virtual users that work for the scenario

	started atomic.Int64
	begin   time.Time
}

// Do runs the scenario, from now on, and returns when it is over. The error is
// that of a virtual user that could not be had.
func (r *Run) Do(ctx context.Context) error {
	r.begin = time.Now()
	hard, cancel := context.WithDeadline(ctx, r.begin.Add(r.Scenario.Length()+r.Scenario.GracefulStop))
	defer cancel()
	switch r.Scenario.Executor {
	case options.ConstantVUs:
		return r.constantVUs(hard)
	case options.RampingVUs:
		return r.rampingVUs(hard)
	case options.SharedIterations:
		return r.sharedIterations(hard)
	case options.PerVUIterations:
		return r.perVUIterations(hard)
	case options.ConstantArrivalRate, options.RampingArrivalRate:
		return r.arrivals(hard)
	}
	return fmt.Errorf("scenario %s: unknown executor %q", r.Scenario.Name, r.Scenario.Executor)
}

// Progress returns how much of the scenario's time has passed, 0 to 1.
func (r *Run) Progress() float64 {
	if r.begin.IsZero() || r.Scenario.Length() <= 0 {
		return 0
	}
	return min(float64(time.Since(r.begin))/float64(r.Scenario.Length()), 1)
}

// over reports whether the scenario's time is up.
func (r *Run) over() bool { return time.Since(r.begin) >= r.Scenario.Length() }

// iterate has vu do the next iteration.
func (r *Run) iterate(ctx context.Context, vu VU) {
	n := r.started.Add(1) - 1
	vu.Iterate(ctx, n, r.Stripe.Global(n))
}

func (r *Run) busy(delta int) {
	if r.Busy != nil {
		r.Busy(delta)
	}
}

// drop counts iterations that were planned and not started for want of time or
// of users. A test that was ended from outside dropped none.
func (r *Run) drop(ctx context.Context, n int64) {
	if n > 0 && r.Dropped != nil && !errors.Is(ctx.Err(), context.Canceled) {
		r.Dropped(n)
	}
}

// each lends count virtual users, has work called with each of them at the
// same time, and takes them back.
func (r *Run) each(ctx context.Context, count int64, work func(VU)) error {
	vus := make([]VU, 0, count)
	defer func() {
		for _, vu := range vus {
			r.Lender.Give(vu)
		}
	}()
	for range count {
		vu, err := r.Lender.Take(ctx)
		if err != nil {
			return err
		}
		vus = append(vus, vu)
	}
	var group sync.WaitGroup
	for _, vu := range vus {
		group.Go(func() {
			r.busy(1)
			defer r.busy(-1)
			work(vu)
		})
	}
	group.Wait()
	return nil
}

// constantVUs has a number of users do iterations one after another.
func (r *Run) constantVUs(ctx context.Context) error {
	return r.each(ctx, r.Stripe.Share(r.Scenario.VUs), func(vu VU) {
		for !r.over() && ctx.Err() == nil {
			r.iterate(ctx, vu)
		}
	})
}

// sharedIterations has users take iterations from one heap until it is empty.
func (r *Run) sharedIterations(ctx context.Context) error {
	total := r.Stripe.Share(r.Scenario.Iterations)
	var taken atomic.Int64
	users, _ := r.Scenario.Users(r.Stripe)
	err := r.each(ctx, users, func(vu VU) {
		for !r.over() && ctx.Err() == nil && taken.Add(1) <= total {
			r.iterate(ctx, vu)
		}
	})
	r.drop(ctx, total-r.started.Load())
	return err
}

// perVUIterations has each user do the same number of iterations.
func (r *Run) perVUIterations(ctx context.Context) error {
	return r.each(ctx, r.Stripe.Share(r.Scenario.VUs), func(vu VU) {
		done := int64(0)
		for ; done < r.Scenario.Iterations && !r.over() && ctx.Err() == nil; done++ {
			r.iterate(ctx, vu)
		}
		r.drop(ctx, r.Scenario.Iterations-done)
	})
}

// wait sleeps until at after the scenario's begin, or until ctx is done.
func (r *Run) wait(ctx context.Context, timer *time.Timer, at time.Duration) bool {
	left := at - time.Since(r.begin)
	if left <= 0 {
		return ctx.Err() == nil
	}
	timer.Reset(left)
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
