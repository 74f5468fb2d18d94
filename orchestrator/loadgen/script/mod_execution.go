package script

import (
	"maps"
	"slices"

	"github.com/grafana/sobek"
)

// exportExecution makes the exports of the module k6/execution.
func (vm *VM) exportExecution(name string) sobek.Value {
	members, ok := map[string]map[string]func() any{
		"scenario": vm.scenarioMembers(), "instance": vm.instanceMembers(), "vu": vm.vuMembers(), "test": vm.testMembers(),
	}[name]
	if !ok {
		return nil
	}
	return vm.rt.NewDynamicObject(&liveObject{vm: vm, members: members})
}

func (vm *VM) scenarioMembers() map[string]func() any {
	task := func() *Task {
		if vm.task == nil {
			vm.throw("exec.scenario is only there in a scenario's function")
		}
		return vm.task
	}
	return map[string]func() any{
		"name":                func() any { return task().Scenario },
		"executor":            func() any { return task().Executor },
		"startTime":           func() any { return task().Started.UnixMilli() },
		"progress":            func() any { return task().Progress() },
		"iterationInInstance": func() any { return vm.inst.InInstance },
		"iterationInTest":     func() any { task(); return vm.inst.InTest },
	}
}

func (vm *VM) instanceMembers() map[string]func() any {
	t := vm.config.Test
	return map[string]func() any{
		"currentTestRunDuration": func() any { return ms(t.Elapsed()) },
		"iterationsCompleted":    func() any { return t.Completed.Load() },
		"iterationsInterrupted":  func() any { return t.Interrupted.Load() },
		"vusActive":              func() any { return t.Active.Load() },
		"vusInitialized":         func() any { return t.Initialised.Load() },
	}
}

func (vm *VM) vuMembers() map[string]func() any {
	metadata := vm.rt.NewObject() // an output that wants it would have to keep samples
	metrics := func() any {
		out := vm.rt.NewObject()
		_ = out.Set("tags", vm.rt.NewDynamicObject(&vuTags{vm}))
		_ = out.Set("metadata", metadata)
		return out
	}
	running := func(f func() any) func() any {
		return func() any {
			vm.needCall("exec.vu")
			return f()
		}
	}
	return map[string]func() any{
		"idInInstance":        running(func() any { return vm.ID }),
		"idInTest":            running(func() any { return vm.IDTest }),
		"iterationInInstance": running(func() any { return max(vm.iteration-1, 0) }),
		"iterationInScenario": func() any {
			if vm.task == nil {
				return 0
			}
			return vm.inTag[vm.task.Scenario]
		},
		"tags":    func() any { return vm.rt.NewDynamicObject(&vuTags{vm}) },
		"metrics": metrics,
	}
}

func (vm *VM) testMembers() map[string]func() any {
	return map[string]func() any{
		"abort": func() any { return vm.abortTest },
		"fail": func() any {
			return func(c sobek.FunctionCall) sobek.Value {
				vm.needCall("exec.test.fail")
				vm.config.Test.Failed.Store(true)
				vm.config.Log.Error("test marked as failed", "reason", clip(c.Argument(0).String(), 300))
				return sobek.Undefined()
			}
		},
		"options": func() any {
			v, err := vm.parse(string(vm.config.Options.JSON))
			if err != nil {
				return sobek.Undefined()
			}
			return vm.frozen(v)
		},
	}
}

// frozen makes a value of parsed JSON read-only, all the way down.
func (vm *VM) frozen(v sobek.Value) sobek.Value {
	obj, ok := v.(*sobek.Object)
	if !ok {
		return v
	}
	for _, key := range obj.Keys() {
		vm.frozen(obj.Get(key))
	}
	freeze, _ := sobek.AssertFunction(vm.rt.GlobalObject().Get("Object").ToObject(vm.rt).Get("freeze"))
	if _, err := freeze(sobek.Undefined(), obj); err != nil {
		panic(err)
	}
	return obj
}

// abortTest ends the whole test. The runtime is interrupted, so that no
// catch block of the script can hold it up.
func (vm *VM) abortTest(c sobek.FunctionCall) sobek.Value {
	reason := "aborted by the script"
	if !sobek.IsUndefined(c.Argument(0)) {
		reason = clip(c.Argument(0).String(), 300)
	}
	vm.rt.Interrupt(&AbortError{Reason: reason})
	return sobek.Undefined()
}

// liveObject is an object whose members are computed each time they are read.
type liveObject struct {
	vm      *VM
	members map[string]func() any
}

func (o *liveObject) Get(key string) sobek.Value {
	f, ok := o.members[key]
	if !ok {
		return nil
	}
	return o.vm.rt.ToValue(f())
}

func (o *liveObject) Set(key string, _ sobek.Value) bool {
	panic(o.vm.rt.NewTypeError("%s is read-only", key))
}

func (o *liveObject) Has(key string) bool { return o.members[key] != nil }

func (o *liveObject) Delete(string) bool { return false }

func (o *liveObject) Keys() []string { return slices.Sorted(maps.Keys(o.members)) }

// vuTags are the tags that a script sets for all later samples of its VU.
type vuTags struct{ vm *VM }

func (t *vuTags) Get(key string) sobek.Value {
	if v, ok := t.vm.tags.Get(key); ok {
		return t.vm.rt.ToValue(v)
	}
	return nil
}

func (t *vuTags) Set(key string, v sobek.Value) bool {
	if _, isObject := v.(*sobek.Object); isObject || sobek.IsUndefined(v) || sobek.IsNull(v) {
		panic(t.vm.rt.NewTypeError("tag %s must be a string, a number or a boolean", key))
	}
	if t.vm.own == nil {
		t.vm.own = map[string]string{}
	}
	t.vm.own[key] = v.String()
	t.vm.tags = t.vm.tags.With(key, v.String())
	return true
}

func (t *vuTags) Has(key string) bool { return t.Get(key) != nil }

func (t *vuTags) Delete(key string) bool {
	delete(t.vm.own, key)
	t.vm.tags = t.vm.tags.With(key, "")
	return true
}

func (t *vuTags) Keys() []string { return slices.Sorted(maps.Keys(t.vm.tags.Map())) }
