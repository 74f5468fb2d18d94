package script

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"slices"

	"github.com/grafana/sobek"
)

// crypt encrypts or decrypts, with AES in most cases.
func (vm *VM) crypt(c sobek.FunctionCall, encrypt bool) (any, error) {
	usage := "decrypt"
	if encrypt {
		usage = "encrypt"
	}
	k, params, err := vm.keyFor(c, usage)
	if err != nil {
		return nil, err
	}
	field := func(name string) []byte {
		b, _ := vm.binary(params.Get(name))
		return b
	}
	data := vm.someBytes(c.Argument(2))
	if k.name == "RSA-OAEP" {
		return k.oaep(data, field("label"), encrypt)
	}
	block, err := aes.NewCipher(k.secret)
	if err != nil {
		return nil, err
	}
	switch k.name {
	case "AES-CBC":
		return cbc(block, field("iv"), data, encrypt)
	case "AES-CTR":
		return ctr(block, field("counter"), data)
	}
	return gcm(block, field("iv"), field("additionalData"), data, encrypt)
}

func cbc(block cipher.Block, iv, data []byte, encrypt bool) ([]byte, error) {
	const size = aes.BlockSize
	if len(iv) != size {
		return nil, errors.New("AES-CBC needs an iv of 16 bytes")
	}
	if encrypt {
		padding := size - len(data)%size
		out := slices.Concat(data, slices.Repeat([]byte{byte(padding)}, padding))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
		return out, nil
	}
	if len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("what is to be decrypted is not whole blocks of 16 bytes")
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	padding := int(out[len(out)-1])
	if padding == 0 || padding > size || slices.ContainsFunc(out[len(out)-padding:], func(b byte) bool { return int(b) != padding }) {
		return nil, errors.New("the data cannot be decrypted with this key")
	}
	return out[:len(out)-padding], nil
}

func ctr(block cipher.Block, counter, data []byte) ([]byte, error) {
	if len(counter) != aes.BlockSize {
		return nil, errors.New("AES-CTR needs a counter of 16 bytes")
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, counter).XORKeyStream(out, data)
	return out, nil
}

func gcm(block cipher.Block, iv, extra, data []byte, encrypt bool) ([]byte, error) {
	if len(iv) == 0 {
		return nil, errors.New("AES-GCM needs an iv")
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		return nil, err
	}
	if encrypt {
		return aead.Seal(nil, iv, data, extra), nil
	}
	out, err := aead.Open(nil, iv, data, extra)
	if err != nil {
		return nil, errors.New("the data cannot be decrypted with this key")
	}
	return out, nil
}
