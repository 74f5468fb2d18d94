package script

import (
	"encoding/base64"

	"github.com/grafana/sobek"
)

// exportEncoding makes the exports of the module k6/encoding.
func (vm *VM) exportEncoding(name string) sobek.Value {
	f, ok := map[string]func(sobek.FunctionCall) sobek.Value{"b64encode": vm.b64encode, "b64decode": vm.b64decode}[name]
	if !ok {
		return nil
	}
	return vm.rt.ToValue(f)
}

func (vm *VM) b64encode(c sobek.FunctionCall) sobek.Value {
	return vm.rt.ToValue(vm.alphabet(c.Argument(1)).EncodeToString(vm.someBytes(c.Argument(0))))
}

// b64decode returns an ArrayBuffer, or text when its third argument is "s".
func (vm *VM) b64decode(c sobek.FunctionCall) sobek.Value {
	b, err := vm.alphabet(c.Argument(1)).DecodeString(c.Argument(0).String())
	if err != nil {
		vm.throw("b64decode: %w", err)
	}
	if c.Argument(2).String() == "s" {
		return vm.rt.ToValue(string(b))
	}
	return vm.rt.ToValue(vm.rt.NewArrayBuffer(b))
}

// alphabet returns the standard one for a name that is not known, as k6 does.
func (vm *VM) alphabet(v sobek.Value) *base64.Encoding {
	switch v.String() {
	case "rawstd":
		return base64.RawStdEncoding
	case "url":
		return base64.URLEncoding
	case "rawurl":
		return base64.RawURLEncoding
	}
	return base64.StdEncoding
}

// bytesOf returns the bytes of an ArrayBuffer, a typed array, or text in UTF-8.
func (vm *VM) bytesOf(v sobek.Value) []byte {
	if b, ok := vm.binary(v); ok {
		return b
	}
	return []byte(v.String())
}
