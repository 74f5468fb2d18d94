package loadgen

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of an archive that is read: it may come from anywhere.
const (
	mostArchived     = 256 << 20 // bytes of all files together
	mostArchiveFiles = 10_000
)

// archived is a script with all that it imports and opens, as k6's archives
// hold it (a tar file: metadata.json, data, file/…).
type archived struct {
	meta  archiveMeta
	files map[string][]byte // by absolute path
}

type archiveMeta struct {
	Type     string            `json:"type"`
	Options  json.RawMessage   `json:"options"`
	Filename string            `json:"filename"` // file:///… of the script
	Pwd      string            `json:"pwd"`
	Env      map[string]string `json:"env"`
	Mode     string            `json:"compatibilityMode"`
	Version  string            `json:"k6version"`
	GOOS     string            `json:"goos"`
}

// script is the path of the archived script.
func (a *archived) script() string { return strings.TrimPrefix(a.meta.Filename, "file://") }

// read returns a file of the archive.
func (a *archived) read(name string) ([]byte, error) {
	content, ok := a.files[path.Clean(filepath.ToSlash(name))]
	if !ok {
		return nil, fmt.Errorf("%s is not in the archive: %w", name, fs.ErrNotExist)
	}
	return content, nil
}

// remoteFolder is where modules are that were imported by URL.
const remoteFolder = "/https/"

// fetch returns such a module. An archive stands alone, so nobody is asked.
func (a *archived) fetch(_ context.Context, url string, _ bool) ([]byte, error) {
	content, ok := a.files[url]
	if !ok {
		return nil, fmt.Errorf("it is not in the archive: %w", fs.ErrNotExist)
	}
	return content, nil
}

// readArchive reads an archive whole. Every error is of the archive's form.
func readArchive(r io.Reader) (*archived, error) {
	a := &archived{files: map[string][]byte{}}
	var data []byte
	var rest int64 = mostArchived
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		if n > mostArchiveFiles || h.Size > rest {
			return nil, fmt.Errorf("archive is too large: at most %d files and %d MiB are read", mostArchiveFiles, mostArchived>>20)
		}
		if h.Typeflag != tar.TypeReg {
			continue // folders, and the script again as a link to data
		}
		content, err := io.ReadAll(io.LimitReader(t, h.Size))
		if err != nil {
			return nil, fmt.Errorf("read %.100q of the archive: %w", h.Name, err)
		}
		rest -= int64(len(content))
		switch name := path.Clean("/" + h.Name); {
		case name == "/metadata.json":
			if err := json.Unmarshal(content, &a.meta); err != nil {
				return nil, fmt.Errorf("read metadata.json of the archive: %w", err)
			}
		case name == "/data":
			data = content
		case strings.HasPrefix(name, "/file/"):
			a.files[strings.TrimPrefix(name, "/file")] = content
		case strings.HasPrefix(name, remoteFolder):
			a.files["https://"+strings.TrimPrefix(name, remoteFolder)] = content
		}
	}
	return a, a.check(data)
}

func (a *archived) check(data []byte) error {
	switch {
	case a.meta.Type != "js":
		return fmt.Errorf("archive is of type %.20q: want js, in a metadata.json", a.meta.Type)
	case data == nil:
		return errors.New("archive has no data, which is its script")
	case !path.IsAbs(a.script()):
		return fmt.Errorf("archive's script %.100q is no file: want file:///…", a.meta.Filename)
	}
	a.meta.Filename = "file://" + path.Clean(a.script())
	a.files[a.script()] = data
	return nil
}

// openArchive reads the archive at name.
func openArchive(name string) (*archived, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, coded(exitUsage, "open archive: %w", err)
	}
	defer f.Close()
	a, err := readArchive(f)
	if err != nil {
		return nil, &codedError{exitConfig, err}
	}
	return a, nil
}

// recorder reads files and remembers them for an archive.
type recorder struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (r *recorder) read(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.files[name] = content
	}
	return content, err
}

// archive writes the script with its imports and the files that it opens at its
// start into one file, with the options as they are in force.
func archive(ctx context.Context, x IO, f *flags, name string) error {
	rec := &recorder{files: map[string][]byte{}}
	f.read = rec.read
	t, err := load(ctx, x, f, name)
	if err != nil {
		return err
	}
	options, err := t.archivedOptions()
	if err != nil {
		return err
	}
	env, err := pairs("env", f.env)
	if err != nil {
		return err
	}
	files := rec.files
	if t.archive != nil { // its files, and its variables under those of the flags
		files, env = t.archive.files, with(t.archive.meta.Env, env)
	}
	a := &archived{files: files, meta: archiveMeta{
		Type: "js", Options: options, Filename: "file://" + t.program.Path, Pwd: "file://" + filepath.Dir(t.program.Path),
		Env: env, Mode: "extended", Version: compatible, GOOS: runtime.GOOS,
	}}
	maps.Copy(a.files, t.program.Remote)
	var b bytes.Buffer
	if err := a.write(&b); err != nil {
		return err
	}
	return writeFile(x.path(f.archiveOut), b.Bytes())
}

// with returns under with the entries of over, which win.
func with(under, over map[string]string) map[string]string {
	both := map[string]string{}
	maps.Copy(both, under)
	maps.Copy(both, over)
	return both
}

// compatible is the version of k6 whose archives ours are like.
const compatible = "2.2.0"

// archivedOptions are the options in force. The shortcuts have become scenarios,
// so they are left out: k6 takes the one or the other.
func (t *test) archivedOptions() (json.RawMessage, error) {
	text, err := t.options.JSON(t.scenarios, nil)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	for _, shortcut := range []string{"vus", "iterations", "duration", "stages"} {
		delete(members, shortcut)
	}
	return json.Marshal(members)
}

// write writes the archive. It holds no times and no owners, so that equal
// scripts give equal archives.
func (a *archived) write(w io.Writer) error {
	meta, err := json.MarshalIndent(a.meta, "", "  ")
	if err != nil {
		return fmt.Errorf("write metadata.json: %w", err)
	}
	t := tar.NewWriter(w)
	put := func(h tar.Header, content []byte) {
		h.Mode, h.Size, h.ModTime, h.Format = 0o644, int64(len(content)), time.Unix(0, 0), tar.FormatPAX
		if err == nil {
			err = t.WriteHeader(&h)
		}
		if err == nil {
			_, err = t.Write(content)
		}
	}
	put(tar.Header{Name: "metadata.json", Typeflag: tar.TypeReg}, meta)
	put(tar.Header{Name: "data", Typeflag: tar.TypeReg}, a.files[a.script()])
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		if name == a.script() {
			put(tar.Header{Name: "file" + name, Linkname: "data", Typeflag: tar.TypeLink}, nil)
			continue
		}
		place := "file" + name
		if address, ok := strings.CutPrefix(name, "https://"); ok {
			place = remoteFolder[1:] + address
		}
		put(tar.Header{Name: place, Typeflag: tar.TypeReg}, a.files[name])
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}
