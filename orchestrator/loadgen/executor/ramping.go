package executor

import (
	"context"
	"sync"
	"time"
)

// rampingVUs keeps as many users at work as the plan says. A user that is no
// longer wanted ends its iteration within gracefulRampDown; if it is wanted
// again before that, it simply goes on.
func (r *Run) rampingVUs(ctx context.Context) error {
	steps, err := r.Scenario.Steps(r.Stripe)
	if err != nil {
		return err
	}
	_, most := r.Scenario.Users(r.Stripe)
	seats := make([]*seat, most)
	var work sync.WaitGroup
	for i := range seats {
		seats[i] = &seat{run: r, parent: ctx, work: &work}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	now := int64(0)
	for _, step := range steps {
		if !r.wait(ctx, timer, step.At) {
			break
		}
		for ; now < step.VUs && err == nil; now++ {
			err = seats[now].occupy()
		}
		for ; now > step.VUs; now-- {
			seats[now-1].leave(r.Scenario.GracefulRampDown)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		r.wait(ctx, timer, r.Scenario.Length())
	}
	for _, s := range seats {
		s.leave(-1)
	}
	work.Wait()
	return err
}

// seat is the place of one user in a ramp.
type seat struct {
	run    *Run
	parent context.Context // of the scenario; a seat lives within one call of rampingVUs
	work   *sync.WaitGroup

	mu      sync.Mutex
	wanted  bool
	working bool
	cancel  context.CancelFunc
	limit   *time.Timer // ends the iteration of a user that is not wanted
}

// occupy has a user work in the seat.
func (s *seat) occupy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = true
	if s.limit != nil {
		s.limit.Stop()
		s.limit = nil
	}
	if s.working {
		return nil
	}
	vu, err := s.run.Lender.Take(s.parent)
	if err != nil {
		return err
	}
	s.working = true
	s.work.Go(func() { s.serve(vu) })
	return nil
}

// leave has the user stop after its iteration, and cancels that after grace.
// A negative grace leaves it to the scenario's own end.
func (s *seat) leave(grace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = false
	if !s.working || grace < 0 || s.limit != nil {
		return
	}
	s.limit = time.AfterFunc(grace, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.wanted && s.cancel != nil {
			s.cancel()
		}
	})
}

// serve has the user do iterations as long as it is wanted.
func (s *seat) serve(vu VU) {
	s.run.busy(1)
	defer s.run.busy(-1)
	for {
		s.mu.Lock()
		if !s.wanted || s.parent.Err() != nil || s.run.over() {
			s.working, s.cancel = false, nil
			s.run.Lender.Give(vu)
			s.mu.Unlock()
			return
		}
		ctx, cancel := context.WithCancel(s.parent)
		s.cancel = cancel
		s.mu.Unlock()
		s.run.iterate(ctx, vu)
		cancel()
	}
}
