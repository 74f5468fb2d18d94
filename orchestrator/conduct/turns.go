package conduct

import "sync"

// turns lets one step of a run, and one collection of a round, be under way at a
// time in this process. The rows are fenced anyway; what happens outside of them
// is not: a twin that is slow in preparing would reset a target that its other
// half has put under load already.
type turns struct {
	mu    sync.Mutex
	taken map[string]bool
}

func newTurns() *turns { return &turns{taken: map[string]bool{}} }

// take reports whether it is the caller's turn; if so, end gives it back.
func (t *turns) take(id string) (end func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[id] {
		return nil, false
	}
	t.taken[id] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, id)
	}, true
}
