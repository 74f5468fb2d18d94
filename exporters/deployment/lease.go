package deployment

import (
	"context"
	"sync"
	"time"
)

// Lease takes the lease of a target (host:port), so that no load run begins
// there before release is called. It is not ok while a load run holds the
// target; it may wait for a moment, until ctx ends.
type Lease func(ctx context.Context, target string) (release func(), ok bool)

// leases shares one lease among the looks at teams that have the same target,
// which would be in each other's way otherwise.
type leases struct {
	lease Lease // nil: nobody puts load on anything
	wait  time.Duration

	mu   sync.Mutex
	held map[string]*held
}

type held struct {
	users   int
	ready   chan struct{} // closed when the other two are known
	ok      bool
	release func()
}

func newLeases(lease Lease, wait time.Duration) *leases {
	return &leases{lease: lease, wait: wait, held: map[string]*held{}}
}

// take returns how to give the lease back, and false when it is not to be had.
func (l *leases) take(ctx context.Context, target string) (release func(), ok bool) {
	if l.lease == nil {
		return func() {}, true
	}
	l.mu.Lock()
	h, shared := l.held[target]
	if !shared {
		h = &held{ready: make(chan struct{})}
		l.held[target] = h
	}
	h.users++
	l.mu.Unlock()
	if !shared {
		ctx, cancel := context.WithTimeout(ctx, l.wait)
		h.release, h.ok = l.lease(ctx, target)
		cancel()
		close(h.ready)
	}
	<-h.ready // at most for the wait that the first one has
	release = sync.OnceFunc(func() { l.drop(target, h) })
	if !h.ok {
		release()
		return nil, false
	}
	return release, true
}

// drop gives the lease back when its last user is done. That is inside the lock:
// whoever comes next would find the target taken otherwise.
func (l *leases) drop(target string, h *held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h.users--
	if h.users > 0 {
		return
	}
	delete(l.held, target)
	if h.release != nil {
		h.release()
	}
}
