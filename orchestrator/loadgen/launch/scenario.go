package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Bounds of what is copied for one launch.
const (
	maxFiles = 1000
	maxBytes = 64 << 20
)

// materialise copies all scripts and their data into dir, so that a run's script
// cannot change under it. It fails when the script called name is not among them.
func materialise(ctx context.Context, scenarios fs.FS, dir, name string) error {
	if _, err := fs.Stat(scenarios, name+".js"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no scenario %s", name)
		}
		return fmt.Errorf("find scenario %s: %w", name, err)
	}
	c := copier{from: scenarios, to: dir}
	err := fs.WalkDir(scenarios, ".", func(path string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		return c.visit(path, entry)
	})
	if err != nil {
		return fmt.Errorf("copy scenarios: %w", err)
	}
	return nil
}

// copier copies a tree within bounds.
type copier struct {
	from  fs.FS
	to    string
	files int
	bytes int64
}

func (c *copier) visit(path string, entry fs.DirEntry) error {
	if c.files++; c.files > maxFiles {
		return fmt.Errorf("more than %d files lie beside the script: give it a directory of its own", maxFiles)
	}
	to := filepath.Join(c.to, filepath.FromSlash(path))
	if entry.IsDir() {
		if entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		return os.MkdirAll(to, 0o700)
	}
	// A mounted ConfigMap is made of links, so they are followed; what is not a
	// file then, a device or a socket, is left out.
	info, err := fs.Stat(c.from, path)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return c.copy(path, to)
}

func (c *copier) copy(path, to string) error {
	in, err := c.from.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, maxBytes-c.bytes+1))
	c.bytes += n
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if c.bytes > maxBytes {
		return fmt.Errorf("more than %d MiB", maxBytes>>20)
	}
	return nil
}
