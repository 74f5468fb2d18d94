package script

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"

	"github.com/grafana/sobek"
)

// Bits that an RSA key may have: below, the library refuses; above, making one
// takes longer than a script should stand still.
const (
	leastModulus = 1024
	mostModulus  = 8192
)

// isPair reports whether an algorithm has a private and a public key.
func isPair(algorithm string) bool { return isRSA(algorithm) || isEC(algorithm) }

func isRSA(algorithm string) bool {
	return slices.Contains([]string{"RSA-OAEP", "RSA-PSS", "RSASSA-PKCS1-v1_5"}, algorithm)
}

func isEC(algorithm string) bool { return algorithm == "ECDSA" || algorithm == "ECDH" }

func curveNamed(name string) elliptic.Curve {
	return map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[name]
}

// generatePair makes a private and a public key.
func (vm *VM) generatePair(k *cryptoKey, params *sobek.Object) (any, error) {
	private, public := *k, *k
	private.kind, public.kind, public.extractable = "private", "public", true
	private.usages, public.usages = nil, nil
	for _, usage := range k.usages {
		if usage == "verify" || usage == "encrypt" {
			public.usages = append(public.usages, usage)
		} else {
			private.usages = append(private.usages, usage)
		}
	}
	if err := private.makePrivate(params); err != nil {
		return nil, err
	}
	public.rsaPublic, public.ecPublic = private.rsaPublic, private.ecPublic
	out := vm.rt.NewObject()
	_ = out.Set("privateKey", vm.newKey(&private))
	_ = out.Set("publicKey", vm.newKey(&public))
	return out, nil
}

func (k *cryptoKey) makePrivate(params *sobek.Object) error {
	if isEC(k.name) {
		key, err := ecdsa.GenerateKey(curveNamed(k.curve), rand.Reader)
		if err != nil {
			return err
		}
		k.setEC(key)
		return nil
	}
	bits := int64(0)
	if given(params.Get("modulusLength")) {
		bits = params.Get("modulusLength").ToInteger()
	}
	if bits < leastModulus || bits > mostModulus {
		return &webError{"OperationError", fmt.Sprintf("an RSA key cannot have %d bits here: %d to %d can be made", bits, leastModulus, mostModulus)}
	}
	key, err := rsa.GenerateKey(rand.Reader, int(bits))
	if err != nil {
		return err
	}
	k.setRSA(key)
	return nil
}

func (k *cryptoKey) setEC(key *ecdsa.PrivateKey) { k.ecPrivate, k.ecPublic = key, &key.PublicKey }

func (k *cryptoKey) setRSA(key *rsa.PrivateKey) { k.rsaPrivate, k.rsaPublic = key, &key.PublicKey }

// importPair reads a private or a public key.
func (vm *VM) importPair(k *cryptoKey, format string, data sobek.Value) (err error) {
	switch format {
	case "pkcs8", "spki":
		err = k.readDER(format, vm.someBytes(data))
	case "raw":
		if !isEC(k.name) {
			return &webError{"NotSupportedError", "a key of " + k.name + " is not read as raw: there are spki, pkcs8 and jwk"}
		}
		k.kind = "public"
		k.ecPublic, err = ecdsa.ParseUncompressedPublicKey(curveNamed(k.curve), vm.someBytes(data))
	case "jwk":
		err = k.readWebKey(vm.members(data))
	default:
		return &webError{"NotSupportedError", "keys are not read as " + clip(format, 30) + " here: there are raw, spki, pkcs8 and jwk"}
	}
	if err != nil {
		return &webError{"DataError", "the key of " + k.name + " cannot be read: " + clip(err.Error(), 100)}
	}
	return nil
}

// readDER reads what PEM files hold.
func (k *cryptoKey) readDER(format string, der []byte) (err error) {
	var key any
	if format == "spki" {
		k.kind = "public"
		key, err = x509.ParsePKIXPublicKey(der)
	} else {
		k.kind = "private"
		key, err = x509.ParsePKCS8PrivateKey(der)
	}
	if err != nil {
		return err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		k.setRSA(key)
	case *rsa.PublicKey:
		k.rsaPublic = key
	case *ecdsa.PrivateKey:
		k.setEC(key)
	case *ecdsa.PublicKey:
		k.ecPublic = key
	}
	switch {
	case isRSA(k.name) && k.rsaPublic == nil, isEC(k.name) && k.ecPublic == nil:
		return fmt.Errorf("it is a key of another kind")
	case isRSA(k.name):
		return k.boundModulus()
	case k.ecPublic.Curve != curveNamed(k.curve):
		return fmt.Errorf("its curve is not %s", k.curve)
	}
	return nil
}

func (k *cryptoKey) boundModulus() error {
	if bits := k.rsaPublic.N.BitLen(); bits < leastModulus || bits > 2*mostModulus {
		return fmt.Errorf("it has %d bits", bits)
	}
	return nil
}

// readWebKey reads a JSON web key (RFC 7518, section 6).
func (k *cryptoKey) readWebKey(members map[string]sobek.Value) error {
	text := func(name string) string { return textOr(members[name], "") }
	k.kind = "public"
	if text("d") != "" {
		k.kind = "private"
	}
	numbers := numberReader{text: text}
	if isRSA(k.name) {
		if text("kty") != "RSA" {
			return fmt.Errorf("kty is not RSA")
		}
		k.rsaPublic = &rsa.PublicKey{N: numbers.read("n"), E: int(numbers.read("e").Int64())}
		if k.kind == "private" && numbers.err == nil {
			k.rsaPrivate = &rsa.PrivateKey{PublicKey: *k.rsaPublic, D: numbers.read("d"), Primes: []*big.Int{numbers.read("p"), numbers.read("q")}}
		}
		if numbers.err != nil {
			return numbers.err
		}
		if err := k.boundModulus(); err != nil || k.rsaPrivate == nil {
			return err
		}
		k.rsaPrivate.Precompute()
		return k.rsaPrivate.Validate()
	}
	if text("kty") != "EC" || text("crv") != k.curve {
		return fmt.Errorf("kty is not EC or crv is not %s", k.curve)
	}
	return k.readPoint(&numbers)
}

func (k *cryptoKey) readPoint(numbers *numberReader) (err error) {
	curve := curveNamed(k.curve)
	size := (curve.Params().BitSize + 7) / 8
	x, y, d := numbers.fixed("x", size), numbers.fixed("y", size), []byte(nil)
	if k.kind == "private" {
		d = numbers.fixed("d", size)
	}
	if numbers.err != nil {
		return numbers.err
	}
	if k.ecPublic, err = ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y)); err != nil || d == nil {
		return err
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		return err
	}
	if !key.PublicKey.Equal(k.ecPublic) {
		return fmt.Errorf("d does not belong to x and y")
	}
	k.setEC(key)
	return nil
}
