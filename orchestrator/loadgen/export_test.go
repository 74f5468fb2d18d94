package loadgen

import "io"

// ReadArchive is readArchive for tests: the script's path and how many files
// there are.
func ReadArchive(r io.Reader) (script string, files int, err error) {
	a, err := readArchive(r)
	if err != nil {
		return "", 0, err
	}
	return a.script(), len(a.files), nil
}
