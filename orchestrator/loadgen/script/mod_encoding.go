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
	return vm.rt.ToValue(vm.alphabet(c.Argument(1)).EncodeToString(vm.bytesOf(c.Argument(0))))
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

func (vm *VM) alphabet(v sobek.Value) *base64.Encoding {
	if sobek.IsUndefined(v) || sobek.IsNull(v) {
		return base64.StdEncoding
	}
	encoding, ok := map[string]*base64.Encoding{
		"std": base64.StdEncoding, "rawstd": base64.RawStdEncoding, "url": base64.URLEncoding, "rawurl": base64.RawURLEncoding,
	}[v.String()]
	if !ok {
		vm.throw("encoding %q: want std, rawstd, url or rawurl", v.String())
	}
	return encoding
}

// bytesOf returns the bytes of an ArrayBuffer, a typed array, or text in UTF-8.
func (vm *VM) bytesOf(v sobek.Value) []byte {
	switch x := v.Export().(type) {
	case sobek.ArrayBuffer:
		return x.Bytes()
	case []byte:
		return x
	}
	return []byte(v.String())
}
