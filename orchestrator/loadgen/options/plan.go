package options

import (
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// Plan returns the scenarios that o means: those it lists, or the one that
// k6's shortcuts stand for.
func (o Options) Plan() ([]Scenario, error) {
	if o.Scenarios != nil {
		if len(o.Scenarios) == 0 {
			return nil, fmt.Errorf("options.scenarios: want at least one scenario")
		}
		return o.Scenarios, nil
	}
	s := Scenario{Name: "default", Exec: "default", GracefulStop: 30 * time.Second, VUs: Or(o.VUs, 1)}
	switch {
	case o.Iterations != nil:
		s.Executor, s.Iterations = SharedIterations, *o.Iterations
		s.MaxDuration = Or(o.Duration, 10*time.Minute)
	case o.Stages != nil:
		s.Executor, s.StartVUs, s.Stages = RampingVUs, Or(o.VUs, 1), o.Stages
		s.GracefulRampDown, s.VUs = 30*time.Second, 0
	case o.Duration != nil:
		s.Executor, s.Duration = ConstantVUs, *o.Duration
	case o.VUs != nil:
		s.Executor, s.Iterations, s.MaxDuration = SharedIterations, *o.VUs, 10*time.Minute
	default:
		s.Executor, s.Iterations, s.MaxDuration = PerVUIterations, 1, 10*time.Minute
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return []Scenario{s}, nil
}

// Arrivals returns the starts of an arrival-rate scenario.
func (s Scenario) Arrivals(stripe pace.Stripe) (*pace.Arrivals, error) {
	if s.Executor == ConstantArrivalRate {
		return pace.Constant(s.Rate, s.TimeUnit, s.Duration, stripe)
	}
	return pace.Ramping(s.StartRate, s.TimeUnit, s.Stages, stripe)
}

// Steps returns the numbers of users of a ramping-vus scenario.
func (s Scenario) Steps(stripe pace.Stripe) ([]pace.VUStep, error) {
	return pace.Ramp(s.StartVUs, s.Stages, stripe)
}

// Length returns how long the scenario takes at most, without its start time
// and without gracefulStop.
func (s Scenario) Length() time.Duration {
	switch s.Executor {
	case SharedIterations, PerVUIterations:
		return s.MaxDuration
	case RampingVUs, RampingArrivalRate:
		var sum time.Duration
		for _, st := range s.Stages {
			sum += st.Duration
		}
		return sum
	}
	return s.Duration
}

// Planned returns how many iterations this share of the scenario starts, or 0
// when its executor does not fix that.
func (s Scenario) Planned(stripe pace.Stripe) int64 {
	switch s.Executor {
	case SharedIterations:
		return stripe.Share(s.Iterations)
	case PerVUIterations:
		return stripe.Share(s.VUs) * s.Iterations
	case ConstantArrivalRate, RampingArrivalRate:
		if a, err := s.Arrivals(stripe); err == nil {
			return a.Planned()
		}
	}
	return 0
}

// Users returns how many virtual users this share of the scenario has ready at
// its start, and how many it may have at most.
func (s Scenario) Users(stripe pace.Stripe) (ready, most int64) {
	switch {
	case s.Arrival():
		return stripe.Share(s.PreAllocatedVUs), stripe.Share(s.MaxVUs)
	case s.Executor == RampingVUs:
		if n, err := pace.Most(s.StartVUs, s.Stages); err == nil {
			most = stripe.Share(n)
		}
		return most, most
	case s.Executor == SharedIterations:
		n := min(stripe.Share(s.VUs), stripe.Share(s.Iterations))
		return n, n
	}
	n := stripe.Share(s.VUs)
	return n, n
}

// Requirements is what a plan needs.
type Requirements struct {
	Total      time.Duration // with gracefulStop
	Ready, Max int64         // virtual users at the busiest moment
}

// Require adds the scenarios up over time.
func Require(scenarios []Scenario, stripe pace.Stripe) Requirements {
	type edge struct {
		at          time.Duration
		ready, most int64
	}
	var edges []edge
	var r Requirements
	for _, s := range scenarios {
		ready, most := s.Users(stripe)
		end := s.StartTime + s.Length() + s.GracefulStop
		edges = append(edges, edge{s.StartTime, ready, most}, edge{end, -ready, -most})
		r.Total = max(r.Total, end)
	}
	// At one moment, ends come before starts: the users are handed over.
	slices.SortStableFunc(edges, func(a, b edge) int {
		if a.at != b.at {
			return int(max(min(a.at-b.at, 1), -1))
		}
		return int(a.most - b.most)
	})
	var ready, most int64
	for _, e := range edges {
		ready, most = ready+e.ready, most+e.most
		r.Ready, r.Max = max(r.Ready, ready), max(r.Max, most)
	}
	return r
}
