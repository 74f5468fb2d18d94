package script

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/grafana/sobek"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// resolveName stands for import.meta.resolve in a bundle, which is no module
// any more.
const resolveName = "__k6_resolve"

// resolveModule is import.meta.resolve: the URL of what an import would load.
func (vm *VM) resolveModule(c sobek.FunctionCall) sobek.Value {
	name := c.Argument(0).String()
	if !strings.HasPrefix(name, ".") && !filepath.IsAbs(name) {
		return vm.rt.ToValue(name)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(vm.callerDir(), name)
	}
	return vm.rt.ToValue("file://" + filepath.ToSlash(name))
}

// textCoder makes the global classes TextEncoder and TextDecoder.
func (vm *VM) textCoder(name string) func(sobek.ConstructorCall) *sobek.Object {
	if name == "TextEncoder" {
		return func(sobek.ConstructorCall) *sobek.Object {
			obj := object(vm, name, &textCoding{vm: vm}, func() methods[*textCoding] { return methods[*textCoding]{"encode": (*textCoding).encode} })
			vm.readOnly(obj, "encoding", "utf-8")
			return obj
		}
	}
	return func(c sobek.ConstructorCall) *sobek.Object {
		t := &textCoding{vm: vm}
		label := textOr(c.Argument(0), "utf-8")
		found, err := htmlindex.Get(label)
		if err != nil {
			panic(vm.rt.NewTypeError("there is no encoding %.60q", label))
		}
		t.name, _ = htmlindex.Name(found)
		t.decoder = found.NewDecoder()
		for k, v := range vm.members(c.Argument(1)) {
			t.fatal = t.fatal || k == "fatal" && v.ToBoolean()
			t.keepMark = t.keepMark || k == "ignoreBOM" && v.ToBoolean()
		}
		obj := object(vm, name, t, func() methods[*textCoding] { return methods[*textCoding]{"decode": (*textCoding).decode} })
		vm.readOnly(obj, "encoding", t.name)
		vm.readOnly(obj, "fatal", t.fatal)
		vm.readOnly(obj, "ignoreBOM", t.keepMark)
		return obj
	}
}

// readOnly gives an object a member of its own. Objects of Go values have none,
// so it stands on a prototype between.
func (vm *VM) readOnly(obj *sobek.Object, name string, v any) {
	between := vm.rt.CreateObject(obj.Prototype())
	_ = between.DefineDataProperty(name, vm.rt.ToValue(v), sobek.FLAG_FALSE, sobek.FLAG_FALSE, sobek.FLAG_TRUE)
	_ = obj.SetPrototype(between)
}

// textCoding is a TextEncoder or a TextDecoder.
type textCoding struct {
	vm              *VM
	name            string
	decoder         *encoding.Decoder
	fatal, keepMark bool
}

func (t *textCoding) encode(c sobek.FunctionCall) any {
	array, err := t.vm.rt.New(t.vm.rt.Get("Uint8Array"), t.vm.rt.ToValue(t.vm.rt.NewArrayBuffer([]byte(textOr(c.Argument(0), "")))))
	if err != nil {
		panic(err)
	}
	return array
}

func (t *textCoding) decode(c sobek.FunctionCall) any {
	if !given(c.Argument(0)) {
		return ""
	}
	b, ok := t.vm.binary(c.Argument(0))
	if !ok {
		panic(t.vm.rt.NewTypeError("decode() takes an ArrayBuffer or a view of one"))
	}
	if t.fatal && t.name == "utf-8" && !utf8.Valid(b) {
		panic(t.vm.rt.NewTypeError("the bytes are not text in utf-8"))
	}
	out, err := t.decoder.Bytes(b)
	if err != nil {
		panic(t.vm.rt.NewTypeError("the bytes are not text in %s", t.name))
	}
	text := string(out)
	if !t.keepMark {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	return text
}
