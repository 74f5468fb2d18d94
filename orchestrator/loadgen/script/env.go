package script

import (
	"maps"
	"slices"

	"github.com/grafana/sobek"
)

// envObject is a VM's __ENV. The test's variables are shared by all VMs; what
// a scenario or the script itself sets lies over them.
type envObject struct {
	vm     *VM
	shared map[string]string
	over   map[string]sobek.Value
}

func (e *envObject) Get(key string) sobek.Value {
	if v, ok := e.over[key]; ok {
		return v
	}
	if v, ok := e.shared[key]; ok {
		return e.vm.rt.ToValue(v)
	}
	return nil
}

func (e *envObject) Set(key string, v sobek.Value) bool {
	if e.over == nil {
		e.over = map[string]sobek.Value{}
	}
	e.over[key] = v
	return true
}

func (e *envObject) Has(key string) bool { return e.Get(key) != nil }

func (e *envObject) Delete(key string) bool {
	delete(e.over, key)
	return true
}

func (e *envObject) Keys() []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(e.over)), maps.Keys(e.shared))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// setEnv makes __ENV, with a scenario's own variables over the test's.
func (vm *VM) setEnv(scenario map[string]string) {
	env := &envObject{vm: vm, shared: vm.config.Env}
	for k, v := range scenario {
		env.Set(k, vm.rt.ToValue(v))
	}
	_ = vm.rt.Set("__ENV", vm.rt.NewDynamicObject(env))
}
