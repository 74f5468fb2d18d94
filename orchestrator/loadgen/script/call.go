package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// Task is a scenario as its VUs see it. It is shared and not changed.
type Task struct {
	Scenario string
	Executor string
	Exec     string            // the exported function to call
	Env      map[string]string // over the test's
	Tags     *metric.TagSet    // the test's and the scenario's
	Data     string            // what setup returned, as JSON; empty when nothing
	Started  time.Time
	Progress func() float64 // 0 to 1
	Global   func(n int64) int64
}

// Iteration numbers one call of a task's function.
type Iteration struct {
	InInstance int64 // exec.scenario.iterationInInstance
	InTest     int64 // exec.scenario.iterationInTest
}

// Result says how an iteration ended.
type Result struct {
	Err      error // *Exception, *AbortError or ErrInterrupted; nil when it returned
	Duration time.Duration
}

// Interrupted reports whether the iteration did not come to its end.
func (r Result) Interrupted() bool { return errors.Is(r.Err, ErrInterrupted) }

// Iterate calls the task's function once and counts the iteration. An exception
// ends the iteration, not the test: it is logged.
func (vm *VM) Iterate(ctx context.Context, task *Task, it Iteration) Result {
	vm.assume(task)
	n := vm.iteration
	vm.iteration++
	_ = vm.rt.Set("__ITER", n)
	vm.inst = it
	if !vm.config.Options.NoCookiesReset {
		vm.client.ResetCookies()
	}
	if vm.config.Options.NoConnReuse {
		vm.client.Close()
	}
	begin := time.Now()
	err := vm.within(ctx, func() error {
		_, err := vm.invoke(ctx, task.Exec, vm.dataValue(task.Data))
		return err
	})
	r := Result{Err: err, Duration: time.Since(begin)}
	vm.endIteration(r)
	vm.inTag[task.Scenario]++
	if rest := vm.config.Options.MinIteration - r.Duration; rest > 0 && !r.Interrupted() {
		pause(ctx, rest)
	}
	return r
}

// assume makes the task the VM's own, if it is not already.
func (vm *VM) assume(task *Task) {
	if vm.inTag == nil {
		vm.inTag = map[string]int64{}
	}
	if vm.task != task {
		vm.task = task
		vm.setEnv(task.Env)
	}
	vm.group = ""
	vm.tags = task.Tags
	for k, v := range vm.own {
		vm.tags = vm.tags.With(k, v)
	}
}

func (vm *VM) endIteration(r Result) {
	test := vm.config.Test
	if r.Interrupted() {
		test.Interrupted.Add(1)
	} else {
		test.Completed.Add(1)
		vm.add(vm.builtin.Iterations, vm.tags, 1)
		vm.add(vm.builtin.IterationDuration, vm.tags, ms(r.Duration))
	}
	vm.addTraffic()
	vm.report(r.Err)
	if test.SamplesPerIteration != nil {
		test.SamplesPerIteration.note(vm.task.Scenario, vm.watch)
	}
}

// addTraffic counts the bytes of the connections since the last call.
func (vm *VM) addTraffic() {
	if vm.sent > 0 {
		vm.add(vm.builtin.DataSent, vm.tags, float64(vm.sent))
	}
	if vm.recv > 0 {
		vm.add(vm.builtin.DataReceived, vm.tags, float64(vm.recv))
	}
	vm.sent, vm.recv = 0, 0
}

// report logs what an iteration threw and passes an abort on.
func (vm *VM) report(err error) {
	var abort *AbortError
	switch {
	case err == nil:
	case errors.As(err, &abort):
		vm.abort(abort)
	case !errors.Is(err, ErrInterrupted):
		vm.config.Log.Error(err.Error(), "scenario", vm.task.Scenario, "executor", vm.task.Executor, "source", "stacktrace")
	}
}

func (vm *VM) abort(a *AbortError) {
	if stop := vm.config.Test.InterruptAll; stop != nil {
		stop(a.Reason)
	}
}

