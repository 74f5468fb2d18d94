package script

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
)

// numberReader reads the numbers of a JSON web key and keeps the first error.
type numberReader struct {
	text func(name string) string
	err  error
}

func (r *numberReader) bytes(name string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(r.text(name))
	if err == nil && len(b) == 0 {
		err = fmt.Errorf("it is missing")
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("member %s: %w", name, err)
	}
	return b
}

func (r *numberReader) read(name string) *big.Int { return new(big.Int).SetBytes(r.bytes(name)) }

// fixed returns a number in size bytes.
func (r *numberReader) fixed(name string, size int) []byte {
	n := r.read(name)
	if n.BitLen() > size*8 {
		if r.err == nil {
			r.err = fmt.Errorf("member %s: it is too large", name)
		}
		return nil
	}
	return n.FillBytes(make([]byte, size))
}

// exportPair writes a private or a public key.
func (vm *VM) exportPair(k *cryptoKey, format string) (any, error) {
	public := k.kind == "public"
	switch {
	case format == "jwk":
		return vm.pairWebKey(k)
	case format == "raw" && isEC(k.name) && public:
		return k.ecPublic.Bytes()
	case format == "spki" && public && isRSA(k.name):
		return x509.MarshalPKIXPublicKey(k.rsaPublic)
	case format == "spki" && public:
		return x509.MarshalPKIXPublicKey(k.ecPublic)
	case format == "pkcs8" && !public && isRSA(k.name):
		return x509.MarshalPKCS8PrivateKey(k.rsaPrivate)
	case format == "pkcs8" && !public:
		return x509.MarshalPKCS8PrivateKey(k.ecPrivate)
	}
	return nil, &webError{"InvalidAccessError", "a " + k.kind + " key of " + k.name + " is not written as " + clip(format, 30)}
}

func (vm *VM) pairWebKey(k *cryptoKey) (any, error) {
	numbers := map[string][]byte{}
	out := vm.rt.NewObject()
	if isRSA(k.name) {
		_ = out.Set("kty", "RSA")
		numbers["n"], numbers["e"] = k.rsaPublic.N.Bytes(), big.NewInt(int64(k.rsaPublic.E)).Bytes()
		if p := k.rsaPrivate; p != nil && k.kind == "private" {
			if len(p.Primes) != 2 {
				return nil, &webError{"NotSupportedError", "a key of more than two primes is not written as jwk"}
			}
			p.Precompute()
			numbers["d"], numbers["p"], numbers["q"] = p.D.Bytes(), p.Primes[0].Bytes(), p.Primes[1].Bytes()
			numbers["dp"], numbers["dq"], numbers["qi"] = p.Precomputed.Dp.Bytes(), p.Precomputed.Dq.Bytes(), p.Precomputed.Qinv.Bytes()
		}
	} else {
		_ = out.Set("kty", "EC")
		_ = out.Set("crv", k.curve)
		point, err := k.ecPublic.Bytes()
		if err != nil {
			return nil, err
		}
		half := (len(point) - 1) / 2
		numbers["x"], numbers["y"] = point[1:1+half], point[1+half:]
		if k.kind == "private" {
			if numbers["d"], err = k.ecPrivate.Bytes(); err != nil {
				return nil, err
			}
		}
	}
	for name, b := range numbers {
		_ = out.Set(name, base64.RawURLEncoding.EncodeToString(b))
	}
	return out, nil
}
