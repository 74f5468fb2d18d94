package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// filled makes a state directory with some audit lines, an update that the Hub
// has taken, metrics and a key.
func filled(t *testing.T) (dir string, s *store.Store) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	s, err := store.Open(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	note(t, s, "first")
	require.NoError(t, s.Write(t.Context(), func(tx *store.Tx) error { return tx.PutUpdate(t.Context(), anUpdate()) }))
	settle(t, s, contest.OutboxSent)
	m, err := metricstore.Open(metricstore.Config{Dir: filepath.Join(dir, metricsDir), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, keyFile), []byte("0123"), 0o600))
	return dir, s
}

func anUpdate() contest.Update {
	return contest.Update{TeamSlug: "good", CriteriaType: contest.EventSearch, Status: contest.Passed, Score: 3, Metrics: map[string]any{}}
}

func settle(t *testing.T, s *store.Store, as contest.OutboxState) {
	t.Helper()
	rows, err := s.Outbox(t.Context())
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NoError(t, s.Write(t.Context(), func(tx *store.Tx) error {
		return tx.SettleUpdate(t.Context(), store.Settlement{Team: "good", Criterion: contest.EventSearch, Version: rows[0].Version, State: as, At: tx.Now(), DueAt: tx.Now()})
	}))
}

func note(t *testing.T, s *store.Store, why string) {
	t.Helper()
	assert.NoError(t, s.Write(t.Context(), func(tx *store.Tx) error {
		return tx.Audit(t.Context(), store.AuditEntry{Who: "Aigerim", What: "note", Why: why})
	}))
}

// TestBackUpAndGoOn backs a state up while it is written to, restores it, and
// works on in the restored one.
func TestBackUpAndGoOn(t *testing.T) {
	t.Parallel()
	dir, s := filled(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				note(t, s, "meanwhile")
			}
		}
	}()
	file := filepath.Join(t.TempDir(), "state.hackload")
	wrote, err := Write(t.Context(), dir, file, "abcdef0")
	close(stop)
	<-stopped
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left of the work")

	again := filepath.Join(t.TempDir(), "sub", "again")
	read, err := Restore(t.Context(), file, again, "Bolat")
	require.NoError(t, err)
	require.Equal(t, wrote, read)
	require.Equal(t, "abcdef0", read.Program)
	for _, name := range []string{"", store.DatabaseFile, metricsDir, keyFile} {
		info, err := os.Stat(filepath.Join(again, name))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%q is private", name)
	}
	require.NoDirExists(t, filepath.Join(again, workDir))

	r, err := store.Open(t.Context(), again)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	trail, err := r.AuditTrail(t.Context(), 1_000_000)
	require.NoError(t, err)
	require.Equal(t, "first", trail[len(trail)-1].Why)
	require.EqualValues(t, len(trail), trail[0].Seq, "no line is missing in between")
	require.Equal(t, []string{"Bolat", "restore", "state.hackload"}, []string{trail[0].Who, trail[0].What, trail[0].Subject})
	note(t, r, "it goes on")

	// The Hub may have been told something else since: what is measured next is
	// told, also where it is the same as in the backup.
	pending := func() int {
		require.NoError(t, r.Write(t.Context(), func(tx *store.Tx) error { return tx.PutUpdate(t.Context(), anUpdate()) }))
		rows, err := r.Outbox(t.Context(), contest.OutboxPending)
		require.NoError(t, err)
		return len(rows)
	}
	require.Equal(t, 1, pending())
	settle(t, r, contest.OutboxSent)
	require.Zero(t, pending(), "only once")

	m, err := metricstore.Open(metricstore.Config{Dir: filepath.Join(again, metricsDir), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, m.Close())
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	dir, _ := filled(t)
	file := filepath.Join(t.TempDir(), "b")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	_, err := Write(t.Context(), dir, file, "")
	require.ErrorIs(t, err, ErrExists)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(text))

	_, err = Write(t.Context(), dir, filepath.Join(t.TempDir(), "nosuch", "b"), "")
	require.ErrorContains(t, err, "nosuch")
	_, err = Write(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "b"), "")
	require.ErrorIs(t, err, os.ErrNotExist)

	foreign, to := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, store.DatabaseFile), []byte("no database at all, but long enough"), 0o600))
	_, err = Write(t.Context(), foreign, filepath.Join(to, "b"), "")
	require.ErrorContains(t, err, "not a database")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Write(ctx, dir, filepath.Join(to, "b"), "")
	require.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(to)
	require.NoError(t, err)
	require.Empty(t, left)
}

