package executor

import (
	"context"
	"sync"
	"time"
)

// crew is the virtual users of an arrival-rate scenario: those that are free,
// longest free first, as in k6, so that all of them keep their connections warm.
type crew struct {
	run  *Run
	ctx  context.Context // of the iterations; the crew lives within one call of arrivals
	work sync.WaitGroup

	mu     sync.Mutex
	free   []*member
	all    []*member
	most   int  // members that there may be
	making bool // one more is being made
	closed bool // no more iterations come
	err    error
}

type member struct {
	vu   VU
	next chan struct{} // closed when nothing follows
}

// arrivals starts iterations when the plan says so, each with a user that is
// free. When none is, the iteration is dropped, and one more user is made if
// there may be more.
func (r *Run) arrivals(ctx context.Context) error {
	plan, err := r.Scenario.Arrivals(r.Stripe)
	if err != nil {
		return err
	}
	ready, most := r.Scenario.Users(r.Stripe)
	c := &crew{run: r, ctx: ctx, most: int(most)}
	for range ready {
		vu, err := r.Lender.Take(ctx)
		if err != nil {
			c.disband()
			return err
		}
		c.join(vu)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for n := int64(0); ; n++ {
		at, more := plan.At(n)
		if !more || !r.wait(ctx, timer, at) {
			break
		}
		if !c.start() {
			r.drop(ctx, 1)
			c.grow()
		}
	}
	c.disband()
	return c.err
}

// join adds a user to the crew and starts its goroutine.
func (c *crew) join(vu VU) {
	m := &member{vu: vu, next: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, m)
	if c.closed {
		return
	}
	c.free = append(c.free, m)
	c.work.Go(func() {
		for range m.next {
			c.run.busy(1)
			c.run.iterate(c.ctx, m.vu)
			c.run.busy(-1)
			c.mu.Lock()
			c.free = append(c.free, m)
			c.mu.Unlock()
		}
	})
}

// start gives the next iteration to a free user, if there is one.
func (c *crew) start() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) == 0 || c.ctx.Err() != nil {
		return false
	}
	m := c.free[0]
	c.free = c.free[1:]
	m.next <- struct{}{} // has room: m is free
	return true
}

// grow makes one more user beside the others, if there may be more.
func (c *crew) grow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.making || len(c.all) >= c.most || c.err != nil {
		return
	}
	c.making = true
	c.work.Go(func() {
		vu, err := c.run.Lender.Make(c.ctx)
		if err == nil {
			c.join(vu)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.making = false
		if err != nil && c.ctx.Err() == nil {
			c.err = err
		}
	})
}

// disband waits for all iterations under way and gives the users back.
func (c *crew) disband() {
	c.mu.Lock()
	c.closed = true
	for _, m := range c.all {
		close(m.next)
	}
	c.mu.Unlock()
	c.work.Wait()
	for _, m := range c.all {
		c.run.Lender.Give(m.vu)
	}
}
