package script

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/grafana/sobek"
	"golang.org/x/crypto/md4"       //lint:ignore SA1019 scripts test services that still use it
	"golang.org/x/crypto/ripemd160" //lint:ignore SA1019 scripts test services that still use it
)

// maxRandomBytes bounds what one call hands out.
const maxRandomBytes = 64 << 20

func hashes() map[string]func() hash.Hash {
	return map[string]func() hash.Hash{
		"md4": md4.New, "md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
		"sha512_224": sha512.New512_224, "sha512_256": sha512.New512_256, "ripemd160": ripemd160.New,
	}
}

func cryptoExports() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(hashes())), "createHMAC", "createHash", "hexEncode", "hmac", "randomBytes")))
}

// exportCrypto makes the exports of the module k6/crypto.
func (vm *VM) exportCrypto(name string) sobek.Value {
	if build, ok := hashes()[name]; ok {
		return vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
			return vm.digestOf(build(), c.Argument(0), c.Argument(1))
		})
	}
	f, ok := map[string]func(sobek.FunctionCall) sobek.Value{
		"hmac": vm.hmac, "createHash": vm.createHash, "createHMAC": vm.createHMAC, "randomBytes": vm.randomBytes,
		"hexEncode": func(c sobek.FunctionCall) sobek.Value {
			return vm.rt.ToValue(hex.EncodeToString(vm.someBytes(c.Argument(0))))
		},
	}[name]
	if !ok {
		return nil
	}
	return vm.rt.ToValue(f)
}

// someBytes returns the bytes of text or of binary data; all else is refused.
func (vm *VM) someBytes(v sobek.Value) []byte {
	if text, ok := v.Export().(string); ok {
		return []byte(text)
	}
	b, ok := vm.binary(v)
	if !ok {
		vm.throw("want text or bytes, not %.60s", v.String())
	}
	return b
}

func (vm *VM) algorithm(v sobek.Value) func() hash.Hash {
	build, ok := hashes()[v.String()]
	if !ok {
		vm.throw("there is no hash %.60q: there are %s", v.String(), strings.Join(slices.Sorted(maps.Keys(hashes())), ", "))
	}
	return build
}

func (vm *VM) digestOf(h hash.Hash, input, encoding sobek.Value) sobek.Value {
	_, _ = h.Write(vm.someBytes(input)) // a hash takes everything
	return vm.written(h.Sum(nil), encoding)
}

// written writes a digest in the encoding that is asked for.
func (vm *VM) written(sum []byte, encoding sobek.Value) sobek.Value {
	switch name := encoding.String(); name {
	case "hex":
		return vm.rt.ToValue(hex.EncodeToString(sum))
	case "base64":
		return vm.rt.ToValue(base64.StdEncoding.EncodeToString(sum))
	case "base64url":
		return vm.rt.ToValue(base64.URLEncoding.EncodeToString(sum))
	case "base64rawurl":
		return vm.rt.ToValue(base64.RawURLEncoding.EncodeToString(sum))
	case "binary":
		return vm.rt.ToValue(vm.rt.NewArrayBuffer(sum))
	default:
		vm.throw("output encoding %.60q: want hex, base64, base64url, base64rawurl or binary", name)
		return nil
	}
}

func (vm *VM) hmac(c sobek.FunctionCall) sobek.Value {
	return vm.digestOf(hmac.New(vm.algorithm(c.Argument(0)), vm.someBytes(c.Argument(1))), c.Argument(2), c.Argument(3))
}

func (vm *VM) createHash(c sobek.FunctionCall) sobek.Value {
	return vm.newHasher(vm.algorithm(c.Argument(0))())
}

func (vm *VM) createHMAC(c sobek.FunctionCall) sobek.Value {
	return vm.newHasher(hmac.New(vm.algorithm(c.Argument(0)), vm.someBytes(c.Argument(1))))
}

// hasher is a Hasher of a script: it takes data piece by piece.
type hasher struct {
	vm   *VM
	hash hash.Hash
}

func (vm *VM) newHasher(h hash.Hash) sobek.Value {
	return object(vm, "Hasher", &hasher{vm, h}, func() methods[*hasher] {
		return methods[*hasher]{
			"update": func(h *hasher, c sobek.FunctionCall) any {
				_, _ = h.hash.Write(h.vm.someBytes(c.Argument(0)))
				return sobek.Undefined()
			},
			"digest": func(h *hasher, c sobek.FunctionCall) any { return h.vm.written(h.hash.Sum(nil), c.Argument(0)) },
		}
	})
}

func (vm *VM) randomBytes(c sobek.FunctionCall) sobek.Value {
	n := c.Argument(0).ToInteger()
	if n <= 0 || n > maxRandomBytes {
		vm.throw("randomBytes: want 1 to %d bytes, not %d", maxRandomBytes, n)
	}
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return vm.rt.ToValue(vm.rt.NewArrayBuffer(b))
}