// entry is one of an archive that a test makes up.
type entry struct {
	name, text string
	kind       byte
}

func packed(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.text)), Mode: 0o600, Typeflag: e.kind}
		if e.kind == tar.TypeSymlink {
			h.Size, h.Linkname, e.text = 0, e.text, ""
		}
		require.NoError(t, archive.WriteHeader(h))
		_, err := io.WriteString(archive, e.text)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(archive.Close(), zip.Close()))
	return b.Bytes()
}

func manifest(t *testing.T, schema int64, files ...File) entry {
	t.Helper()
	text, err := json.Marshal(Manifest{Format: format, Version: formatVersion, Schema: schema, CreatedAt: time.Now(), Files: files})
	require.NoError(t, err)
	return entry{manifestName, string(text), tar.TypeReg}
}

// TestRestoreRefuses gives files that are damaged, another's or made up to do
// harm, and looks that nothing is left of them.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	dir, _ := filled(t)
	file := filepath.Join(t.TempDir(), "good")
	_, err := Write(t.Context(), dir, file, "")
	require.NoError(t, err)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 0x10
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	db := File{Name: store.DatabaseFile, Size: 0, SHA256: empty}
	noDB := entry{store.DatabaseFile, "", tar.TypeReg}

	for _, row := range []struct {
		name string
		text []byte
		want error
		says string
	}{
		{"nothing", nil, ErrForeign, "EOF"},
		{"no archive", []byte("hello"), ErrForeign, ""},
		{"another's archive", packed(t, entry{"README", "hello", tar.TypeReg}), ErrForeign, "no manifest"},
		{"another's manifest", packed(t, entry{manifestName, `{"format":"x"}`, tar.TypeReg}), ErrForeign, "manifest is another's"},
		{"an endless manifest", packed(t, entry{manifestName, strings.Repeat(" ", mostManifest+1), tar.TypeReg}), ErrForeign, "too long"},
		{"cut off", good[:len(good)/2], ErrDamaged, ""},
		{"its end is missing", good[:len(good)-4], ErrDamaged, ""},
		{"one bit", flipped, ErrDamaged, ""},
		{"something after it", append(bytes.Clone(good), packed(t, entry{"x", strings.Repeat("x", 1<<20), tar.TypeReg})...), ErrDamaged, ""},
		{"newer form", packed(t, entry{manifestName, `{"format":"hackload-backup","version":2}`, tar.TypeReg}), ErrNewer, "its form is 2"},
		{"newer schema", packed(t, manifest(t, 9999, db), noDB), ErrNewer, "schema version is 9999"},
		{"no database", packed(t, manifest(t, 1)), ErrForeign, "no state database"},
		{"another hash", packed(t, manifest(t, 1, File{Name: store.DatabaseFile, Size: 1, SHA256: empty}), entry{store.DatabaseFile, "x", tar.TypeReg}), ErrDamaged, "state.db is not as it was written"},
		{"another size", packed(t, manifest(t, 1, db), entry{store.DatabaseFile, "x", tar.TypeReg}), ErrDamaged, "0 bytes belongs"},
		{"a file less", packed(t, manifest(t, 1, db)), ErrDamaged, "state.db is missing"},
		{"a file more", packed(t, manifest(t, 1, db), noDB, entry{keyFile, "", tar.TypeReg}), ErrDamaged, "does not name"},
		{"a way out", packed(t, manifest(t, 1, db, File{Name: "../evil"}), noDB), ErrForeign, `"../evil"`},
		{"an absolute way out", packed(t, manifest(t, 1, db, File{Name: "/etc/passwd"}), noDB), ErrForeign, "passwd"},
		{"a way out in the metrics", packed(t, manifest(t, 1, db, File{Name: "metrics/wal/../../../evil"}), noDB), ErrForeign, "evil"},
		{"a name that the manifest hides", packed(t, manifest(t, 1, db), entry{"../state.db", "", tar.TypeReg}), ErrDamaged, `"../state.db"`},
		{"a link", packed(t, manifest(t, 1, db), entry{store.DatabaseFile, "/etc/passwd", tar.TypeSymlink}), ErrDamaged, ""},
		{"twice the same", packed(t, manifest(t, 1, db, db), noDB, noDB), ErrForeign, "state.db"},
		{"less than nothing", packed(t, manifest(t, 1, File{Name: store.DatabaseFile, Size: -1})), ErrForeign, "-1 bytes"},
		{"more than a number holds", packed(t, manifest(t, 1, File{Name: store.DatabaseFile, Size: 1 << 62}, File{Name: keyFile, Size: 1 << 62})), ErrForeign, "cannot have"},
		{"a bomb", packed(t, manifest(t, 1, File{Name: store.DatabaseFile, Size: 1 << 60})), ErrNoRoom, "needs"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			file := filepath.Join(work, "file")
			require.NoError(t, os.WriteFile(file, row.text, 0o600))
			_, err := Restore(t.Context(), file, filepath.Join(work, "new"), "Bolat")
			require.ErrorIs(t, err, row.want)
			require.ErrorContains(t, err, row.says)
			require.NoDirExists(t, filepath.Join(work, "new"))

			there := filepath.Join(work, "there")
			require.NoError(t, os.Mkdir(there, 0o700))
			_, err = Restore(t.Context(), file, there, "Bolat")
			require.ErrorIs(t, err, row.want)
			left, err := os.ReadDir(there)
			require.NoError(t, err)
			for _, e := range left {
				require.Equal(t, "lock", e.Name())
			}
		})
	}
}

