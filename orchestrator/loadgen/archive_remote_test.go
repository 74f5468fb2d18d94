package loadgen

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a script imports by URL is in its archive, and nobody is asked for what is not.
func TestArchiveHoldsRemoteModules(t *testing.T) {
	t.Parallel()
	const address = "https://lib.example/v1/index.js"
	a := &archived{
		meta:  archiveMeta{Type: "js", Filename: "file:///tests/main.js", Options: []byte(`{}`)},
		files: map[string][]byte{"/tests/main.js": []byte("import '" + address + "'"), address: []byte("export const n = 1")},
	}
	var b bytes.Buffer
	require.NoError(t, a.write(&b))
	again, err := readArchive(&b)
	require.NoError(t, err)
	code, err := again.fetch(t.Context(), address, false)
	require.NoError(t, err)
	assert.Equal(t, "export const n = 1", string(code))
	_, err = again.fetch(t.Context(), "https://lib.example/other.js", true)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
