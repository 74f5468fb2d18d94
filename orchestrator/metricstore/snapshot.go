package metricstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// kept says which files of a TSDB hold what was written: the log of what is
// still in memory, and the blocks. The chunks that the head has mapped are left
// out, because all that is in them is in the log too.
var kept = regexp.MustCompile(`^(w[ab]l/\d{8}|wal/checkpoint\.\d{8}/\d{8}|[0-7][0-9A-HJKMNP-TV-Z]{25}/(meta\.json|index|tombstones|chunks/\d{6}))$`)

// Kept reports whether a file, by its slash-separated path inside a metric
// store's directory, is one that a snapshot holds.
func Kept(path string) bool { return kept.MatchString(path) }

// snapshotTries is how often a snapshot is begun anew when the TSDB has removed
// a file meanwhile. It does so every few minutes at most.
const snapshotTries = 5

// Snapshot copies a TSDB's directory to the new directory into, beside the
// process that may be writing to it. What was committed before is in the copy;
// of a write under way the beginning may be, which Open cuts off.
func Snapshot(ctx context.Context, dir, into string) error {
	for try := 1; ; try++ {
		err := snapshot(ctx, dir, into)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || try == snapshotTries {
			return fmt.Errorf("copy metrics: %w", err)
		}
		if err := os.RemoveAll(into); err != nil {
			return fmt.Errorf("copy metrics: %w", err)
		}
	}
}

func snapshot(ctx context.Context, dir, into string) error {
	// The logs first: what moves from them into a block in between is then in
	// both, where the other order could miss it.
	for _, part := range []string{"wal", "wbl", "."} {
		err := fs.WalkDir(os.DirFS(dir), part, func(path string, d fs.DirEntry, err error) error {
			if path == part && errors.Is(err, fs.ErrNotExist) {
				return nil // there are no late samples, say
			}
			if part == "." && d != nil && d.IsDir() && (path == "wal" || path == "wbl" || path == "chunks_head") {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || !Kept(path) {
				return err
			}
			return copyFile(ctx, filepath.Join(dir, filepath.FromSlash(path)), filepath.Join(into, filepath.FromSlash(path)))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, from, to string) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