// Run calls a lifecycle function (setup, teardown, handleSummary) with an
// argument in JSON and returns its result in JSON, empty for undefined. group
// tags its samples. A function that the script does not export does nothing.
func (vm *VM) Run(ctx context.Context, name, group, argument string) (string, error) {
	if !vm.Has(name) {
		return "", nil
	}
	vm.tags, vm.group = vm.config.Tags, group
	if group != "" {
		vm.tags = vm.tags.With("group", group)
	}
	var text string
	err := vm.within(ctx, func() error {
		v, err := vm.invoke(ctx, name, vm.dataValue(argument))
		if err != nil || v == nil || sobek.IsUndefined(v) {
			return err
		}
		text, err = vm.stringify(v)
		return err
	})
	vm.addTraffic()
	var abort *AbortError
	if errors.As(err, &abort) {
		vm.abort(abort)
	}
	return text, err
}

// invoke calls an exported function and, when it returns a promise, runs the
// event loop until that is settled. Timers that it started are waited for.
func (vm *VM) invoke(ctx context.Context, name string, data sobek.Value) (sobek.Value, error) {
	call, ok := vm.calls[name]
	if !ok {
		if call, ok = sobek.AssertFunction(vm.exports.Get(name)); !ok {
			return nil, fmt.Errorf("the script exports no function %s", name)
		}
		vm.calls[name] = call
	}
	v, err := call(sobek.Undefined(), data)
	if err != nil {
		return nil, err
	}
	if err := vm.loopUntilIdle(ctx); err != nil {
		return nil, err
	}
	p, ok := exported[*sobek.Promise](v)
	if !ok {
		return v, nil
	}
	switch p.State() {
	case sobek.PromiseStateRejected:
		return nil, &Exception{Text: "Uncaught (in promise) " + vm.reason(p.Result())}
	case sobek.PromiseStatePending:
		return nil, &Exception{Text: fmt.Sprintf("the promise of %s() is never settled: nothing is left that could", name)}
	}
	return p.Result(), nil
}

// uncaught is the rejection that nobody has asked about, if there is one.
func (vm *VM) uncaught() error {
	for lost := range vm.unhandled {
		clear(vm.unhandled)
		return &Exception{Text: "Uncaught (in promise) " + vm.reason(lost.Result())}
	}
	return nil
}

// trackRejection keeps account of rejected promises without a handler.
func (vm *VM) trackRejection(p *sobek.Promise, op sobek.PromiseRejectionOperation) {
	if op == sobek.PromiseRejectionHandle {
		delete(vm.unhandled, p)
		return
	}
	if vm.unhandled == nil {
		vm.unhandled = map[*sobek.Promise]bool{}
	}
	vm.unhandled[p] = true
}

// reason writes a rejection's reason with its stack where it has one.
func (vm *VM) reason(v sobek.Value) string {
	if obj, ok := v.(*sobek.Object); ok {
		if stack := obj.Get("stack"); stack != nil && !sobek.IsUndefined(stack) {
			return stack.String()
		}
	}
	return fmt.Sprint(v)
}

// dataValue parses setup's data once per VM.
func (vm *VM) dataValue(text string) sobek.Value {
	if text == "" {
		return sobek.Undefined()
	}
	if vm.data.value == nil || vm.data.json != text {
		v, err := vm.parse(text)
		if err != nil {
			return sobek.Undefined()
		}
		vm.data = dataCache{text, v}
	}
	return vm.data.value
}

func (vm *VM) json(method string) sobek.Callable {
	f, _ := sobek.AssertFunction(vm.rt.GlobalObject().Get("JSON").ToObject(vm.rt).Get(method))
	return f
}

func (vm *VM) parse(text string) (sobek.Value, error) {
	if !json.Valid([]byte(text)) {
		var any json.RawMessage
		return nil, json.Unmarshal([]byte(text), &any)
	}
	return vm.json("parse")(sobek.Undefined(), vm.rt.ToValue(text))
}

func (vm *VM) stringify(v sobek.Value) (string, error) {
	out, err := vm.json("stringify")(sobek.Undefined(), v)
	if err != nil || out == nil || sobek.IsUndefined(out) {
		return "", err
	}
	return out.String(), nil
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
