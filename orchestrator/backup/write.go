package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// Write backs the state directory up into the new file. It needs room for the
// state twice beside the file while it works, once unpacked. ErrExists: the file
// is there already. ErrNoRoom: the disk is full.
func Write(ctx context.Context, dir, file, program string) (Manifest, error) {
	m := Manifest{Format: format, Version: formatVersion, Program: program, CreatedAt: time.Now().UTC().Truncate(time.Second)}
	err := m.write(ctx, dir, file)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull) {
		err = fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if err != nil {
		return m, fmt.Errorf("back up %s: %w", dir, err)
	}
	return m, nil
}

func (m *Manifest) write(ctx context.Context, dir, file string) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, file)
	}
	staging, err := os.MkdirTemp(filepath.Dir(file), ".hackload-backup-")
	if err != nil {
		return fmt.Errorf("make a directory to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	copied := filepath.Join(staging, "state")
	if err := m.copyState(ctx, dir, copied); err != nil {
		return err
	}
	if err := m.sum(ctx, copied); err != nil {
		return err
	}
	packed := filepath.Join(staging, "packed")
	if err := m.pack(ctx, copied, packed); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	// A link does what a rename does not: it fails where there is a file.
	if err := os.Link(packed, file); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, file)
	} else if err != nil {
		if err := os.Rename(packed, file); err != nil { // a file system without links
			return err
		}
	}
	return syncDir(filepath.Dir(file))
}

// copyState copies all that makes a state to a directory of its own. The
// database comes first: what it says of a run is then in the metrics.
func (m *Manifest) copyState(ctx context.Context, dir, into string) (err error) {
	if err := os.Mkdir(into, 0o700); err != nil {
		return err
	}
	if m.Schema, err = store.Snapshot(ctx, dir, filepath.Join(into, store.DatabaseFile)); err != nil {
		return err
	}
	if err := metricstore.Snapshot(ctx, filepath.Join(dir, metricsDir), filepath.Join(into, metricsDir)); err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has never had a metric store of its own
	}
	if err != nil {
		return fmt.Errorf("read write key: %w", err)
	}
	return os.WriteFile(filepath.Join(into, keyFile), key, 0o600)
}

// sum lists the files of dir with their hashes.
func (m *Manifest) sum(ctx context.Context, dir string) error {
	return fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		defer f.Close()
		hash := sha256.New()
		size, err := io.Copy(hash, f)
		m.Files = append(m.Files, File{Name: name, Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))})
		return err
	})
}

// pack writes the manifest and the files of dir to the new file to, on to the disk.
func (m *Manifest) pack(ctx context.Context, dir, to string) (err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zip := gzip.NewWriter(out)
	archive := tar.NewWriter(zip)
	if err := m.packManifest(archive); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.packFile(archive, f, filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return errors.Join(archive.Close(), zip.Close(), out.Sync())
}

func (m *Manifest) packManifest(archive *tar.Writer) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := archive.WriteHeader(m.header(manifestName, int64(len(text)))); err != nil {
		return err
	}
	_, err = archive.Write(text)
	return err
}

func (m *Manifest) packFile(archive *tar.Writer, f File, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := archive.WriteHeader(m.header(f.Name, f.Size)); err != nil {
		return err
	}
	_, err = io.Copy(archive, in)
	return err
}

func (m *Manifest) header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: m.CreatedAt}
}

// syncDir makes what was renamed in dir survive a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
