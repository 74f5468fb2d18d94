package spotcheck

import (
	"context"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Idle reports whether no round of the run is being asked.
func (c *Checker) Idle(run contest.Run) bool {
	s := c.begin(run)
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.busy
}

// Rounds is how many rounds of the run were begun.
func (c *Checker) Rounds(run contest.Run) int {
	s := c.begin(run)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rounds
}

// Shared looks for teams with one service, now.
func (c *Checker) Shared(ctx context.Context, teams []contest.Team) []contest.Suspicion {
	return c.shared(ctx, teams)
}
