package web

import (
	"math"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Waiting are the runs that wait for their turn.
type Waiting struct {
	Runs    []contest.Run // those that are planned first come first
	Targets int           // services that may be under load at once
	Closed  bool          // no load is allowed at this hour
}

const (
	mostTurns = 50              // that are worked out
	between   = 3 * time.Second // from the end of one run to the start of the next
)

// turn is a waiting run: its place in the queue, and when it begins at the earliest.
// Higher levels of those before it, which nobody knows yet, come in between.
type turn struct {
	Run   contest.Run
	Place int
	After time.Duration
}

// turns works out who comes next as the line does it: of the services that are
// free, the one that most runs wait for, and of these the first that was planned.
func turns(w Waiting, active []ActiveRun) []turn {
	slots := make([]time.Duration, max(1, w.Targets)) // when each is free
	busy := map[contest.Slug]time.Duration{}          // until when a team's service is
	for i, a := range active {
		left := max(0, a.Progress.Planned.D()-a.Progress.Elapsed.D()) + between
		busy[a.Run.Team.Slug] = left
		if i < len(slots) {
			slots[i] = left
		}
	}
	var queue []turn
	left := slices.Clone(w.Runs)
	for len(left) > 0 && len(queue) < mostTurns {
		slot := slices.Index(slots, slices.Min(slots))
		i, at := nextTurn(left, busy, slots[slot])
		run := left[i]
		left = slices.Delete(left, i, i+1)
		queue = append(queue, turn{Run: run, Place: len(queue) + 1, After: at})
		slots[slot] = at + run.Level.Ramp.D() + run.Level.Duration.D() + between
		busy[run.Team.Slug] = slots[slot]
	}
	return queue
}

// nextTurn finds the run that begins next from a time on, and when.
func nextTurn(left []contest.Run, busy map[contest.Slug]time.Duration, from time.Duration) (best int, at time.Duration) {
	waits := map[contest.Slug]int{}
	soonest := time.Duration(math.MaxInt64)
	for _, r := range left {
		waits[r.Team.Slug]++
		soonest = min(soonest, busy[r.Team.Slug])
	}
	at = max(from, soonest)
	best = -1
	for i, r := range left {
		if busy[r.Team.Slug] <= at && (best < 0 || waits[r.Team.Slug] > waits[left[best].Team.Slug]) {
			best = i
		}
	}
	return best, at
}
