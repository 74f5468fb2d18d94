package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// maxCallStack bounds a script's recursion.
const maxCallStack = 10_000

// Config is what the VMs of one test share. All but Trace and Env is required.
type Config struct {
	Registry *metric.Registry
	HTTP     *httpx.Transport
	Tags     *metric.TagSet    // of the whole test
	Env      map[string]string // the script's __ENV
	Log      *slog.Logger
	Options  Options
	Test     *Test
	// Trace, when set, is called with every request and its answer.
	Trace func(*httpx.Request, *httpx.Exchange)
}

// Options are those of a script's options that its VMs need.
type Options struct {
	Throw          bool
	DiscardBodies  bool
	MaxRedirects   int
	NoCookiesReset bool
	NoConnReuse    bool // no connection is kept from one iteration to the next
	MinIteration   time.Duration
	Batch          int             // requests of one batch under way at once; k6's 20 when 0
	BatchPerHost   int             // of those, to one host; k6's 6 when 0
	JSON           []byte          // all options as they are in force, for exec.test.options
	SystemTags     map[string]bool // those that are on; nil is k6's choice
	TagURLs        bool            // tag requests without a name with their URL
}

// Test is what all VMs tell and ask about the test as a whole. All of it may
// be used by many goroutines, but for the funcs, which are set before the first VM.
type Test struct {
	Failed                 atomic.Bool // exec.test.fail was called
	Completed, Interrupted atomic.Int64
	Active, Initialised    atomic.Int64
	InterruptAll           func(reason string) // ends the test early; may be nil
	SamplesPerIteration    *Watch              // nil when nobody asks

	begun           atomic.Int64 // Unix nanoseconds; 0: not yet
	failuresToldYet atomic.Int64
}

// Begin marks the moment from which the test's time counts.
func (t *Test) Begin() { t.begun.Store(time.Now().UnixNano()) }

// Elapsed returns how long the test has been running, 0 before Begin.
func (t *Test) Elapsed() time.Duration {
	begun := t.begun.Load()
	if begun == 0 {
		return 0
	}
	return time.Since(time.Unix(0, begun))
}

// VM is one virtual user's runtime. It is used by one goroutine at a time.
type VM struct {
	ID      int64 // as __VU and exec.vu.idInInstance
	IDTest  int64 // exec.vu.idInTest
	program *Program
	config  *Config
	builtin *metric.Builtin
	shard   *metric.Shard
	rt      *sobek.Runtime
	client  *httpx.Client
	exports *sobek.Object
	modules map[string]sobek.Value
	kinds   map[string]*sobek.Object // prototypes of native objects
	loop    *loop
	watch   []int64

	init      bool // the init context runs: open() and new metrics are allowed
	calls     map[string]sobek.Callable
	responses *statusSet // the response callback; nil is k6's default
	noExpect  bool       // the callback was set to null
	iteration int64      // __ITER of the next iteration
	inst      Iteration

	// ctx is that of the call under way. The runtime's native functions have
	// no other way to be told.
	ctx   context.Context
	task  *Task
	tags  *metric.TagSet // of samples now: test, scenario, group, VU
	group string
	own   map[string]string // exec.vu.tags set by the script
	cache map[tagKey]*metric.TagSet
	inTag map[string]int64 // iterations of this VU by scenario
	data  dataCache
	// unhandled are promises that were rejected and that nobody has asked yet.
	unhandled map[*sobek.Promise]bool
	sent      int64
	recv      int64
}

type dataCache struct {
	json  string
	value sobek.Value
}

// New makes a VM and runs the script's init context in it. The error is an
// *Exception when the script threw.
func (p *Program) New(ctx context.Context, c *Config, shard *metric.Shard, id int64) (*VM, error) {
	vm := &VM{
		ID: id, IDTest: id, program: p, config: c, builtin: c.Registry.Builtin(), shard: shard,
		rt: sobek.New(), modules: map[string]sobek.Value{}, calls: map[string]sobek.Callable{},
		cache: map[tagKey]*metric.TagSet{}, tags: c.Tags, init: true,
	}
	vm.client = httpx.NewClient(c.HTTP)
	vm.rt.SetMaxCallStackSize(maxCallStack)
	vm.rt.SetPromiseRejectionTracker(vm.trackRejection)
	vm.setGlobals()
	if c.Test != nil && c.Test.SamplesPerIteration != nil {
		vm.watch = make([]int64, c.Test.SamplesPerIteration.Len())
	}
	if err := vm.evaluate(ctx); err != nil {
		return nil, err
	}
	vm.init = false
	return vm, nil
}

// Close frees the VM's connections.
func (vm *VM) Close() { vm.client.Close() }

func (vm *VM) evaluate(ctx context.Context) error {
	return vm.within(ctx, func() error {
		wrapper, err := vm.rt.RunProgram(vm.program.code)
		if err != nil {
			return err
		}
		run, ok := sobek.AssertFunction(wrapper)
		if !ok {
			return errors.New("the bundle is not a function")
		}
		exports, err := run(sobek.Undefined(), vm.rt.ToValue(vm.native))
		if err != nil {
			return err
		}
		obj, isObject := exports.(*sobek.Object)
		if !isObject {
			return errors.New("the script's module.exports is not an object")
		}
		vm.exports = obj
		return vm.loopUntilIdle(ctx)
	})
}

// within runs f with ctx as the context of the call: when ctx is done the
// runtime is interrupted.
func (vm *VM) within(ctx context.Context, f func() error) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		vm.rt.Interrupt(ErrInterrupted)
	})
	vm.ctx = ctx
	err := f()
	vm.ctx = nil
	if !stop() {
		<-interrupted
		vm.rt.ClearInterrupt()
	}
	if err == nil && ctx.Err() != nil {
		// A sleep that was cut short may return before the interruption comes.
		err = ErrInterrupted
	}
	if vm.loop != nil {
		vm.loop.clear()
	}
	clear(vm.unhandled)
	return translate(err)
}

// Has reports whether the script exports a function called name.
func (vm *VM) Has(name string) bool {
	_, ok := sobek.AssertFunction(vm.exports.Get(name))
	return ok
}

// NotFunction reports whether the script exports something called name that
// cannot be called.
func (vm *VM) NotFunction(name string) bool { return given(vm.exports.Get(name)) && !vm.Has(name) }

// OptionsJSON returns the script's exported options, or nil.
func (vm *VM) OptionsJSON() ([]byte, error) {
	v := vm.exports.Get("options")
	if v == nil || sobek.IsUndefined(v) || sobek.IsNull(v) {
		return nil, nil
	}
	text, err := vm.stringify(v)
	if err != nil {
		return nil, fmt.Errorf("read options: %w", translate(err))
	}
	return []byte(text), nil
}

// throw ends the native function with a JavaScript error.
func (vm *VM) throw(format string, args ...any) {
	panic(vm.rt.NewGoError(fmt.Errorf(format, args...)))
}