// TestRestoreIntoWhatIsThere refuses a directory that holds something or is
// another process's, and takes one that a new disk has.
func TestRestoreIntoWhatIsThere(t *testing.T) {
	t.Parallel()
	dir, _ := filled(t)
	file := filepath.Join(t.TempDir(), "good")
	_, err := Write(t.Context(), dir, file, "")
	require.NoError(t, err)

	_, err = Restore(t.Context(), file, dir, "Bolat")
	require.ErrorIs(t, err, ErrNotEmpty)
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "thesis.tex"), nil, 0o600))
	_, err = Restore(t.Context(), file, home, "Bolat")
	require.ErrorContains(t, err, "thesis.tex")
	entries, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Len(t, entries, 1, "not even a lock is left in another's directory")

	owned := t.TempDir()
	lock, err := store.Own(owned)
	require.NoError(t, err)
	_, err = Restore(t.Context(), file, owned, "Bolat")
	require.ErrorIs(t, err, store.ErrInUse)
	require.NoError(t, lock.Close())

	full := restore{dir: filepath.Join(t.TempDir(), "full"), room: func(string) (uint64, error) { return 100, nil }}
	_, err = full.restore(t.Context(), file)
	require.ErrorIs(t, err, ErrNoRoom)
	require.NoDirExists(t, full.dir)

	require.NoError(t, os.Mkdir(filepath.Join(owned, "lost+found"), 0o700))
	_, err = Restore(t.Context(), file, owned, "Bolat")
	require.NoError(t, err)
}

// TestRestoreOpensTheDatabase gives a database in name only: it is found out,
// whatever its manifest says.
func TestRestoreOpensTheDatabase(t *testing.T) {
	t.Parallel()
	const text = "a database in name only, and the hash agrees"
	work := t.TempDir()
	file := filepath.Join(work, "file")
	m := manifest(t, 1, File{Name: store.DatabaseFile, Size: int64(len(text)), SHA256: store.Hash([]byte(text))})
	require.NoError(t, os.WriteFile(file, packed(t, m, entry{store.DatabaseFile, text, tar.TypeReg}), 0o600))
	_, err := Restore(t.Context(), file, filepath.Join(work, "new"), "Bolat")
	require.ErrorContains(t, err, "not a database")
	require.NoDirExists(t, filepath.Join(work, "new"))
}

// FuzzManifest gives a manifest from anywhere, which may not lead out of the
// directory or be larger than it says.
func FuzzManifest(f *testing.F) {
	f.Add(`{"format":"hackload-backup","version":1,"schema":1,"files":[{"name":"state.db","size":5}]}`)
	f.Add(`{"format":"hackload-backup","version":1,"files":[{"name":"metrics/wal/00000001","size":-5}]}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readManifest(strings.NewReader(text))
		if err != nil {
			return
		}
		if m.Size() < 0 {
			t.Errorf("%d bytes", m.Size())
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Name) {
				t.Errorf("%q leads out", file.Name)
			}
		}
	})
}

func Example() {
	dir, err := os.MkdirTemp("", "backup-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, "state"))
	if err != nil {
		panic(err)
	}
	defer s.Close() // the process goes on meanwhile
	file := filepath.Join(dir, "monday.hackload")
	if _, err := Write(ctx, filepath.Join(dir, "state"), file, "a1b2c3d"); err != nil {
		panic(err)
	}
	m, err := Restore(ctx, file, filepath.Join(dir, "again"), "Aigerim")
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Program, m.Files[0].Name)
	// Output: a1b2c3d state.db
}
