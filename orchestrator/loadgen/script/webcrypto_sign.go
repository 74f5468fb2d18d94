package script

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/grafana/sobek"
)

// mostRounds bounds how long a password can hold a script up: some seconds.
const mostRounds = 10_000_000

func cryptoHash(name string) crypto.Hash {
	return map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}[name]
}

func (vm *VM) sign(c sobek.FunctionCall) (any, error) {
	k, params, err := vm.keyFor(c, "sign")
	if err != nil {
		return nil, err
	}
	h, sum, err := vm.digestFor(k, params, vm.someBytes(c.Argument(2)))
	if err != nil {
		return nil, err
	}
	switch k.name {
	case "HMAC":
		return sum, nil
	case "ECDSA":
		r, s, err := ecdsa.Sign(rand.Reader, k.ecPrivate, sum)
		if err != nil {
			return nil, err
		}
		size := (k.ecPrivate.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	case "RSA-PSS":
		return rsa.SignPSS(rand.Reader, k.rsaPrivate, h, sum, salted(params))
	}
	return rsa.SignPKCS1v15(rand.Reader, k.rsaPrivate, h, sum)
}

func (vm *VM) verify(c sobek.FunctionCall) (any, error) {
	k, params, err := vm.keyFor(c, "verify")
	if err != nil {
		return nil, err
	}
	signature := vm.someBytes(c.Argument(2))
	h, sum, err := vm.digestFor(k, params, vm.someBytes(c.Argument(3)))
	if err != nil {
		return nil, err
	}
	switch k.name {
	case "HMAC":
		return hmac.Equal(sum, signature), nil
	case "ECDSA":
		size := (k.ecPublic.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false, nil
		}
		return ecdsa.Verify(k.ecPublic, sum, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])), nil
	case "RSA-PSS":
		return rsa.VerifyPSS(k.rsaPublic, h, sum, signature, salted(params)) == nil, nil
	}
	return rsa.VerifyPKCS1v15(k.rsaPublic, h, sum, signature) == nil, nil
}

func salted(params *sobek.Object) *rsa.PSSOptions {
	var n int64
	if given(params.Get("saltLength")) {
		n = params.Get("saltLength").ToInteger()
	}
	return &rsa.PSSOptions{SaltLength: int(min(max(n, 0), mostModulus))}
}

// digestFor returns what is signed of data: its hash, or for HMAC its code.
func (vm *VM) digestFor(k *cryptoKey, params *sobek.Object, data []byte) (crypto.Hash, []byte, error) {
	which := vm.rt.ToValue(k.hash)
	if k.name == "ECDSA" {
		which = params.Get("hash") // the algorithm's, not the key's
	}
	name, build, err := vm.standardHash(which)
	if err != nil {
		return 0, nil, err
	}
	h := build()
	if k.name == "HMAC" {
		h = hmac.New(build, k.secret)
	}
	_, _ = h.Write(data)
	return cryptoHash(name), h.Sum(nil), nil
}

// keyFor returns a call's key, if it may be used so, and the algorithm's parameters.
func (vm *VM) keyFor(c sobek.FunctionCall, usage string) (*cryptoKey, *sobek.Object, error) {
	name, params := vm.named(c.Argument(0))
	k, ok := exported[*cryptoKey](c.Argument(1))
	if !ok {
		return nil, nil, &webError{"InvalidAccessError", "the second argument is no key"}
	}
	return k, params, k.may(usage, name)
}

// oaep encrypts or decrypts with RSA-OAEP.
func (k *cryptoKey) oaep(data, label []byte, encrypt bool) (out []byte, err error) {
	if encrypt {
		out, err = rsa.EncryptOAEP(cryptoHash(k.hash).New(), rand.Reader, k.rsaPublic, data, label)
	} else {
		out, err = rsa.DecryptOAEP(cryptoHash(k.hash).New(), rand.Reader, k.rsaPrivate, data, label)
	}
	if err != nil {
		return nil, &webError{"OperationError", err.Error()}
	}
	return out, nil
}

// deriveBits makes bits of a password, or of two keys of ECDH.
func (vm *VM) deriveBits(c sobek.FunctionCall) (any, error) {
	k, params, err := vm.keyFor(c, "deriveBits")
	if err != nil {
		return nil, err
	}
	if !given(c.Argument(2)) {
		return nil, &webError{"OperationError", "deriveBits() needs a number of bits"}
	}
	return vm.derive(k, params, c.Argument(2).ToInteger())
}

// deriveKey makes a key of AES or HMAC in the same way.
func (vm *VM) deriveKey(c sobek.FunctionCall) (any, error) {
	base, params, err := vm.keyFor(c, "deriveKey")
	if err != nil {
		return nil, err
	}
	k, wanted, err := vm.keyOf(c.Argument(2), c.Argument(3), c.Argument(4))
	if err != nil {
		return nil, err
	}
	if isPair(k.name) || k.name == "PBKDF2" {
		return nil, &webError{"NotSupportedError", "a key of " + k.name + " cannot be derived"}
	}
	bits, err := vm.secretBits(k, wanted)
	if err != nil {
		return nil, err
	}
	if k.secret, err = vm.derive(base, params, bits); err != nil {
		return nil, err
	}
	return vm.newKey(k), vm.checkUsages(k)
}

func (vm *VM) derive(k *cryptoKey, params *sobek.Object, bits int64) ([]byte, error) {
	if bits <= 0 || bits%8 != 0 || bits > maxRandomBytes {
		return nil, &webError{"OperationError", fmt.Sprintf("%d bits cannot be derived: there are multiples of 8", bits)}
	}
	if k.name == "PBKDF2" {
		return vm.stretch(k, params, int(bits/8))
	}
	other, ok := exported[*cryptoKey](params.Get("public"))
	if !ok || other.kind != "public" || other.name != k.name || other.curve != k.curve {
		return nil, &webError{"InvalidAccessError", "public is no public key of ECDH on " + k.curve}
	}
	mine, err := k.ecPrivate.ECDH()
	theirs, err2 := other.ecPublic.ECDH()
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	secret, err := mine.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	if int64(len(secret))*8 < bits {
		return nil, &webError{"OperationError", fmt.Sprintf("%s gives no more than %d bits", k.curve, len(secret)*8)}
	}
	return secret[:bits/8], nil
}

// stretch is PBKDF2.
func (vm *VM) stretch(k *cryptoKey, params *sobek.Object, size int) ([]byte, error) {
	_, build, err := vm.standardHash(params.Get("hash"))
	if err != nil {
		return nil, err
	}
	salt, ok := vm.binary(params.Get("salt"))
	if !ok {
		return nil, &webError{"TypeError", "PBKDF2 needs a salt of bytes"}
	}
	rounds := int64(0)
	if given(params.Get("iterations")) {
		rounds = params.Get("iterations").ToInteger()
	}
	if rounds < 1 || rounds > mostRounds {
		return nil, &webError{"OperationError", fmt.Sprintf("PBKDF2 makes 1 to %d iterations here, not %d", mostRounds, rounds)}
	}
	return pbkdf2.Key(build, string(k.secret), salt, int(rounds), size)
}
