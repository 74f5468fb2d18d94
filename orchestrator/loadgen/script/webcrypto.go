package script

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/grafana/sobek"
)

// maxRandomValues is the standard's bound for getRandomValues.
const maxRandomValues = 65536

// webCrypto makes the global crypto object.
func (vm *VM) webCrypto(name string) sobek.Value {
	switch name {
	case "getRandomValues":
		return vm.rt.ToValue(vm.randomValues)
	case "randomUUID":
		return vm.rt.ToValue(func(sobek.FunctionCall) sobek.Value { return vm.rt.ToValue(randomUUID()) })
	case "CryptoKey":
		return vm.rt.ToValue(func(sobek.ConstructorCall) *sobek.Object {
			panic(vm.rt.NewTypeError("keys are made by crypto.subtle, not by new CryptoKey()"))
		})
	}
	return vm.rt.NewDynamicObject(&lazyObject{vm: vm, names: subtleNames(), make: vm.subtle})
}

func (vm *VM) randomValues(c sobek.FunctionCall) sobek.Value {
	array, ok := c.Argument(0).(*sobek.Object)
	if !ok || array.Get("BYTES_PER_ELEMENT") == nil || strings.HasPrefix(array.Get("constructor").ToObject(vm.rt).Get("name").String(), "Float") {
		panic(vm.domError("TypeMismatchError", "getRandomValues() fills a typed array of integers"))
	}
	b, _ := vm.binary(array)
	if len(b) > maxRandomValues {
		panic(vm.domError("QuotaExceededError", fmt.Sprintf("getRandomValues() fills at most %d bytes", maxRandomValues)))
	}
	_, _ = rand.Read(b) // never fails
	return array
}

// randomUUID returns a random identifier of version 4 (RFC 9562).
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// domError is an Error with one of the web's names for errors.
func (vm *VM) domError(name, text string) *sobek.Object {
	e := vm.rt.NewGoError(errors.New(text))
	_ = e.Set("name", name)
	return e
}

// webError is an error that becomes a domError.
type webError struct{ name, text string }

func (e *webError) Error() string { return e.text }

func subtleNames() []string {
	return []string{"decrypt", "deriveBits", "deriveKey", "digest", "encrypt", "exportKey", "generateKey", "importKey", "sign", "unwrapKey", "verify", "wrapKey"}
}

// subtle makes a method of crypto.subtle. All of them return promises.
func (vm *VM) subtle(name string) sobek.Value {
	f := map[string]func(sobek.FunctionCall) (any, error){
		"digest": vm.subtleDigest, "generateKey": vm.generateKey, "importKey": vm.importKey, "exportKey": vm.exportKey,
		"sign": vm.sign, "verify": vm.verify, "deriveBits": vm.deriveBits, "deriveKey": vm.deriveKey,
		"wrapKey": notWrapped, "unwrapKey": notWrapped,
		"encrypt": func(c sobek.FunctionCall) (any, error) { return vm.crypt(c, true) },
		"decrypt": func(c sobek.FunctionCall) (any, error) { return vm.crypt(c, false) },
	}[name]
	return vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
		promise, resolve, reject := vm.rt.NewPromise()
		var out any
		var err error
		if thrown := vm.rt.Try(func() { out, err = f(c) }); thrown != nil {
			_ = reject(thrown.Value())
			return vm.rt.ToValue(promise)
		}
		var web *webError
		switch {
		case errors.As(err, &web):
			_ = reject(vm.domError(web.name, web.text))
		case err != nil:
			_ = reject(vm.domError("OperationError", err.Error()))
		default:
			if b, ok := out.([]byte); ok {
				out = vm.rt.NewArrayBuffer(b)
			}
			_ = resolve(out)
		}
		return vm.rt.ToValue(promise)
	})
}

// notWrapped refuses what k6 does not do either.
func notWrapped(sobek.FunctionCall) (any, error) {
	return nil, &webError{"NotSupportedError", "keys are not wrapped here: encrypt what exportKey() gives"}
}

// named reads an algorithm: its name, or an object with it.
func (vm *VM) named(v sobek.Value) (name string, params *sobek.Object) {
	obj, ok := v.(*sobek.Object)
	if !ok {
		return spelt(v.String()), vm.rt.NewObject()
	}
	if n := obj.Get("name"); n != nil {
		return spelt(n.String()), obj
	}
	return "", obj
}

// spelt returns an algorithm's name in the standard's letters.
func spelt(name string) string {
	if name = strings.ToUpper(name); name == "RSASSA-PKCS1-V1_5" {
		return "RSASSA-PKCS1-v1_5"
	}
	return name
}

// standardHash returns one of the web's hashes, which have names of their own.
func (vm *VM) standardHash(v sobek.Value) (name string, build func() hash.Hash, err error) {
	if v == nil {
		v = sobek.Undefined()
	}
	name, _ = vm.named(v)
	short, ok := map[string]string{"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}[name]
	if !ok {
		return "", nil, &webError{"NotSupportedError", "there is no hash " + clip(name, 30) + ": there are SHA-1, SHA-256, SHA-384 and SHA-512"}
	}
	return name, hashes()[short], nil
}

func (vm *VM) subtleDigest(c sobek.FunctionCall) (any, error) {
	_, build, err := vm.standardHash(c.Argument(0))
	if err != nil {
		return nil, err
	}
	h := build()
	_, _ = h.Write(vm.someBytes(c.Argument(1)))
	return h.Sum(nil), nil
}
