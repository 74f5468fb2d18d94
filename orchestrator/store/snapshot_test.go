package store_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// TestStateIsPrivate looks at every file that an open store has.
func TestStateIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "a", "b") })
	names := map[string]bool{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		names[d.Name()] = true
		return nil
	}))
	require.True(t, names["state.db"] && names["state.db-wal"], "%v", names)
}

// TestSnapshotIsAMoment takes a copy while a transaction is open, and looks that
// the copy holds what was committed and nothing else, and that it is a state.
func TestSnapshotIsAMoment(t *testing.T) {
	t.Parallel()
	dir, copied := filepath.Join(t.TempDir(), "a ?b#c"), filepath.Join(t.TempDir(), "copy ?'x")
	s := open(t, dir)
	set := func(value string) {
		write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "name", value) })
	}
	set("committed")
	require.NoError(t, os.Mkdir(copied, 0o700))
	into := filepath.Join(copied, store.DatabaseFile)
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, tx.SetMeta(ctx, "name", "under way"))
		schema, err := store.Snapshot(ctx, dir, into)
		require.NoError(t, err)
		newest, err := store.SchemaVersion()
		require.NoError(t, err)
		require.Equal(t, newest, schema)
		return nil
	})
	info, err := os.Stat(into)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	again := open(t, copied)
	value, err := again.Meta(t.Context(), "name")
	require.NoError(t, err)
	require.Equal(t, "committed", value)

	_, err = store.Snapshot(t.Context(), dir, into)
	require.ErrorContains(t, err, "already exists", "it overwrites nothing")
	_, err = store.Snapshot(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "x"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}
