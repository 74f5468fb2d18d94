package script

import (
	"path/filepath"
	"strings"

	"github.com/grafana/sobek"
)

// seekModes are the members of SeekMode.
func seekModes() map[string]int64 { return map[string]int64{"Start": 0, "Current": 1, "End": 2} }

// exportFS makes the exports of the module k6/experimental/fs.
func (vm *VM) exportFS(name string) sobek.Value {
	switch name {
	case "open":
		return vm.rt.ToValue(vm.openFile)
	case "SeekMode":
		modes := vm.rt.NewObject()
		for k, v := range seekModes() {
			_ = modes.Set(k, v)
		}
		return modes
	}
	return nil
}

// file is a File: bytes that all VMs share, and this VM's place in them.
type file struct {
	vm   *VM
	path string
	data []byte
	at   int64
}

// openFile is fs.open(path). The bytes are read once for all VMs.
func (vm *VM) openFile(c sobek.FunctionCall) sobek.Value {
	return vm.promise(func() any {
		if !vm.init {
			vm.throw("fs.open() is only there in the init context: open the file outside of functions")
		}
		name := c.Argument(0).String()
		if !given(c.Argument(0)) || name == "" {
			panic(vm.rt.NewTypeError("fs.open() needs the path of a file"))
		}
		path := strings.TrimPrefix(name, "file://")
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(vm.program.Path), path)
		}
		data, err := vm.program.files.get(path, vm.program.read)
		if err != nil {
			vm.throw("fs.open %s: %w", name, err)
		}
		f := &file{vm: vm, path: path, data: data}
		obj := object(vm, "File", f, func() methods[*file] {
			return methods[*file]{"read": (*file).read, "seek": (*file).seek, "stat": (*file).stat}
		})
		vm.readOnly(obj, "path", path)
		return obj
	})
}

// promise settles at once with what f returns or throws.
func (vm *VM) promise(f func() any) sobek.Value {
	promise, resolve, reject := vm.rt.NewPromise()
	var out any
	if thrown := vm.rt.Try(func() { out = f() }); thrown != nil {
		_ = reject(thrown.Value())
	} else {
		_ = resolve(out)
	}
	return vm.rt.ToValue(promise)
}

func (f *file) stat(sobek.FunctionCall) any {
	return f.vm.promise(func() any {
		out := f.vm.rt.NewObject()
		_ = out.Set("name", filepath.Base(f.path))
		_ = out.Set("size", len(f.data))
		return out
	})
}

// read fills an Uint8Array as far as there is something, and tells how far; it
// is null at the end.
func (f *file) read(c sobek.FunctionCall) any {
	return f.vm.promise(func() any {
		array, ok := c.Argument(0).(*sobek.Object)
		if !ok || array.Get("BYTES_PER_ELEMENT") == nil || array.Get("BYTES_PER_ELEMENT").ToInteger() != 1 {
			panic(f.vm.rt.NewTypeError("read() fills an Uint8Array, not %.60s", c.Argument(0)))
		}
		into, _ := f.vm.binary(array)
		if f.at >= int64(len(f.data)) {
			return sobek.Null()
		}
		n := copy(into, f.data[f.at:])
		f.at += int64(n)
		return n
	})
}

// seek moves to a place and returns it. The end is the last byte, as in k6.
func (f *file) seek(c sobek.FunctionCall) any {
	return f.vm.promise(func() any {
		offset, isNumber := c.Argument(0).Export().(int64)
		whence, isMode := c.Argument(1).Export().(int64)
		from, known := map[int64]int64{0: 0, 1: f.at, 2: int64(len(f.data)) - 1}[whence]
		to := from + offset
		if !isNumber || !isMode || !known || to < 0 || to >= int64(len(f.data)) {
			panic(f.vm.rt.NewTypeError("seek(%.20s, %.20s) leads out of the file, or is no number and SeekMode", c.Argument(0), c.Argument(1)))
		}
		f.at = to
		return to
	})
}
