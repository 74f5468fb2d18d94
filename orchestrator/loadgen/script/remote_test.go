package script_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// web is a place with modules. It counts how often it is asked.
type web struct {
	mu    sync.Mutex
	pages map[string]string
	asked map[string]int
}

func (w *web) fetch(_ context.Context, url string, _ bool) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[url]++
	if text, ok := w.pages[url]; ok {
		return []byte(text), nil
	}
	return nil, errors.New("the answer is 404 Not Found")
}

func pin(text string) string { return fmt.Sprintf("sha256-%x", sha256.Sum256([]byte(text))) }

func TestRemoteModules(t *testing.T) {
	t.Parallel()
	const lib, part = "import { n } from './part.js'; import { check } from 'k6'; export const twice = () => { check(1, {a: true}); return 2 * n }", "export const n = 4"
	pages := map[string]string{"https://lib.example/v1/index.js": lib, "https://lib.example/v1/part.js": part, "https://lib.example/typed.ts": "export const n: number = 3"}
	main := func(url string) string {
		return "import { twice } from '" + url + "'; export default function () { if (twice() !== 8) throw new Error('no') }"
	}
	for name, tc := range map[string]struct {
		script, lock, want string
		warned, asked      int
	}{
		"not pinned":     {script: main("https://lib.example/v1/index.js"), warned: 2, asked: 2},
		"by a lock file": {script: main("https://lib.example/v1/index.js"), lock: "# a comment\n\nhttps://lib.example/v1/index.js " + pin(lib) + "\nhttps://lib.example/v1/part.js  " + pin(part) + "\n", asked: 1},
		"by a fragment":  {script: main("https://lib.example/v1/index.js#" + pin(lib)), warned: 1, asked: 2},
		"changed":        {script: main("https://lib.example/v1/index.js#" + pin("other")), want: "has changed: it is pinned as"},
		"no pin":         {script: main("https://lib.example/v1/index.js#top"), want: "no pin like #sha256-"},
		"bad lock":       {script: main("https://lib.example/v1/index.js"), lock: "https://lib.example/v1/index.js sha256-12", want: "imports.lock:1: want a URL"},
		"missing":        {script: main("https://lib.example/nope.js"), want: "fetch module https://lib.example/nope.js: the answer is 404"},
		"typed":          {script: "import { n } from 'https://lib.example/typed.ts'; export default function () { if (n !== 3) throw new Error('n') }", warned: 1, asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, w := t.TempDir(), &web{pages: pages, asked: map[string]int{}}
			path := filepath.Join(dir, "main.js")
			require.NoError(t, os.WriteFile(path, []byte(tc.script), 0o600))
			if tc.lock != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "imports.lock"), []byte(tc.lock), 0o600))
			}
			src := script.Source{Path: path, Fetch: w.fetch, Cache: filepath.Join(dir, "cache")}
			first, err := script.Compile(src)
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				return
			}
			require.NoError(t, err)
			assert.Len(t, first.Warnings, tc.warned)
			b := newBench(t, first)
			require.NoError(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err)

			again, err := script.Compile(src)
			require.NoError(t, err)
			assert.Equal(t, first.SHA256, again.SHA256)
			for url, code := range first.Remote {
				assert.Equal(t, pages[url], string(code))
			}
			assert.Equal(t, len(w.asked), len(first.Remote))
			assert.Equal(t, tc.asked, max(w.asked["https://lib.example/v1/part.js"], w.asked["https://lib.example/typed.ts"]), "what is pinned comes from the cache")
		})
	}
}

// A cache that somebody else wrote to is not believed.
func TestRemoteCacheIsChecked(t *testing.T) {
	t.Parallel()
	const code = "export const n = 1"
	dir, w := t.TempDir(), &web{pages: map[string]string{"https://lib.example/a.js": code}, asked: map[string]int{}}
	path := filepath.Join(dir, "main.js")
	require.NoError(t, os.WriteFile(path, []byte("import 'https://lib.example/a.js#"+pin(code)+"'; export default function () {}"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, pin(code)), []byte("evil()"), 0o600))
	p, err := script.Compile(script.Source{Path: path, Fetch: w.fetch, Cache: dir})
	require.NoError(t, err)
	newBench(t, p)
	assert.Equal(t, 1, w.asked["https://lib.example/a.js"])
}

func TestRemoteModulesComeFromPublicPlaces(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1:1", "10.0.0.1", "169.254.169.254", "[::1]:1"} {
		_, err := files(t, map[string]string{"main.js": "import 'https://" + host + "/a.js'"})
		assert.ErrorContains(t, err, "is no public address", host)
	}
}
