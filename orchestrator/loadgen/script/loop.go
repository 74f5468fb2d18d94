package script

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/grafana/sobek"
)

// loop is a VM's event loop: callbacks that wait for time or for an answer.
// It exists only in VMs whose script uses one.
type loop struct {
	mu     sync.Mutex
	ready  []func() error
	wake   chan struct{}
	waits  int // callbacks that are announced and not run yet
	timers map[int64]*timer
	lastID int64
	// Requests under way beside the script; they end with the call.
	work    sync.WaitGroup
	cancels []context.CancelFunc
	// after is called when all of that has ended.
	after []func()
}

type timer struct {
	t     *time.Timer
	every time.Duration // 0: once
}

func (vm *VM) eventLoop() *loop {
	if vm.loop == nil {
		vm.loop = &loop{wake: make(chan struct{}, 1), timers: map[int64]*timer{}}
	}
	return vm.loop
}

// announce says that a callback will come and returns how to hand it in, from
// any goroutine.
func (l *loop) announce() (hand func(func() error)) {
	l.mu.Lock()
	l.waits++
	l.mu.Unlock()
	return func(f func() error) {
		l.mu.Lock()
		l.ready = append(l.ready, f)
		l.mu.Unlock()
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// next returns the next ready callback and how many are outstanding.
func (l *loop) next() (f func() error, outstanding int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	outstanding = l.waits
	if len(l.ready) > 0 {
		f, l.ready = l.ready[0], l.ready[1:]
		l.waits--
	}
	return f, outstanding
}

// clear forgets everything that was not run and waits for its goroutines.
func (l *loop) clear() {
	l.mu.Lock()
	for _, t := range l.timers {
		t.t.Stop()
	}
	clear(l.timers)
	l.mu.Unlock()
	for _, cancel := range l.cancels {
		cancel()
	}
	l.cancels = nil
	l.work.Wait()
	for _, f := range l.after {
		f()
	}
	l.after = nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready, l.waits = nil, 0
}

// loopUntilIdle runs callbacks until none is left or ctx is done. A promise that
// was rejected and that nobody asks ends it at once.
func (vm *VM) loopUntilIdle(ctx context.Context) error {
	for {
		if err := vm.uncaught(); err != nil || vm.loop == nil {
			return err
		}
		f, outstanding := vm.loop.next()
		if f != nil {
			if err := f(); err != nil {
				return err
			}
			if _, err := vm.rt.RunProgram(vm.program.drain); err != nil {
				return err
			}
			continue
		}
		if outstanding == 0 {
			return nil
		}
		select {
		case <-vm.loop.wake:
		case <-ctx.Done():
			return ErrInterrupted
		}
	}
}

// startTimer is setTimeout and setInterval.
func (vm *VM) startTimer(call sobek.FunctionCall, repeat bool) sobek.Value {
	f, ok := sobek.AssertFunction(call.Argument(0))
	if !ok {
		vm.throw("a timer's callback must be a function")
	}
	delay := time.Duration(max(call.Argument(1).ToFloat(), 0) * float64(time.Millisecond))
	var args []sobek.Value
	if len(call.Arguments) > 2 {
		args = slices.Clone(call.Arguments[2:]) // the engine uses the space again
	}
	l := vm.eventLoop()
	l.lastID++
	id := l.lastID
	t := &timer{}
	if repeat {
		t.every = max(delay, time.Millisecond)
	}
	vm.arm(id, t, delay, func() error {
		_, err := f(sobek.Undefined(), args...)
		return err
	})
	return vm.rt.ToValue(id)
}

func (vm *VM) arm(id int64, t *timer, delay time.Duration, f func() error) {
	l := vm.loop
	hand := l.announce()
	l.mu.Lock()
	l.timers[id] = t
	t.t = time.AfterFunc(delay, func() {
		hand(func() error {
			l.mu.Lock()
			live := l.timers[id] == t
			if t.every == 0 {
				delete(l.timers, id)
			}
			l.mu.Unlock()
			if !live {
				return nil
			}
			err := f()
			if l.mu.Lock(); t.every > 0 && l.timers[id] == t && err == nil {
				l.mu.Unlock()
				vm.arm(id, t, t.every, f)
				return nil
			}
			l.mu.Unlock()
			return err
		})
	})
	l.mu.Unlock()
}

func (vm *VM) stopTimer(id int64) {
	if vm.loop == nil {
		return
	}
	l := vm.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.timers[id]; t != nil {
		delete(l.timers, id)
		if t.t.Stop() {
			l.waits--
		}
	}
}
