package script

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/grafana/sobek"
)

// exportK6 makes the exports of the module k6.
func (vm *VM) exportK6(name string) sobek.Value {
	f, ok := map[string]func(sobek.FunctionCall) sobek.Value{
		"check": vm.check, "group": vm.inGroup, "sleep": vm.sleep, "fail": vm.fail, "randomSeed": vm.randomSeed,
	}[name]
	if !ok {
		return nil
	}
	return vm.rt.ToValue(f)
}

// check evaluates each entry of the second argument and counts it as a sample
// of checks. An exception in one counts as failed and is thrown on.
func (vm *VM) check(c sobek.FunctionCall) sobek.Value {
	vm.needCall("check")
	value := c.Argument(0)
	if sobek.IsUndefined(c.Argument(1)) || sobek.IsNull(c.Argument(1)) {
		vm.throw("check() needs an object of checks as its second argument")
	}
	sets := c.Argument(1).ToObject(vm.rt)
	tags := vm.tagged(vm.tags, c.Argument(2))
	all := true
	for _, name := range sets.Keys() {
		if strings.Contains(name, "::") {
			vm.throw("check %q: a name may not contain '::'", name)
		}
		ok, err := vm.oneCheck(sets.Get(name), value)
		vm.add(vm.builtin.Checks, vm.with(tags, "check", name), number(ok))
		if err != nil {
			panic(err)
		}
		all = all && ok
	}
	return vm.rt.ToValue(all)
}

func (vm *VM) oneCheck(entry, value sobek.Value) (bool, error) {
	f, ok := sobek.AssertFunction(entry)
	if !ok {
		return entry.ToBoolean(), nil
	}
	v, err := f(sobek.Undefined(), value)
	if err != nil {
		return false, err
	}
	if obj, ok := v.(*sobek.Object); ok {
		if _, promise := obj.Export().(*sobek.Promise); promise {
			vm.throw("check() does not wait for async functions: await the value first")
		}
	}
	return v.ToBoolean(), nil
}

// inGroup calls a function with a group tag on all samples.
func (vm *VM) inGroup(c sobek.FunctionCall) sobek.Value {
	vm.needCall("group")
	name := c.Argument(0).String()
	f, ok := sobek.AssertFunction(c.Argument(1))
	switch {
	case !ok:
		vm.throw("group() needs a function as its second argument")
	case strings.Contains(name, "::"):
		vm.throw("group %q: a name may not contain '::'", name)
	}
	before, tags := vm.group, vm.tags
	vm.group += "::" + name
	vm.tags = vm.with(tags, "group", vm.group)
	begin := time.Now()
	v, err := f(sobek.Undefined())
	vm.add(vm.builtin.GroupDuration, vm.tags, ms(time.Since(begin)))
	vm.group, vm.tags = before, tags
	if err != nil {
		panic(err)
	}
	if _, async := exported[*sobek.Promise](v); async {
		vm.throw("group() does not wait for async functions: put the await around the group")
	}
	return v
}

func (vm *VM) sleep(c sobek.FunctionCall) sobek.Value {
	if seconds := c.Argument(0).ToFloat(); seconds > 0 {
		pause(vm.context(), time.Duration(seconds*float64(time.Second)))
	}
	return sobek.Undefined()
}

func (vm *VM) fail(c sobek.FunctionCall) sobek.Value {
	reason := "fail() was called"
	if !sobek.IsUndefined(c.Argument(0)) {
		reason = c.Argument(0).String()
	}
	panic(vm.rt.NewGoError(errors.New(reason)))
}

func (vm *VM) randomSeed(c sobek.FunctionCall) sobek.Value {
	seeded := rand.New(rand.NewPCG(uint64(c.Argument(0).ToInteger()), 0))
	vm.rt.SetRandSource(seeded.Float64)
	return sobek.Undefined()
}

// needCall refuses what makes no sense while the script is loaded.
func (vm *VM) needCall(name string) {
	if vm.init {
		panic(vm.rt.NewGoError(fmt.Errorf("%s() cannot be used in the init context: call it in a function of the test", name)))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
