package script

import (
	"reflect"

	"github.com/grafana/sobek"
)

// methods are what a kind of native object can be asked. A method's result
// becomes a JavaScript value; a nil result is null.
type methods[T any] map[string]func(self T, c sobek.FunctionCall) any

// object makes the JavaScript object of a Go value. The methods of its kind are
// made once for each VM and shared by all objects of it.
func object[T any](vm *VM, kind string, self T, list func() methods[T]) *sobek.Object {
	proto := vm.kinds[kind]
	if proto == nil {
		proto = vm.rt.NewObject()
		for name, f := range list() {
			_ = proto.DefineDataProperty(name, vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
				self, ok := exported[T](c.This)
				if !ok {
					panic(vm.rt.NewTypeError("%s() was called on something else", name))
				}
				return vm.rt.ToValue(f(self, c))
			}), sobek.FLAG_TRUE, sobek.FLAG_TRUE, sobek.FLAG_FALSE)
		}
		if vm.kinds == nil {
			vm.kinds = map[string]*sobek.Object{}
		}
		vm.kinds[kind] = proto
	}
	obj := vm.rt.ToValue(self).ToObject(vm.rt)
	_ = obj.SetPrototype(proto)
	return obj
}

// exported returns the Go value behind a native object. Other objects are not
// exported at all, because that would copy them.
func exported[T any](v sobek.Value) (T, bool) {
	obj, ok := v.(*sobek.Object)
	if !ok || obj.ExportType() != reflect.TypeFor[T]() {
		var none T
		return none, false
	}
	t, ok := obj.Export().(T)
	return t, ok
}

// given reports whether an argument is there and not null.
func given(v sobek.Value) bool { return v != nil && !sobek.IsUndefined(v) && !sobek.IsNull(v) }
