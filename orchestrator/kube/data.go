package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// mostFiles bounds what lies beside the scripts.
const mostFiles = 1000

// data returns what a script may open: the files beside the scenarios whose
// names are in its code. They go into the launch's Secret, because they may hold
// passwords; others are the bytes that it holds besides.
func (l *Launcher) data(ctx context.Context, scenario string, code []byte, others int) (all []dataFile, err error) {
	left, seen := int64(maxObject-others), 0
	err = fs.WalkDir(l.cfg.Scenarios, ".", func(name string, entry fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if seen++; seen > mostFiles {
			return fmt.Errorf("more than %d files lie beside scenario %s: give it a directory of its own", mostFiles, scenario)
		}
		if entry.IsDir() {
			if entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if !named(name, code) {
			return nil
		}
		info, err := fs.Stat(l.cfg.Scenarios, name) // of what a link leads to
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if left -= info.Size(); left < 0 {
			return fmt.Errorf("scenario %s opens %s of %d bytes, and all that it opens may have %d together: put it into the volume of users (kubernetes.users_claim), and open it as %s",
				scenario, name, info.Size(), maxObject-others, path.Join(usersDir, path.Base(name)))
		}
		content, err := l.read(name)
		all = append(all, dataFile{path: name, key: fmt.Sprintf("data-%d", len(all)), content: content})
		return err
	})
	return all, err
}

// named reports whether a file is data whose name is in the code. The sample of
// users is handed over in another way, and code is in the bundle.
func named(name string, code []byte) bool {
	sources := []string{".js", ".mjs", ".cjs", ".ts", ".mts"}
	ext := path.Ext(name)
	return ext != "" && name != sampleUsers && !slices.Contains(sources, ext) && bytes.Contains(code, []byte(path.Base(name)))
}
