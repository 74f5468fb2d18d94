package conduct

import (
	"cmp"
	"slices"
	"sync"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Live is the board of the runs that are under way in this process, for people
// to look at. It is empty after a restart until the runs are looked at again.
type Live struct {
	mu   sync.Mutex
	runs map[contest.RunID]LiveRun
}

// LiveRun is a run under way with its latest progress.
type LiveRun struct {
	Run      contest.Run
	Progress contest.Progress
}

func newLive() *Live { return &Live{runs: map[contest.RunID]LiveRun{}} }

// Runs returns the runs under way, in the order in which they were planned.
func (l *Live) Runs() []LiveRun {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]LiveRun, 0, len(l.runs))
	for _, r := range l.runs {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b LiveRun) int { return cmp.Compare(a.Run.ID, b.Run.ID) })
	return all
}

func (l *Live) show(r contest.Run, p contest.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[r.ID] = LiveRun{Run: r, Progress: p}
}

func (l *Live) drop(id contest.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, id)
}
