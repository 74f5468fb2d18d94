package scenarios

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Overlay returns the files of dir over the embedded ones: a file that dir
// lacks is the embedded one, so that a directory with one edited script (or a
// ConfigMap, which has no subdirectories) is a complete set. The directory is
// read afresh on each Open, so an edited file serves the next run.
func Overlay(dir string) fs.FS { return overlay{dir: dir, under: embedded} }

type overlay struct {
	dir   string
	under fs.ReadDirFS
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	// OpenInRoot follows symbolic links only as long as they stay in dir: the
	// links of a ConfigMap mount work, one that leads out is an error.
	file, err := os.OpenInRoot(o.dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.under.Open(name)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if !info.IsDir() {
		return file, nil
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	entries, err := o.ReadDir(name)
	if err != nil {
		return nil, err
	}
	return &mergedDir{name: name, info: info, entries: entries}, nil
}

// ReadDir implements fs.ReadDirFS: the entries of both, those of dir first
// where both have one. Names that begin with "." (the versions that a ConfigMap
// mount keeps, a repository's history) are left out.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	merged := map[string]fs.DirEntry{}
	under, underErr := o.under.ReadDir(name)
	for _, entry := range under {
		merged[entry.Name()] = entry
	}
	over, overErr := o.readOver(name)
	for _, entry := range over {
		merged[entry.Name()] = entry
	}
	if overErr != nil && (underErr != nil || !errors.Is(overErr, fs.ErrNotExist)) {
		return nil, overErr
	}
	entries := make([]fs.DirEntry, 0, len(merged))
	for _, entry := range merged {
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// readOver lists dir's own entries, each link replaced by what it points to.
func (o overlay) readOver(name string) ([]fs.DirEntry, error) {
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	all, err := fs.ReadDir(root.FS(), name)
	if err != nil {
		return nil, err
	}
	entries := make([]fs.DirEntry, 0, len(all))
	for _, entry := range all {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			info, err := root.Stat(path.Join(name, entry.Name()))
			if err != nil {
				return nil, err
			}
			entry = fs.FileInfoToDirEntry(info)
		}
		if entry.IsDir() && isState(root, path.Join(name, entry.Name())) {
			continue
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// isState reports whether a directory is a contest's state. One that stands
// beside the scripts is no part of them: it holds their copies, and copying it
// along would put each copy into the next, without end.
func isState(root *os.Root, dir string) bool {
	_, err := root.Stat(path.Join(dir, "state.db"))
	return err == nil
}

// mergedDir is an open directory of the overlay.
type mergedDir struct {
	name    string
	info    fs.FileInfo
	entries []fs.DirEntry // not yet read
}

func (d *mergedDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *mergedDir) Close() error               { return nil }

func (d *mergedDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *mergedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		rest := d.entries
		d.entries = nil
		return rest, nil
	}
	if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	next := d.entries[:n]
	d.entries = d.entries[n:]
	return next, nil
}
