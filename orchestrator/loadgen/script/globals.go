package script

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/grafana/sobek"
)

// setGlobals puts the names there that every script finds without importing.
func (vm *VM) setGlobals() {
	g := vm.rt.GlobalObject()
	set := func(name string, v any) { _ = g.Set(name, v) }
	set("__VU", vm.ID)
	set("console", vm.rt.NewDynamicObject(&lazyObject{vm: vm, make: vm.consoleMethod, names: []string{"log", "info", "warn", "error", "debug"}}))
	// A function costs a VM about 1 KB, so those whose name is not in the code
	// are left out.
	for name := range vm.program.uses {
		switch {
		case !vm.program.uses[name]:
		case name == "open":
			set(name, vm.open)
		case name == "crypto":
			set(name, vm.rt.NewDynamicObject(&lazyObject{vm: vm, make: vm.webCrypto, names: []string{"CryptoKey", "getRandomValues", "randomUUID", "subtle"}}))
		case name == "TextEncoder", name == "TextDecoder":
			set(name, vm.textCoder(name))
		case name == "global":
			set(name, g)
		case name == resolveName:
			set(name, vm.resolveModule)
		default:
			set(name, vm.timerFunction(name))
		}
	}
	vm.setEnv(nil)
}

// Number gives the VM its place among the virtual users: __VU and
// exec.vu.idInTest. In the init context __VU is 0.
func (vm *VM) Number(inInstance, inTest int64) {
	vm.ID, vm.IDTest = inInstance, inTest
	_ = vm.rt.Set("__VU", inInstance)
}

func (vm *VM) timerFunction(name string) func(sobek.FunctionCall) sobek.Value {
	switch name {
	case "setTimeout", "setInterval":
		return func(c sobek.FunctionCall) sobek.Value { return vm.startTimer(c, name == "setInterval") }
	}
	return func(c sobek.FunctionCall) sobek.Value {
		vm.stopTimer(c.Argument(0).ToInteger())
		return sobek.Undefined()
	}
}

// open reads a file in the init context. The path is relative to the file that
// calls it, or else to the script.
func (vm *VM) open(c sobek.FunctionCall) sobek.Value {
	if !vm.init {
		vm.throw("open() is only there in the init context: call it outside of functions, before the test")
	}
	name := c.Argument(0).String()
	if c.Argument(0) == sobek.Undefined() || name == "" {
		vm.throw("open() needs the path of a file")
	}
	b, err := vm.readFile(strings.TrimPrefix(name, "file://"))
	if err != nil {
		vm.throw("open %s: %w", name, err)
	}
	if strings.Contains(c.Argument(1).String(), "b") {
		return vm.rt.ToValue(vm.rt.NewArrayBuffer(b))
	}
	return vm.rt.ToValue(string(b))
}

func (vm *VM) readFile(name string) ([]byte, error) {
	if filepath.IsAbs(name) {
		return vm.program.read(name)
	}
	main := filepath.Dir(vm.program.Path)
	dir := vm.callerDir()
	b, err := vm.program.read(filepath.Join(dir, name))
	if err != nil && dir != main {
		if b, mainErr := vm.program.read(filepath.Join(main, name)); mainErr == nil {
			return b, nil
		}
	}
	return b, err
}

// callerDir is the folder of the file whose code called a native function.
func (vm *VM) callerDir() string {
	if frames := vm.rt.CaptureCallStack(2, nil); len(frames) > 1 {
		if file := strings.TrimPrefix(frames[1].Position().Filename, "file://"); file != "" {
			return filepath.Dir(file)
		}
	}
	return filepath.Dir(vm.program.Path)
}

// native is what the virtual modules call for their exports: __k6(module) is
// the module itself, __k6(module, name) one export of it.
func (vm *VM) native(c sobek.FunctionCall) sobek.Value {
	module := c.Argument(0).String()
	if len(c.Arguments) > 1 {
		return vm.export(module, c.Arguments[1].String())
	}
	if v, ok := vm.modules[module]; ok {
		return v
	}
	names := vm.program.modules[module]
	v := vm.rt.NewDynamicObject(&lazyObject{vm: vm, names: names, make: func(name string) sobek.Value { return vm.export(module, name) }})
	vm.modules[module] = v
	return v
}

func (vm *VM) export(module, name string) sobek.Value {
	key := module + " " + name
	if v, ok := vm.modules[key]; ok {
		return v
	}
	v := vm.makeExport(module, name)
	if v == nil {
		panic(vm.rt.NewGoError(fmt.Errorf("module %s has no export %s", module, name)))
	}
	vm.modules[key] = v
	return v
}

// lazyObject is an object whose members are made when they are first read.
type lazyObject struct {
	vm    *VM
	names []string
	make  func(name string) sobek.Value
	made  map[string]sobek.Value
}

func (o *lazyObject) Get(key string) sobek.Value {
	if v, ok := o.made[key]; ok {
		return v
	}
	if !contains(o.names, key) {
		return nil
	}
	v := o.make(key)
	o.Set(key, v)
	return v
}

func (o *lazyObject) Set(key string, v sobek.Value) bool {
	if o.made == nil {
		o.made = map[string]sobek.Value{}
	}
	o.made[key] = v
	return true
}

func (o *lazyObject) Has(key string) bool {
	_, ok := o.made[key]
	return ok || contains(o.names, key)
}

func (o *lazyObject) Delete(key string) bool {
	delete(o.made, key)
	return !contains(o.names, key)
}

func (o *lazyObject) Keys() []string { return o.names }
