package pace

import (
	"fmt"
	"time"
)

// MaxVUs bounds the virtual users of one plan.
const MaxVUs = 1_000_000

// maxSteps bounds the memory of one ramp.
const maxSteps = 2 * MaxVUs

// VUStep says that from At on there are VUs virtual users.
type VUStep struct {
	At  time.Duration
	VUs int64
}

// Most returns the highest number of virtual users of a ramp, over all
// generators. It fails when the ramp is not one that [Ramp] can list.
func Most(start int64, stages []Stage) (int64, error) {
	if start < 0 || start > MaxVUs {
		return 0, fmt.Errorf("%d virtual users to start with: want 0 to %d", start, MaxVUs)
	}
	most, from, changes := start, start, int64(0)
	for i, st := range stages {
		if st.Duration < 0 || st.Target < 0 || st.Target > MaxVUs {
			return 0, fmt.Errorf("stage %d (%v to %d): want a duration and a target of 0 to %d virtual users", i+1, st.Duration, st.Target, MaxVUs)
		}
		if changes += max(st.Target-from, from-st.Target); changes > maxSteps {
			return 0, fmt.Errorf("stage %d (%v to %d): more than %d changes of the number of virtual users in all", i+1, st.Duration, st.Target, maxSteps)
		}
		most, from = max(most, st.Target), st.Target
	}
	return most, nil
}

// Ramp lists the steps of a number of virtual users that moves in a straight
// line from start to each stage's target, one user at a time; the last of a
// stage comes at the stage's end. A stage without duration is a jump. The
// numbers are this share's own.
func Ramp(start int64, stages []Stage, stripe Stripe) ([]VUStep, error) {
	if _, err := Most(start, stages); err != nil {
		return nil, err
	}
	steps := []VUStep{{0, stripe.Share(start)}}
	var at time.Duration
	from := start
	for _, st := range stages {
		steps = appendStage(steps, at, from, st, stripe)
		at += st.Duration
		from = st.Target
	}
	return steps, nil
}

func appendStage(steps []VUStep, at time.Duration, from int64, st Stage, stripe Stripe) []VUStep {
	diff := st.Target - from
	if st.Duration == 0 || diff == 0 {
		return appendStep(steps, at+st.Duration, stripe.Share(st.Target))
	}
	sign := int64(1)
	if diff < 0 {
		sign = -1
	}
	count := diff * sign
	for k := int64(1); k <= count; k++ {
		when := at + time.Duration(float64(st.Duration)*float64(k)/float64(count))
		steps = appendStep(steps, when, stripe.Share(from+sign*k))
	}
	return steps
}

// appendStep leaves out steps that change nothing and keeps the last of one moment.
func appendStep(steps []VUStep, at time.Duration, vus int64) []VUStep {
	last := &steps[len(steps)-1]
	switch {
	case last.VUs == vus:
		return steps
	case last.At == at:
		last.VUs = vus
		return steps
	}
	return append(steps, VUStep{at, vus})
}
