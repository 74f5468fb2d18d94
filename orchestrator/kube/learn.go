package kube

import (
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// How much is made of what a runner carried or failed at.
const (
	roomLeft  = 0.5  // a runner that used less than this of its CPU and memory could carry more:
	stepUp    = 1.25 // so many times what it carried
	belowFail = 0.8  // a runner gets less than what one failed at: so much of it
)

// Learn returns the capacity that earlier runs of a script have shown, where
// past has the newest first. A runner that carried its load with room to spare
// raises it, one that failed lowers it, and it is never raised again to what one
// failed at. It stays within Within times, and that part of, what is configured.
// Runs of runners with other CPU or memory say nothing.
func (c Capacity) Learn(past []contest.Carried) Capacity {
	past = slices.DeleteFunc(slices.Clone(past), func(p contest.Carried) bool { return p.Memory != c.Memory || p.Asked != c.CPU })
	learned := c
	if c.Within <= 1 || len(past) == 0 {
		return c
	}
	slices.Reverse(past)
	learned.VUs = c.learn(c.VUs, past, contest.ShortOfMemory, func(p contest.Carried) float64 { return p.VUs })
	learned.Rate = c.learn(c.Rate, past, contest.ShortOfPower, func(p contest.Carried) float64 { return p.Rate })
	if learned != c {
		learned.Learned = len(past)
	}
	return learned
}

// learn goes through what was carried of one kind of load, the oldest first.
func (c Capacity) learn(configured int, past []contest.Carried, fails contest.Shortage, load func(contest.Carried) float64) int {
	now := float64(configured)
	most, least := now*float64(c.Within), now/float64(c.Within)
	for _, p := range past {
		switch l := load(p); {
		case l <= 0:
		case p.Short == fails:
			most = max(least, min(most, belowFail*l))
			now = min(now, most)
		case p.Short == "" && c.spare(p):
			now = max(now, min(most, stepUp*l))
		}
	}
	return max(1, int(now))
}

// spare reports whether a runner was well and could have carried more. One that
// did not tell how it was says nothing.
func (c Capacity) spare(p contest.Carried) bool {
	return p.CPU > 0 && p.CPU <= roomLeft && (c.Memory == 0 || p.Heap > 0 && p.Heap <= roomLeft*float64(c.Memory))
}
