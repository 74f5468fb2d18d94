package script

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/grafana/sobek"
)

const (
	maxPrinted      = 1 << 20 // bytes of one console line
	maxPrintedDepth = 64
)

func (vm *VM) consoleMethod(name string) sobek.Value {
	level := map[string]slog.Level{
		"log": slog.LevelInfo, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "debug": slog.LevelDebug,
	}[name]
	return vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
		if !vm.config.Log.Enabled(vm.context(), level) {
			return sobek.Undefined()
		}
		p := printer{vm: vm}
		for i, arg := range c.Arguments {
			if i > 0 {
				p.write(" ")
			}
			if text, ok := arg.Export().(string); ok {
				p.write(text)
				continue
			}
			p.value(arg)
		}
		vm.config.Log.Log(vm.context(), level, p.b.String(), "source", "console")
		return sobek.Undefined()
	})
}

// printer writes values as k6's console does.
type printer struct {
	vm      *VM
	b       strings.Builder
	parents []*sobek.Object // of the value that is being written
}

func (p *printer) write(text string) {
	if p.b.Len()+len(text) <= maxPrinted {
		p.b.WriteString(text)
	}
}

func (p *printer) value(v sobek.Value) {
	obj, ok := v.(*sobek.Object)
	_, isText := v.Export().(string)
	switch {
	case v == nil, sobek.IsUndefined(v), sobek.IsNull(v):
		p.nothing(v)
	case isText:
		p.write(`"` + v.String() + `"`)
	case !ok:
		p.plain(v)
	case slices.ContainsFunc(p.parents, func(o *sobek.Object) bool { return o == obj }):
		p.write("[Circular]")
	case len(p.parents) >= maxPrintedDepth || p.b.Len() >= maxPrinted:
		p.write("…")
	default:
		p.parents = append(p.parents, obj)
		p.object(obj)
		p.parents = p.parents[:len(p.parents)-1]
	}
}

// nothing writes undefined as null inside of an object, as JSON would.
func (p *printer) nothing(v sobek.Value) {
	if len(p.parents) == 0 && v != nil && sobek.IsUndefined(v) {
		p.write("undefined")
		return
	}
	p.write("null")
}

func (p *printer) plain(v sobek.Value) {
	if s, ok := v.(*sobek.Symbol); ok {
		p.write(`"` + s.String() + `"`)
		return
	}
	p.write(v.String())
}

func (p *printer) object(obj *sobek.Object) {
	_, isFunc := sobek.AssertFunction(obj)
	switch kind := obj.ClassName(); {
	case isFunc:
		p.write("[object Function]")
	case kind == "Error":
		p.write(obj.String())
	case kind == "Array":
		p.list("[", obj)
	case p.bytes(obj):
	default:
		if f, ok := sobek.AssertFunction(obj.Get("toJSON")); ok {
			p.converted(obj, f)
			return
		}
		p.members(obj)
	}
}

// converted writes what an object says it is as JSON.
func (p *printer) converted(obj *sobek.Object, toJSON sobek.Callable) {
	v, err := toJSON(obj)
	if err != nil {
		p.write(obj.String())
		return
	}
	p.value(v)
}

// bytes writes an ArrayBuffer or a typed array.
func (p *printer) bytes(obj *sobek.Object) bool {
	if buffer, ok := obj.Export().(sobek.ArrayBuffer); ok {
		b := buffer.Bytes()
		p.write(fmt.Sprintf("ArrayBuffer { [Uint8Contents]: <% x>, byteLength: %d }", b[:min(len(b), maxPrinted/3)], len(b)))
		return true
	}
	if per := obj.Get("BYTES_PER_ELEMENT"); per == nil || obj.Get("length") == nil {
		return false
	}
	name := obj.Get("constructor").ToObject(p.vm.rt).Get("name").String()
	p.list(name+"("+obj.Get("length").String()+") [", obj)
	return true
}

func (p *printer) list(open string, obj *sobek.Object) {
	n := int(obj.Get("length").ToInteger())
	if n == 0 {
		p.write(open + "]")
		return
	}
	p.write(open + " ")
	for i := range n {
		if i > 0 {
			p.write(", ")
		}
		if p.b.Len() >= maxPrinted {
			break
		}
		p.value(obj.Get(p.vm.rt.ToValue(i).String()))
	}
	p.write(" ]")
}

func (p *printer) members(obj *sobek.Object) {
	keys := obj.Keys()
	if len(keys) == 0 {
		p.write("{}")
		return
	}
	for i, k := range keys {
		if i == 0 {
			p.write("{ ")
		} else {
			p.write(", ")
		}
		p.write(k + ": ")
		p.value(obj.Get(k))
	}
	p.write(" }")
}
