package script

import (
	"slices"

	"github.com/grafana/sobek"
)

// blob is a Blob: bytes that do not change.
type blob struct {
	vm   *VM
	data []byte
	kind string
}

// constructBlob is new Blob(parts, options).
func (vm *VM) constructBlob(c sobek.ConstructorCall) *sobek.Object {
	var data []byte
	if given(c.Argument(0)) {
		parts, ok := c.Argument(0).(*sobek.Object)
		if !ok {
			panic(vm.rt.NewTypeError("new Blob() takes an array of parts"))
		}
		for _, i := range parts.Keys() {
			part := parts.Get(i)
			if b, ok := exported[*blob](part); ok {
				data = append(data, b.data...)
			} else {
				data = append(data, vm.bytesOf(part)...)
			}
		}
	}
	kind := ""
	if v := vm.members(c.Argument(1))["type"]; given(v) {
		kind = v.String()
	}
	obj := vm.newBlob(data, kind)
	return obj
}

func (vm *VM) newBlob(data []byte, kind string) *sobek.Object {
	obj := object(vm, "Blob", &blob{vm, data, kind}, func() methods[*blob] {
		return methods[*blob]{
			"text":        func(b *blob, _ sobek.FunctionCall) any { return b.later(string(b.data)) },
			"arrayBuffer": func(b *blob, _ sobek.FunctionCall) any { return b.later(b.vm.rt.NewArrayBuffer(slices.Clone(b.data))) },
			"bytes":       (*blob).bytes, "slice": (*blob).slice,
		}
	})
	vm.readOnly(obj, "size", len(data))
	vm.readOnly(obj, "type", kind)
	return obj
}

// later is a promise of what is there already.
func (b *blob) later(v any) any {
	promise, resolve, _ := b.vm.rt.NewPromise()
	_ = resolve(v) // fails only for a thenable that throws
	return promise
}

func (b *blob) bytes(sobek.FunctionCall) any {
	buffer := b.vm.rt.ToValue(b.vm.rt.NewArrayBuffer(slices.Clone(b.data)))
	array, err := b.vm.rt.New(b.vm.rt.Get("Uint8Array"), buffer)
	if err != nil {
		panic(err)
	}
	return b.later(array)
}

func (b *blob) slice(c sobek.FunctionCall) any {
	n := len(b.data)
	place := func(v sobek.Value, otherwise int) int {
		if !given(v) {
			return otherwise
		}
		i := int(v.ToInteger())
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	from, to := place(c.Argument(0), 0), place(c.Argument(1), n)
	return b.vm.newBlob(b.data[from:max(from, to)], textOr(c.Argument(2), ""))
}
