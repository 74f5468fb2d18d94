package script

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/sobek"
)

// cryptoKey is a CryptoKey: for signing (HMAC) or for a cipher (AES).
type cryptoKey struct {
	name        string // "HMAC", "AES-CBC", "AES-CTR" or "AES-GCM"
	hash        string // of HMAC
	extractable bool
	usages      []string
	secret      []byte
}

// may reports why the key must not be used so, if it must not.
func (k *cryptoKey) may(usage, algorithm string) error {
	if k.name != algorithm || !slices.Contains(k.usages, usage) {
		return &webError{"InvalidAccessError", "the key is not one to " + usage + " with " + clip(algorithm, 30)}
	}
	return nil
}

func (vm *VM) newKey(k *cryptoKey) any {
	obj := vm.rt.ToValue(k).(*sobek.Object)
	algorithm := vm.rt.NewObject()
	_ = algorithm.Set("name", k.name)
	_ = algorithm.Set("length", len(k.secret)*8)
	if k.hash != "" {
		h := vm.rt.NewObject()
		_ = h.Set("name", k.hash)
		_ = algorithm.Set("hash", h)
	}
	proto := vm.rt.NewObject()
	for name, v := range map[string]any{"type": "secret", "extractable": k.extractable, "algorithm": algorithm, "usages": k.usages} {
		_ = proto.Set(name, v)
	}
	_ = obj.SetPrototype(proto)
	return obj
}

func (vm *VM) usages(v sobek.Value) []string {
	var out []string
	if obj, ok := v.(*sobek.Object); ok {
		for _, i := range obj.Keys() {
			out = append(out, obj.Get(i).String())
		}
	}
	return out
}

// keyOf begins a key of an algorithm that there is.
func (vm *VM) keyOf(algorithm, extractable, usages sobek.Value) (_ *cryptoKey, params *sobek.Object, err error) {
	name, params := vm.named(algorithm)
	k := &cryptoKey{name: name, extractable: extractable.ToBoolean(), usages: vm.usages(usages)}
	allowed := []string{"encrypt", "decrypt"}
	switch name {
	case "HMAC":
		allowed = []string{"sign", "verify"}
		if k.hash, _, err = vm.standardHash(params.Get("hash")); err != nil {
			return nil, nil, err
		}
	case "AES-CBC", "AES-CTR", "AES-GCM":
	default:
		return nil, nil, &webError{"NotSupportedError", "there is no algorithm " + clip(name, 30) + " here: there are HMAC, AES-CBC, AES-CTR and AES-GCM"}
	}
	for _, usage := range k.usages {
		if !slices.Contains(allowed, usage) {
			return nil, nil, &webError{"SyntaxError", "a key of " + name + " cannot be used to " + clip(usage, 30)}
		}
	}
	if len(k.usages) == 0 {
		return nil, nil, &webError{"SyntaxError", "a key that may be used for nothing is of no use"}
	}
	return k, params, nil
}

func (vm *VM) generateKey(c sobek.FunctionCall) (any, error) {
	k, params, err := vm.keyOf(c.Argument(0), c.Argument(1), c.Argument(2))
	if err != nil {
		return nil, err
	}
	bits := int64(0)
	if given(params.Get("length")) {
		bits = params.Get("length").ToInteger()
	} else if k.name == "HMAC" {
		_, build, _ := vm.standardHash(params.Get("hash"))
		bits = int64(build().BlockSize() * 8)
	}
	if bits <= 0 || bits%8 != 0 || bits > maxRandomBytes || k.name != "HMAC" && bits != 128 && bits != 192 && bits != 256 {
		return nil, &webError{"OperationError", fmt.Sprintf("a key of %s cannot have %d bits", k.name, bits)}
	}
	k.secret = make([]byte, bits/8)
	_, _ = rand.Read(k.secret) // never fails
	return vm.newKey(k), nil
}

func (vm *VM) importKey(c sobek.FunctionCall) (any, error) {
	k, _, err := vm.keyOf(c.Argument(2), c.Argument(3), c.Argument(4))
	if err != nil {
		return nil, err
	}
	switch format := c.Argument(0).String(); format {
	case "raw":
		k.secret = slices.Clone(vm.someBytes(c.Argument(1)))
	case "jwk":
		text := vm.members(c.Argument(1))["k"]
		if text == nil {
			return nil, &webError{"DataError", "the JSON web key has no member k"}
		}
		if k.secret, err = base64.RawURLEncoding.DecodeString(text.String()); err != nil {
			return nil, &webError{"DataError", "the JSON web key's member k is not base64url"}
		}
	default:
		return nil, &webError{"NotSupportedError", "keys are not read as " + clip(format, 30) + " here: there are raw and jwk"}
	}
	if n := len(k.secret); n == 0 || k.name != "HMAC" && n != 16 && n != 24 && n != 32 {
		return nil, &webError{"DataError", fmt.Sprintf("a key of %s cannot have %d bytes", k.name, n)}
	}
	return vm.newKey(k), nil
}

func (vm *VM) exportKey(c sobek.FunctionCall) (any, error) {
	k, ok := exported[*cryptoKey](c.Argument(1))
	if !ok || !k.extractable {
		return nil, &webError{"InvalidAccessError", "the key cannot be exported"}
	}
	switch format := c.Argument(0).String(); format {
	case "raw":
		return slices.Clone(k.secret), nil
	case "jwk":
		return vm.webKey(k), nil
	default:
		return nil, &webError{"NotSupportedError", "keys are not written as " + clip(format, 30) + " here: there are raw and jwk"}
	}
}

func (vm *VM) webKey(k *cryptoKey) any {
	out := vm.rt.NewObject()
	alg := fmt.Sprintf("A%d%s", len(k.secret)*8, strings.TrimPrefix(k.name, "AES-"))
	if k.name == "HMAC" {
		alg = "HS" + strings.TrimPrefix(k.hash, "SHA-")
	}
	for name, v := range map[string]any{
		"kty": "oct", "k": base64.RawURLEncoding.EncodeToString(k.secret), "alg": alg, "ext": k.extractable, "key_ops": k.usages,
	} {
		_ = out.Set(name, v)
	}
	return out
}
