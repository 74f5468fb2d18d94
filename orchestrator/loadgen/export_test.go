package loadgen

import "bytes"

// RewriteArchive reads an archive and writes what it holds, for tests.
func RewriteArchive(content []byte) ([]byte, error) {
	a, err := readArchive(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = a.write(&b)
	return b.Bytes(), err
}
