package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// entry is one thing in a layer. Its owner is root unless it says otherwise, and
// it has no time, so that the same files give the same image.
type entry interface {
	header() (tar.Header, []byte, error)
}

// file is one of this machine's, needs what to install if it is not there.
type file struct {
	to, from, needs string
	mode            int64
}

func (f file) header() (tar.Header, []byte, error) {
	body, err := os.ReadFile(f.from)
	if errors.Is(err, fs.ErrNotExist) && f.needs != "" {
		err = fmt.Errorf("%w (%s)", err, f.needs)
	}
	return tar.Header{Typeflag: tar.TypeReg, Name: f.to, Mode: f.mode, Size: int64(len(body))}, body, err
}

// folder is an empty one that belongs to user.
type folder struct {
	path string
	mode int64
	user int
}

func (f folder) header() (tar.Header, []byte, error) {
	return tar.Header{Typeflag: tar.TypeDir, Name: f.path + "/", Mode: f.mode, Uid: f.user, Gid: f.user}, nil, nil
}

// link is a symbolic one.
type link struct{ path, to string }

func (l link) header() (tar.Header, []byte, error) {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: l.path, Linkname: l.to, Mode: 0o777}, nil, nil
}

// build makes the image of a target, in memory.
func build(t target) (v1.Image, size, error) {
	image, s := v1.Image(empty.Image), size{}
	for _, entries := range t.layers {
		archive, err := pack(entries)
		if err != nil {
			return nil, s, err
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
		layer, err := tarball.LayerFromOpener(open, tarball.WithCompressedCaching, tarball.WithCompressionLevel(gzip.BestCompression))
		if err != nil {
			return nil, s, fmt.Errorf("compress a layer: %w", err)
		}
		compressed, err := layer.Size()
		if err != nil {
			return nil, s, fmt.Errorf("measure a layer: %w", err)
		}
		s.unpacked += int64(len(archive))
		s.compressed += compressed
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, s, fmt.Errorf("add a layer: %w", err)
		}
	}
	image, err := describe(image, t)
	return image, s, err
}

func describe(image v1.Image, t target) (v1.Image, error) {
	architecture, err := architectureOf(t.programs)
	if err != nil {
		return nil, err
	}
	about, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("describe the image: %w", err)
	}
	about = about.DeepCopy()
	about.OS, about.Architecture, about.Config = "linux", architecture, t.config
	if image, err = mutate.ConfigFile(image, about); err != nil {
		return nil, fmt.Errorf("describe the image: %w", err)
	}
	return image, nil
}

// pack makes a layer of entries. Folders that they are in come before them.
func pack(entries []entry) ([]byte, error) {
	var buffer bytes.Buffer
	w, there := tar.NewWriter(&buffer), map[string]bool{}
	for _, e := range entries {
		h, body, err := e.header()
		if err != nil {
			return nil, err
		}
		h.Name = strings.TrimPrefix(h.Name, "/")
		for _, parent := range missing(h.Name, there) {
			above := tar.Header{Typeflag: tar.TypeDir, Name: parent + "/", Mode: 0o755}
			if err := w.WriteHeader(&above); err != nil {
				return nil, fmt.Errorf("pack %s: %w", parent, err)
			}
		}
		there[strings.TrimSuffix(h.Name, "/")] = true
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", h.Name, err)
		}
		if _, err := w.Write(body); err != nil {
			return nil, fmt.Errorf("pack %s: %w", h.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack a layer: %w", err)
	}
	return buffer.Bytes(), nil
}

// missing lists the folders above a path that are not there yet, outermost
// first, and notes them.
func missing(name string, there map[string]bool) []string {
	above := path.Dir(strings.TrimSuffix(name, "/"))
	if above == "." || there[above] {
		return nil
	}
	list := append(missing(above, there), above)
	there[above] = true
	return list
}
