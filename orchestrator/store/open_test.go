package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	// SQLite reads file names as URLs: none of these characters may end the path.
	dir := filepath.Join(t.TempDir(), "new", "a ?b#c%41&d=ü")
	s, err := store.Open(t.Context(), dir)
	require.NoError(t, err)
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "name", "value") })
	require.NoError(t, s.Close())
	require.FileExists(t, filepath.Join(dir, "state.db"))

	s = open(t, dir)
	value, err := s.Meta(t.Context(), "name")
	require.NoError(t, err)
	require.Equal(t, "value", value)
	value, err = s.Meta(t.Context(), "never set")
	require.NoError(t, err)
	require.Empty(t, value)

	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "name", "newer") })
	value, err = s.Meta(t.Context(), "name")
	require.NoError(t, err)
	require.Equal(t, "newer", value)
}

func TestStateDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	open(t, dir)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

// raise makes a state directory look as if a newer program had written it.
func raise(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE of_the_future (id TEXT)`)
	require.NoError(t, err)
}

func TestNewerSchemaIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	raise(t, dir)
	before, err := os.ReadFile(filepath.Join(dir, "state.db"))
	require.NoError(t, err)

	openers := map[string]func(context.Context, string) (*store.Store, error){"to write": store.Open, "to read": store.OpenRead}
	for name, opener := range openers {
		_, err = opener(t.Context(), dir)
		require.ErrorContains(t, err, "schema version is 9999", name)
		require.ErrorContains(t, err, "belongs to a newer hackload", name)
		require.ErrorContains(t, err, dir, name)
	}
	after, err := os.ReadFile(filepath.Join(dir, "state.db"))
	require.NoError(t, err)
	require.Equal(t, before, after)

	// The refusal leaves the directory free for the program that it belongs to.
	_, err = store.Open(t.Context(), dir)
	require.NotErrorIs(t, err, store.ErrInUse)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		prepare func(dir string) error
		open    func(context.Context, string) (*store.Store, error)
		want    string
	}{
		"a file where the directory should be": {
			func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, store.Open, "create state directory"},
		"a database that is none": {
			func(dir string) error { return garbage(dir) }, store.Open, "file is not a database"},
		"reading a database that is none": {
			func(dir string) error { return garbage(dir) }, store.OpenRead, "file is not a database"},
		"reading where nothing is": {
			func(string) error { return nil }, store.OpenRead, "no such file"},
		"reading an empty file": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "state.db"), nil, 0o600)
			}, store.OpenRead, "read schema version"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if name == "a file where the directory should be" {
				dir = filepath.Join(dir, "file")
			}
			require.NoError(t, row.prepare(dir))
			_, err := row.open(t.Context(), dir)
			require.ErrorContains(t, err, row.want)
		})
	}
}

func garbage(dir string) error {
	page := make([]byte, 8192)
	copy(page, "<html>this is no database</html>")
	return os.WriteFile(filepath.Join(dir, "state.db"), page, 0o600)
}

func TestOpenReadBesideTheOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	owner := open(t, dir)
	reader, err := store.OpenRead(t.Context(), dir)
	require.NoError(t, err)
	defer reader.Close()

	write(t, owner, func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "a", "1") })
	value, err := reader.Meta(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "1", value)

	// A reader does not wait for a transaction that is under way, nor sees it.
	write(t, owner, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.SetMeta(ctx, "a", "2"); err != nil {
			return err
		}
		value, err = reader.Meta(ctx, "a")
		return err
	})
	require.Equal(t, "1", value)
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	for name, db := range store.ReadPools(s) {
		_, err := db.ExecContext(t.Context(), `DELETE FROM meta`)
		require.ErrorContains(t, err, readOnly, name)
	}
}

func TestWriteIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		require.NoError(t, tx.SetMeta(t.Context(), "a", "1"))
		return os.ErrInvalid
	})
	require.ErrorIs(t, err, os.ErrInvalid)
	require.Panics(t, func() {
		_ = s.Write(t.Context(), func(tx *store.Tx) error {
			require.NoError(t, tx.SetMeta(t.Context(), "a", "2"))
			panic("in the middle")
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Write(ctx, func(tx *store.Tx) error {
		require.NoError(t, tx.SetMeta(ctx, "a", "3"))
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)

	value, err := s.Meta(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, value)
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "a", "4") })
}

// Of two verdicts of the same time the later written one stays the newest when
// the rows get numbers of their own.
func TestVerdictsKeepTheirOrderWhenTheyAreNumbered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, store.MigrateTo(t.Context(), filepath.Join(dir, "state.db"), 25,
		`INSERT INTO verdicts (slug, criterion, at, published, doc) VALUES
			('good', 'EVENT_SEARCH', 7, 1, '{"score":1}'), ('bad', 'EVENT_SEARCH', 7, 1, '{"score":2}'),
			('good', 'EVENT_SEARCH', 7, 1, '{"score":3}'), ('good', 'EVENT_SEARCH', 6, 1, '{"score":4}')`))
	s := open(t, dir)
	got, err := s.Verdicts(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, []int{2, 3}, []int{got[0].Score, got[1].Score})
}
