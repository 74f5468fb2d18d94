package scenarios_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/scenarios"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func read(t *testing.T, fsys fs.FS, name string) string {
	t.Helper()
	content, err := fs.ReadFile(fsys, name)
	require.NoError(t, err)
	return string(content)
}

func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"archive", "auth", "booking", "cancellation", "search"}, scenarios.Names())
}

func TestOverlayIsAFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "search.js", "mine")
	write(t, dir, "lib/extra.js", "more")
	require.NoError(t, fstest.TestFS(scenarios.Overlay(dir), "search.js", "auth.js", "lib/extra.js", "lib/users.js"))
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "search.js", "mine")
	write(t, dir, "lib/extra.js", "more")
	over := scenarios.Overlay(dir)
	require.Equal(t, "mine", read(t, over, "search.js"), "the directory's own file")
	require.Equal(t, "more", read(t, over, "lib/extra.js"), "a file that only the directory has")
	require.Equal(t, read(t, scenarios.Files(), "auth.js"), read(t, over, "auth.js"), "an embedded script")
	require.Equal(t, read(t, scenarios.Files(), "lib/users.js"), read(t, over, "lib/users.js"), "an embedded module")

	write(t, dir, "search.js", "edited")
	require.Equal(t, "edited", read(t, over, "search.js"), "an edited file serves the next run")

	_, err := over.Open("no-such.js")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOverlayOfNoDirectoryIsTheEmbeddedSet(t *testing.T) {
	t.Parallel()
	over := scenarios.Overlay(filepath.Join(t.TempDir(), "none"))
	require.Equal(t, read(t, scenarios.Files(), "auth.js"), read(t, over, "auth.js"))
	require.NoError(t, fstest.TestFS(over, "auth.js"))
}

// TestOverlayFollowsAConfigMap lays a directory out as Kubernetes mounts a
// ConfigMap: files are links into the newest of the versions beside them.
func TestOverlayFollowsAConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "..2025_08_15/search.js", "mounted")
	require.NoError(t, os.Symlink("..2025_08_15", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/search.js", filepath.Join(dir, "search.js")))
	over := scenarios.Overlay(dir)
	require.Equal(t, "mounted", read(t, over, "search.js"))

	dst := t.TempDir()
	require.NoError(t, scenarios.Materialise(over, dst))
	require.Equal(t, "mounted", read(t, os.DirFS(dst), "search.js"))
	require.NoFileExists(t, filepath.Join(dst, "..data", "search.js"), "the versions are not part of the set")
}

func TestOverlayKeepsInside(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, outside, "secret.js", "secret")
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.js"), filepath.Join(dir, "search.js")))
	over := scenarios.Overlay(dir)
	cases := map[string]string{
		"a link that leads out": "search.js",
		"a parent":              "../" + filepath.Base(outside) + "/secret.js",
		"an absolute path":      filepath.Join(outside, "secret.js"),
		"a parent in between":   "lib/../../secret.js",
	}
	for name, path := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := fs.ReadFile(over, path)
			require.Error(t, err, "neither what is outside nor, in silence, the embedded file")
		})
	}
}

func TestMaterialise(t *testing.T) {
	t.Parallel()
	dst := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, scenarios.Materialise(scenarios.Files(), dst))
	got := os.DirFS(dst)
	for _, name := range []string{"search.js", "archive.js", "auth.js", "booking.js", "cancellation.js", "lib/users.js", "lib/users.sample.csv", "package.json"} {
		require.Equal(t, read(t, scenarios.Files(), name), read(t, got, name))
	}

	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "")
	require.ErrorContains(t, scenarios.Materialise(scenarios.Files(), file), "write scenarios to")
}

func TestOverlayLeavesOutAStateDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"search.js", "state/state.db", "state/launches/one/search.js"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(dir, "state", "launches", "two")
	if err := scenarios.Materialise(scenarios.Overlay(dir), to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "search.js")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(to, "state")); !os.IsNotExist(err) {
		t.Errorf("the state directory was copied into itself: %v", err)
	}
}
