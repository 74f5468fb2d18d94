package script

import (
	"sync"

	"github.com/grafana/sobek"
)

// sharedArrays are the SharedArrays of a program: made once, read by all VMs.
type sharedArrays struct {
	mu     sync.Mutex
	byName map[string][]string // each element as JSON
}

func newSharedArrays() *sharedArrays { return &sharedArrays{byName: map[string][]string{}} }

// get returns the array called name and makes it when it is new. Whoever asks
// for the same array meanwhile waits.
func (s *sharedArrays) get(name string, build func() ([]string, error)) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.byName[name]; ok {
		return have, nil
	}
	made, err := build()
	if err != nil {
		return nil, err
	}
	s.byName[name] = made
	return made, nil
}

// sharedFiles are the files that a program's VMs read piece by piece.
type sharedFiles struct {
	mu     sync.Mutex
	byPath map[string][]byte
}

func (s *sharedFiles) get(path string, read func(string) ([]byte, error)) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.byPath[path]; ok {
		return have, nil
	}
	b, err := read(path)
	if err == nil {
		s.byPath[path] = b
	}
	return b, err
}

// exportData makes the exports of the module k6/data.
func (vm *VM) exportData(name string) sobek.Value {
	if name != "SharedArray" {
		return nil
	}
	return vm.rt.ToValue(func(c sobek.ConstructorCall) *sobek.Object {
		name := c.Argument(0).String()
		f, ok := sobek.AssertFunction(c.Argument(1))
		switch {
		case !vm.init:
			vm.throw("a SharedArray can only be made in the init context")
		case !ok || name == "" || sobek.IsUndefined(c.Argument(0)):
			vm.throw("new SharedArray() needs a name and a function that returns an array")
		}
		elements, err := vm.program.shared.get(name, func() ([]string, error) { return vm.elements(f) })
		if err != nil {
			panic(err)
		}
		return vm.rt.NewDynamicArray(&sharedArray{vm: vm, elements: elements})
	})
}

// elements calls the function of a SharedArray and writes its array as JSON.
func (vm *VM) elements(f sobek.Callable) ([]string, error) {
	v, err := f(sobek.Undefined())
	if err != nil {
		return nil, err
	}
	list, ok := v.(*sobek.Object)
	if !ok || list.ClassName() != "Array" {
		return nil, vm.typeError("the function of a SharedArray must return an array")
	}
	n := int(list.Get("length").ToInteger())
	out := make([]string, n)
	stringify := vm.json("stringify")
	for i := range n {
		text, err := stringify(sobek.Undefined(), list.Get(vm.rt.ToValue(i).String()))
		if err != nil {
			return nil, err
		}
		if out[i] = text.String(); sobek.IsUndefined(text) {
			out[i] = "null"
		}
	}
	return out, nil
}

// typeError is a JavaScript exception as a Go error.
func (vm *VM) typeError(text string) error {
	return vm.rt.Try(func() { panic(vm.rt.NewTypeError(text)) })
}

// sharedArray is a VM's view of a SharedArray: elements are parsed when they
// are read, and nothing can be changed.
type sharedArray struct {
	vm       *VM
	elements []string
}

func (a *sharedArray) Len() int { return len(a.elements) }

func (a *sharedArray) Get(i int) sobek.Value {
	if i < 0 || i >= len(a.elements) {
		return sobek.Undefined()
	}
	v, err := a.vm.parse(a.elements[i])
	if err != nil {
		return sobek.Undefined()
	}
	if obj, ok := v.(*sobek.Object); ok {
		a.vm.freeze(obj)
	}
	return v
}

// freeze makes an object and what it holds unchangeable.
func (vm *VM) freeze(obj *sobek.Object) {
	for _, k := range obj.Keys() {
		if inner, ok := obj.Get(k).(*sobek.Object); ok {
			vm.freeze(inner)
		}
	}
	if f, ok := sobek.AssertFunction(vm.rt.GlobalObject().Get("Object").ToObject(vm.rt).Get("freeze")); ok {
		_, _ = f(sobek.Undefined(), obj)
	}
}

func (a *sharedArray) Set(int, sobek.Value) bool {
	panic(a.vm.rt.NewTypeError("a SharedArray cannot be changed"))
}

func (a *sharedArray) SetLen(int) bool {
	panic(a.vm.rt.NewTypeError("a SharedArray cannot be changed"))
}
