package scenarios

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed *.js lib/*.js lib/users.sample.csv package.json tsconfig.json
var embedded embed.FS

// maxFile bounds what Materialise copies of one file, in bytes.
const maxFile = 64 << 20

// Files returns the embedded scripts, their modules and the sample users.
func Files() fs.FS { return embedded }

// Names lists the embedded scripts without ".js", in alphabetical order.
func Names() []string {
	files, err := fs.Glob(embedded, "*.js")
	if err != nil { // only a malformed pattern, and ours is constant
		return nil
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".js"))
	}
	return names
}

// Materialise writes every file of fsys below the directory dst, for a program
// that wants real paths. Files that stand there already are overwritten; others
// are left alone. A file above 64 MiB is an error.
func Materialise(fsys fs.FS, dst string) error {
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dst, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		return copyFile(fsys, name, path)
	})
	if err != nil {
		return fmt.Errorf("write scenarios to %s: %w", dst, err)
	}
	return nil
}

func copyFile(fsys fs.FS, name, path string) error {
	src, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer src.Close()
	content, err := io.ReadAll(io.LimitReader(src, maxFile+1))
	if err != nil {
		return err
	}
	if len(content) > maxFile {
		return fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return os.WriteFile(path, content, 0o644)
}
