package script

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/grafana/sobek"
	"github.com/grafana/sobek/parser"
)

// Program is a compiled script. It is immutable and safe for concurrent use;
// only the arrays that its VMs share are added while they are initialised.
type Program struct {
	Path     string            // of the script, absolute
	SHA256   string            // of the bundled code, imports included
	Warnings []string          // of the bundler, for people
	Remote   map[string][]byte // the modules that were imported by URL

	code    *sobek.Program
	drain   *sobek.Program // empty: running it runs pending promise jobs
	read    func(string) ([]byte, error)
	shared  *sharedArrays
	files   *sharedFiles
	modules map[string][]string
	uses    map[string]bool // global functions that the code may call
}

// Compile bundles and compiles the script. The error says file, line and
// column where it is the script's fault.
func Compile(src Source) (*Program, error) {
	if src.ReadFile == nil {
		src.ReadFile = os.ReadFile
	}
	if src.Fetch == nil {
		src.Fetch = fetchHTTPS
	}
	if src.Cache == "" {
		src.Cache = defaultCache()
	}
	path, err := filepath.Abs(src.Path)
	if err != nil {
		return nil, fmt.Errorf("find script: %w", err)
	}
	src.Path = path
	b, err := bundle(src)
	if err != nil {
		return nil, err
	}
	code := b.code
	if !mapped(code) {
		code = withoutMap(code) // the engine's parser refuses a map of nothing
	}
	tree, err := sobek.Parse(filepath.Join(filepath.Dir(path), "__bundle.js"), code, parser.WithSourceMapLoader(noMap))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", filepath.Base(path), err)
	}
	program, err := sobek.CompileAST(tree, true)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", filepath.Base(path), err)
	}
	uses := map[string]bool{}
	for _, name := range []string{
		"open", "setTimeout", "clearTimeout", "setInterval", "clearInterval", "crypto", "TextEncoder", "TextDecoder", "global", resolveName,
	} {
		uses[name] = strings.Contains(withoutMap(code), name)
	}
	sum := sha256.Sum256([]byte(withoutMap(code)))
	return &Program{
		Path: path, SHA256: hex.EncodeToString(sum[:]), Warnings: b.warnings, Remote: b.remote,
		code: program, drain: sobek.MustCompile("drain.js", "", true),
		read: src.ReadFile, shared: newSharedArrays(), files: &sharedFiles{byPath: map[string][]byte{}}, uses: uses, modules: modules(),
	}, nil
}

// noMap refuses maps that are not inside the bundle.
func noMap(path string) ([]byte, error) {
	return nil, fmt.Errorf("source map %s is not part of the bundle", path)
}
