package script

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/grafana/sobek"
)

// cryptoKey is a CryptoKey. It holds a secret, or one half of a pair; of the
// private half the public one is known.
type cryptoKey struct {
	name        string // of the algorithm: "HMAC", "AES-GCM", "ECDSA"
	kind        string // "secret", "private" or "public"
	hash        string // of HMAC and RSA
	curve       string // of ECDSA and ECDH: "P-256"
	extractable bool
	usages      []string
	secret      []byte

	rsaPrivate *rsa.PrivateKey
	rsaPublic  *rsa.PublicKey
	ecPrivate  *ecdsa.PrivateKey
	ecPublic   *ecdsa.PublicKey
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
	switch {
	case k.name == "HMAC", strings.HasPrefix(k.name, "AES"):
		_ = algorithm.Set("length", len(k.secret)*8)
	case k.rsaPublic != nil:
		_ = algorithm.Set("modulusLength", k.rsaPublic.N.BitLen())
		_ = algorithm.Set("publicExponent", vm.bytesAsArray(big.NewInt(int64(k.rsaPublic.E)).Bytes()))
	case k.ecPublic != nil:
		_ = algorithm.Set("namedCurve", k.curve)
	}
	if k.hash != "" {
		h := vm.rt.NewObject()
		_ = h.Set("name", k.hash)
		_ = algorithm.Set("hash", h)
	}
	proto := vm.rt.NewObject()
	for name, v := range map[string]any{"type": k.kind, "extractable": k.extractable, "algorithm": algorithm, "usages": slices.Concat([]string{}, k.usages)} {
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

// bytesAsArray makes a Uint8Array.
func (vm *VM) bytesAsArray(b []byte) sobek.Value {
	array, err := vm.rt.New(vm.rt.Get("Uint8Array"), vm.rt.ToValue(vm.rt.NewArrayBuffer(b)))
	if err != nil {
		return sobek.Undefined() // a script has replaced Uint8Array
	}
	return array
}

// keyUsages are what a key of each algorithm can be used for.
func keyUsages() map[string][]string {
	crypt, sign, derive := []string{"encrypt", "decrypt", "wrapKey", "unwrapKey"}, []string{"sign", "verify"}, []string{"deriveKey", "deriveBits"}
	return map[string][]string{
		"HMAC": sign, "AES-CBC": crypt, "AES-CTR": crypt, "AES-GCM": crypt, "RSA-OAEP": crypt, "RSA-PSS": sign, "RSASSA-PKCS1-v1_5": sign,
		"ECDSA": sign, "ECDH": derive, "PBKDF2": derive,
	}
}

// keyOf begins a key of an algorithm that there is.
func (vm *VM) keyOf(algorithm, extractable, usages sobek.Value) (_ *cryptoKey, params *sobek.Object, err error) {
	name, params := vm.named(algorithm)
	k := &cryptoKey{name: name, kind: "secret", extractable: extractable.ToBoolean(), usages: vm.usages(usages)}
	allowed, ok := keyUsages()[name]
	if !ok {
		there := strings.Join(slices.Sorted(maps.Keys(keyUsages())), ", ")
		return nil, nil, &webError{"NotSupportedError", "there is no algorithm " + clip(name, 30) + " here: there are " + there}
	}
	if name == "HMAC" || isRSA(name) {
		if k.hash, _, err = vm.standardHash(params.Get("hash")); err != nil {
			return nil, nil, err
		}
	}
	if isEC(name) {
		curve := params.Get("namedCurve")
		if !given(curve) {
			return nil, nil, &webError{"SyntaxError", name + " needs a namedCurve"}
		}
		if k.curve = curve.String(); curveNamed(k.curve) == nil {
			return nil, nil, &webError{"NotSupportedError", "there is no curve " + clip(k.curve, 30) + ": there are P-256, P-384 and P-521"}
		}
	}
	for _, usage := range k.usages {
		if !slices.Contains(allowed, usage) {
			return nil, nil, &webError{"SyntaxError", "a key of " + name + " cannot be used to " + clip(usage, 30)}
		}
	}
	return k, params, nil
}

// checkUsages refuses a secret that may be used for nothing.
func (vm *VM) checkUsages(k *cryptoKey) error {
	if k.kind != "public" && len(k.usages) == 0 {
		return &webError{"SyntaxError", "a key that may be used for nothing is of no use"}
	}
	return nil
}

func (vm *VM) generateKey(c sobek.FunctionCall) (any, error) {
	k, params, err := vm.keyOf(c.Argument(0), c.Argument(1), c.Argument(2))
	if err != nil {
		return nil, err
	}
	if err := vm.checkUsages(k); err != nil {
		return nil, err
	}
	if isPair(k.name) {
		return vm.generatePair(k, params)
	}
	bits, err := vm.secretBits(k, params)
	if err != nil {
		return nil, err
	}
	k.secret = make([]byte, bits/8)
	_, _ = rand.Read(k.secret) // never fails
	return vm.newKey(k), nil
}

// secretBits is how long a new secret is.
func (vm *VM) secretBits(k *cryptoKey, params *sobek.Object) (int64, error) {
	bits := int64(0)
	if given(params.Get("length")) {
		bits = params.Get("length").ToInteger()
	} else if k.name == "HMAC" {
		_, build, _ := vm.standardHash(params.Get("hash"))
		bits = int64(build().BlockSize() * 8)
	}
	if k.name == "PBKDF2" {
		return 0, &webError{"NotSupportedError", "a password cannot be generated: import one"}
	}
	if bits <= 0 || bits%8 != 0 || bits > maxRandomBytes || k.name != "HMAC" && bits != 128 && bits != 192 && bits != 256 {
		return 0, &webError{"OperationError", fmt.Sprintf("a key of %s cannot have %d bits", k.name, bits)}
	}
	return bits, nil
}

func (vm *VM) importKey(c sobek.FunctionCall) (any, error) {
	k, _, err := vm.keyOf(c.Argument(2), c.Argument(3), c.Argument(4))
	if err != nil {
		return nil, err
	}
	format := c.Argument(0).String()
	if isPair(k.name) {
		err = vm.importPair(k, format, c.Argument(1))
	} else {
		err = vm.importSecret(k, format, c.Argument(1))
	}
	if err != nil {
		return nil, err
	}
	return vm.newKey(k), vm.checkUsages(k)
}

func (vm *VM) importSecret(k *cryptoKey, format string, data sobek.Value) (err error) {
	switch {
	case format == "raw":
		k.secret = slices.Clone(vm.someBytes(data))
	case format == "jwk" && k.name != "PBKDF2":
		text := vm.members(data)["k"]
		if text == nil {
			return &webError{"DataError", "the JSON web key has no member k"}
		}
		if k.secret, err = base64.RawURLEncoding.DecodeString(text.String()); err != nil {
			return &webError{"DataError", "the JSON web key's member k is not base64url"}
		}
	default:
		return &webError{"NotSupportedError", "a key of " + k.name + " is not read as " + clip(format, 30) + " here: there are raw and jwk"}
	}
	if n := len(k.secret); k.name == "HMAC" && n == 0 || strings.HasPrefix(k.name, "AES") && n != 16 && n != 24 && n != 32 {
		return &webError{"DataError", fmt.Sprintf("a key of %s cannot have %d bytes", k.name, n)}
	}
	return nil
}

func (vm *VM) exportKey(c sobek.FunctionCall) (any, error) {
	k, ok := exported[*cryptoKey](c.Argument(1))
	if !ok || !k.extractable || k.name == "PBKDF2" {
		return nil, &webError{"InvalidAccessError", "the key cannot be exported"}
	}
	format := c.Argument(0).String()
	switch {
	case isPair(k.name):
		return vm.exportPair(k, format)
	case format == "raw":
		return slices.Clone(k.secret), nil
	case format == "jwk":
		return vm.webKey(k), nil
	}
	return nil, &webError{"NotSupportedError", "keys are not written as " + clip(format, 30) + " here: there are raw and jwk"}
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
