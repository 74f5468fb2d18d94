package loadgen

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/executor"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// pool holds the virtual users of a test; scenarios borrow them.
type pool struct {
	test *test
	agg  *metric.Aggregator

	mu   sync.Mutex
	idle []*script.VM // longest idle first
	all  []*script.VM
	last int64 // number of the newest user
}

// fill makes the first n users, as many at a time as there are processors.
func (p *pool) fill(ctx context.Context, n int64) error {
	made := make([]*script.VM, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range made {
		group.Go(func() (err error) {
			made[i], err = p.create(ctx, int64(i)+1)
			return err
		})
	}
	err := group.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, vm := range made {
		if vm != nil {
			p.all, p.idle = append(p.all, vm), append(p.idle, vm)
		}
	}
	p.last = n
	return err
}

// create makes the user with number n.
func (p *pool) create(ctx context.Context, n int64) (*script.VM, error) {
	vm, err := p.test.program.New(ctx, p.test.config, p.agg.Shard(int(n)), n)
	if err != nil {
		return nil, fmt.Errorf("make virtual user %d: %w", n, err)
	}
	vm.Number(n, p.test.stripe.Global(n-1)+1)
	p.test.config.Test.Initialised.Add(1)
	return vm, nil
}

// close frees all users.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, vm := range p.all {
		vm.Close()
	}
}

// lender lends users of the pool to one scenario.
type lender struct {
	pool *pool
	task *script.Task
}

// Take returns the user that is idle for the longest time, or a new one.
func (l *lender) Take(ctx context.Context) (executor.VU, error) {
	l.pool.mu.Lock()
	if len(l.pool.idle) > 0 {
		vm := l.pool.idle[0]
		l.pool.idle = l.pool.idle[1:]
		l.pool.mu.Unlock()
		return &user{vm, l.task}, nil
	}
	l.pool.mu.Unlock()
	return l.Make(ctx)
}

// Make makes one more user.
func (l *lender) Make(ctx context.Context) (executor.VU, error) {
	l.pool.mu.Lock()
	l.pool.last++
	n := l.pool.last
	l.pool.mu.Unlock()
	vm, err := l.pool.create(ctx, n)
	if err != nil {
		return nil, err
	}
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.pool.all = append(l.pool.all, vm)
	return &user{vm, l.task}, nil
}

// Give takes a user back.
func (l *lender) Give(vu executor.VU) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.pool.idle = append(l.pool.idle, vu.(*user).vm)
}

// user is a virtual user at work for a scenario.
type user struct {
	vm   *script.VM
	task *script.Task
}

// Iterate does one iteration. What comes of it is counted by the VM.
func (u *user) Iterate(ctx context.Context, n, global int64) {
	u.vm.Iterate(ctx, u.task, script.Iteration{InInstance: n, InTest: global})
}
