package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// workDir is where a restore unpacks to, inside the state directory, so that
// what is checked only has to be renamed.
const workDir = ".restore"

// Restore unpacks the backup in file into the empty or missing state directory
// dir, checks it, brings it to this program's schema and writes to its audit
// trail that who restored it. What fails leaves no part of a state behind.
//
// What the Hub was told after the backup was written is not known to the state;
// so every verdict is told again when its team is measured next.
func Restore(ctx context.Context, file, dir, who string) (Manifest, error) {
	r := restore{dir: dir, who: who, room: room}
	m, err := r.restore(ctx, file)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull) {
		err = fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if err != nil {
		return m, fmt.Errorf("restore %s: %w", file, err)
	}
	return m, nil
}

type restore struct {
	dir, who string
	room     func(dir string) (bytes uint64, err error) // that is free on its disk
}

func (r restore) restore(ctx context.Context, file string) (m Manifest, err error) {
	in, err := os.Open(file)
	if err != nil {
		return m, err
	}
	defer in.Close()
	zip, err := gzip.NewReader(in)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	archive := tar.NewReader(zip)
	if m, err = first(archive); err != nil {
		return m, err
	}
	free, err := r.claim()
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, free(err == nil)) }()
	if err := r.fits(m); err != nil {
		return m, err
	}
	if err := r.unpack(ctx, archive, m); err != nil {
		return m, err
	}
	if err := ended(archive, zip); err != nil {
		return m, err
	}
	if err := r.takeOver(ctx, m, filepath.Base(file)); err != nil {
		return m, err
	}
	return m, r.place()
}

// first reads the manifest, which comes first.
func first(archive *tar.Reader) (Manifest, error) {
	h, err := archive.Next()
	if err != nil || h.Name != manifestName || h.Typeflag != tar.TypeReg {
		return Manifest{}, fmt.Errorf("%w: it begins with no manifest", ErrForeign)
	}
	return readManifest(archive)
}

// claim takes the empty or missing directory, and returns what gives it free
// again: with what was restored in it, or without.
func (r restore) claim() (free func(keep bool) error, err error) {
	_, missing := os.Lstat(r.dir)
	if err := r.empty(); err != nil { // before anything is written to what may be another's
		return nil, err
	}
	lock, err := store.Own(r.dir)
	if err != nil {
		return nil, err
	}
	if err := r.empty(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	free = func(keep bool) error {
		err := os.RemoveAll(filepath.Join(r.dir, workDir))
		switch {
		case keep:
		case missing != nil:
			err = errors.Join(err, os.RemoveAll(r.dir))
		default:
			for _, name := range parts() {
				err = errors.Join(err, os.RemoveAll(filepath.Join(r.dir, name)))
			}
		}
		return errors.Join(err, lock.Close())
	}
	if err := os.Mkdir(filepath.Join(r.dir, workDir), 0o700); err != nil {
		return nil, errors.Join(err, free(false))
	}
	return free, nil
}

// empty refuses a directory that holds anything but our lock and what a new
// disk has.
func (r restore) empty() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != "lock" && name != "lost+found" {
			return fmt.Errorf("%w: there is %s", ErrNotEmpty, filepath.Join(r.dir, name))
		}
	}
	return nil
}

// parts are what a state directory has of a backup, the database last: without
// it a directory is no state.
func parts() []string { return []string{metricsDir, keyFile, store.DatabaseFile} }

// fits refuses what has no room before anything is unpacked.
func (r restore) fits(m Manifest) error {
	free, err := r.room(r.dir)
	if err != nil {
		return fmt.Errorf("ask for the room on the disk: %w", err)
	}
	if need := uint64(m.Size()); need > free {
		return fmt.Errorf("%w: the state needs %d MiB, free are %d MiB", ErrNoRoom, need>>20, free>>20)
	}
	return nil
}

func room(dir string) (uint64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return s.Bavail * uint64(s.Bsize), err
}

// unpack writes the files in the order of the manifest, exactly those.
func (r restore) unpack(ctx context.Context, archive *tar.Reader, m Manifest) error {
	root, err := os.OpenRoot(filepath.Join(r.dir, workDir))
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := archive.Next()
		if err != nil {
			return damaged(fmt.Errorf("%s is missing: %w", f.Name, err))
		}
		if h.Name != f.Name || h.Size != f.Size || h.Typeflag != tar.TypeReg {
			return damaged(fmt.Errorf("it holds %q of %d bytes where %s of %d bytes belongs", h.Name, h.Size, f.Name, f.Size))
		}
		if err := unpackFile(root, archive, f); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(root *os.Root, archive io.Reader, f File) (err error) {
	if err := root.MkdirAll(path.Dir(f.Name), 0o700); err != nil {
		return err
	}
	out, err := root.OpenFile(f.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := sha256.New()
	from := &reader{from: archive}
	if _, err := io.Copy(io.MultiWriter(out, hash), from); err != nil {
		if from.failed != nil {
			return damaged(fmt.Errorf("%s: %w", f.Name, err))
		}
		return fmt.Errorf("write %s: %w", f.Name, err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != f.SHA256 {
		return damaged(fmt.Errorf("%s is not as it was written", f.Name))
	}
	return out.Sync()
}

// reader tells a backup that cannot be read from a disk that cannot be written.
type reader struct {
	from   io.Reader
	failed error
}

// Read reads and remembers a failure.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

// ended refuses what comes after the last file, and what the sum at the end of
// the file does not agree with.
func ended(archive *tar.Reader, zip io.Reader) error {
	if h, err := archive.Next(); err == nil {
		return damaged(fmt.Errorf("it holds %q, which its manifest does not name", h.Name))
	} else if !errors.Is(err, io.EOF) {
		return damaged(err)
	}
	const padding = 64 << 10 // more zeros than any tar has at its end
	n, err := io.Copy(io.Discard, io.LimitReader(zip, padding))
	if err == nil && n == padding {
		err = errors.New("it does not end where it should")
	}
	if err != nil {
		return damaged(err)
	}
	return nil
}

// takeOver opens the database as its new owner will, which brings it to this
// program's schema, and notes that it was restored.
func (r restore) takeOver(ctx context.Context, m Manifest, file string) (err error) {
	s, err := store.Open(ctx, filepath.Join(r.dir, workDir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Write(ctx, func(tx *store.Tx) error {
		if err := tx.ForgetSent(ctx); err != nil {
			return err
		}
		return tx.Audit(ctx, store.AuditEntry{
			Who: r.who, What: "restore", Subject: file, Why: "backup of " + m.CreatedAt.Format(time.RFC3339),
		})
	})
}

// place moves what is checked to where it belongs.
func (r restore) place() error {
	work := filepath.Join(r.dir, workDir)
	for _, name := range parts() {
		err := os.Rename(filepath.Join(work, name), filepath.Join(r.dir, name))
		if err != nil && (name == store.DatabaseFile || !errors.Is(err, os.ErrNotExist)) {
			return err
		}
	}
	return syncDir(r.dir)
}
