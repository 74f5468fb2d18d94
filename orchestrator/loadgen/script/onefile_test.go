package script_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
	"github.com/hackload-kz/hackload/scenarios"
)

// Each shipped scenario becomes one file that needs no other, is read as the
// scenario itself, and is the same from another folder.
func TestOneFile(t *testing.T) {
	t.Parallel()
	files := scenarios.Files()
	read := func(root string) func(string) ([]byte, error) {
		return func(path string) ([]byte, error) {
			name, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			return fs.ReadFile(files, filepath.ToSlash(name))
		}
	}
	for _, name := range scenarios.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, err := script.OneFile(script.Source{Path: "/a/" + name + ".js", ReadFile: read("/a")})
			require.NoError(t, err)
			other, err := script.OneFile(script.Source{Path: "/b/c/" + name + ".js", ReadFile: read("/b/c")})
			require.NoError(t, err)
			require.Equal(t, string(one), string(other))
			for line := range strings.Lines(string(one)) {
				if strings.HasPrefix(line, "import ") {
					require.Regexp(t, `from "k6(/[a-z/]+)?";`, line)
				}
			}
			path := filepath.Join(t.TempDir(), "one.js")
			require.NoError(t, os.WriteFile(path, one, 0o600))
			again, err := script.OneFile(script.Source{Path: path, ReadFile: os.ReadFile})
			require.NoError(t, err)
			require.Contains(t, string(again), "export {")
		})
	}
}

func TestOneFileOfBadScripts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, code, want string }{
		{"syntax", "export default function ( {", "bundle bad.js: bad.js:1:"},
		{"missing import", "import './gone.js'", "gone.js does not exist"},
		{"bare import", "import 'lodash'", `module "lodash" is unknown`},
		{"data as code", "import './users.csv'", "users.csv cannot be imported"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := script.OneFile(script.Source{Path: "/x/bad.js", ReadFile: func(path string) ([]byte, error) {
				if path == "/x/bad.js" {
					return []byte(row.code), nil
				}
				return nil, fs.ErrNotExist
			}})
			require.ErrorContains(t, err, row.want)
		})
	}
}

// What the files of a script open by relative paths is found in the folder of
// data, wherever each of them lay.
func TestOneFileFindsItsData(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	files := map[string]string{
		"/s/main.js": `import { far } from './lib/deep/far.ts';
import './lib/quiet.js';
const [near, list] = ['./near.txt', './lib/list.json'].map((p) => open(p));
const bytes = open('near.txt', 'b').byteLength;
const found = [near, list, bytes, far, open('` + data + `/absolute.txt')].join('|');
export default function () { console.log(found, globalThis.quiet); }`,
		"/s/lib/deep/far.ts": `const read: (p: string) => string = (p) => open(p); export const far = read('../../near.txt') + read('own.txt');`,
		"/s/lib/quiet.js":    `globalThis.quiet = function open() { return 1 }();`,
	}
	for name, text := range map[string]string{"near.txt": "near", "lib/list.json": "[1]", "lib/deep/own.txt": "own", "absolute.txt": "there"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(data, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(text), 0o600))
	}
	one, err := script.OneFile(script.Source{Path: "/s/main.js", Data: data, ReadFile: func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}})
	require.NoError(t, err)
	b, r := iterate(t, string(one))
	require.NoError(t, r.Err)
	require.Contains(t, b.log.String(), "near|[1]|4|nearown|there 1")
}
