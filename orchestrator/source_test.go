package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The habits of CONTRIBUTING.md that can be checked by reading the source.

const (
	root         = ".." // of the module, seen from this package
	mostFile     = 400  // lines
	mostFunction = 60   // lines
	mostParams   = 5    // four and a context
)

// pkg is one folder of Go files.
type pkg struct {
	dir   string // from the module's root, with slashes
	files []file
}

type file struct {
	path    string
	test    bool
	imports []string
	ast     *ast.File
	set     *token.FileSet
}

// packages returns every Go file of the module by its folder.
func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := source()
	if err != nil {
		t.Fatalf("read the source: %v", err)
	}
	if !slices.ContainsFunc(all, func(p pkg) bool { return p.dir == "orchestrator/contest" }) {
		t.Fatal("the module was not found")
	}
	return all
}

// source is read once for all tests, which only look at it.
var source = sync.OnceValues(readSource)

// readSource parses every Go file of the module. Nested modules, which have
// rules of their own, are left out.
func readSource() ([]pkg, error) {
	byDir := map[string][]file{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(name, d.Name())
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		f, err := parse(name)
		if err != nil {
			return err
		}
		byDir[path.Dir(f.path)] = append(byDir[path.Dir(f.path)], f)
		return nil
	})
	all := make([]pkg, 0, len(byDir))
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		all = append(all, pkg{dir, byDir[dir]})
	}
	return all, err
}

func enter(name, base string) error {
	if name == root {
		return nil
	}
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func parse(name string) (file, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return file{}, err
	}
	f := file{path: filepath.ToSlash(rel), test: strings.HasSuffix(name, "_test.go"), ast: tree, set: set}
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("%s: %w", f.path, err)
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// uses returns the first line that names qualifier.name, 0 when none does.
func (f file) uses(qualifier, name string) int {
	line := 0
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && line == 0 && sel.Sel.Name == name {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == qualifier {
				line = f.set.Position(sel.Pos()).Line
			}
		}
		return true
	})
	return line
}

func (f file) lines() int { return f.set.File(f.ast.Pos()).LineCount() }

func (f file) generated() bool { return ast.IsGenerated(f.ast) }

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, f := range p.files {
			if n := f.lines(); n > mostFile && !f.generated() {
				t.Errorf("%s has %d lines, more than %d: it holds two things, give each a file", f.path, n, mostFile)
			}
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, decl := range f.ast.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || f.test || f.generated() {
					continue
				}
				line := f.set.Position(fn.Pos()).Line
				if n := f.span(fn) - f.tables(fn); n > mostFunction {
					t.Errorf("%s:%d: %s has %d lines, more than %d: it decides, does and reports at once", f.path, line, fn.Name.Name, n, mostFunction)
				}
				if n := fn.Type.Params.NumFields(); n > mostParams {
					t.Errorf("%s:%d: %s takes %d parameters: hand it a struct", f.path, line, fn.Name.Name, n)
				}
				if fn.Name.Name == "init" && fn.Recv == nil {
					t.Errorf("%s:%d: init runs before anyone asked for it: build it where it is wired", f.path, line)
				}
			}
		}
	}
}

func (f file) span(n ast.Node) int {
	return f.set.Position(n.End()).Line - f.set.Position(n.Pos()).Line + 1
}

// tables counts the lines of data inside a function: composite literals
// without a function in them. A table is read like a list, however long.
func (f file) tables(fn *ast.FuncDecl) int {
	lines := 0
	ast.Inspect(fn, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		code := false
		ast.Inspect(table, func(n ast.Node) bool {
			if _, is := n.(*ast.FuncLit); is {
				code = true
			}
			return !code
		})
		if code {
			return true
		}
		lines += f.span(table) - 1
		return false
	})
	return lines
}

func TestEachPackageIsIntroducedOnce(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		var introduced []string
		shipped := false
		for _, f := range p.files {
			shipped = shipped || !f.test
			if f.ast.Doc != nil && !f.test {
				introduced = append(introduced, f.path)
			}
		}
		if shipped && len(introduced) != 1 {
			t.Errorf("%s has %d package comments %v, want one that says what comes in, what goes out and what it promises", p.dir, len(introduced), introduced)
		}
	}
}

// Each package's tests look for goroutines that nobody waited for; those of kube/e2e
// watch other processes.
func TestEachPackageLooksForLeaks(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		tested, looks := false, p.dir == "orchestrator/kube/e2e"
		for _, f := range p.files {
			tested = tested || f.test
			looks = looks || f.test && slices.ContainsFunc(f.ast.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"go.uber.org/goleak"` })
		}
		if tested && !looks {
			t.Errorf("%s has tests without goleak in their TestMain", p.dir)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, decl := range f.ast.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if ok && !f.test && fn.Name.IsExported() && fn.Doc == nil && exportedReceiver(fn) {
					t.Errorf("%s:%d: %s is exported and says nothing", f.path, f.set.Position(fn.Pos()).Line, fn.Name.Name)
				}
			}
		}
	}
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	of := fn.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	name, ok := of.(*ast.Ident)
	return ok && name.IsExported()
}

func TestNoUnfinishedBusiness(t *testing.T) {
	t.Parallel()
	marker := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, group := range f.ast.Comments {
				if marker.MatchString(group.Text()) {
					t.Errorf("%s:%d: finish it or leave it out", f.path, f.set.Position(group.Pos()).Line)
				}
			}
		}
	}
}

// Every direct dependency has a row in CONTRIBUTING.md that says why this one
// and under which licence, and every row is of a dependency.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	direct, all := requires(read(t, "go.mod"))
	if len(direct) == 0 {
		t.Fatal("go.mod requires nothing")
	}
	row := regexp.MustCompile("(?m)^\\| `([\\w.-]+\\.[\\w./-]+)` \\|([^|\n]*)\\|([^|\n]*)\\|$")
	explained := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1) {
		explained[m[1]] = true
		if !slices.Contains(all, m[1]) {
			t.Errorf("CONTRIBUTING.md explains %s, which go.mod does not require", m[1])
		}
		if strings.TrimSpace(m[2]) == "" || strings.TrimSpace(m[3]) == "" {
			t.Errorf("CONTRIBUTING.md does not say why %s is here or under which licence", m[1])
		}
	}
	for _, dependency := range direct {
		if !explained[dependency] {
			t.Errorf("CONTRIBUTING.md does not explain %s", dependency)
		}
	}
}

// requires lists the modules that go.mod requires, the direct ones apart.
func requires(mod string) (direct, all []string) {
	entry := regexp.MustCompile(`(?m)^(?:require )?\t?([\w.-]+\.[\w./-]+) v\S+( // indirect)?$`)
	for _, m := range entry.FindAllStringSubmatch(mod, -1) {
		all = append(all, m[1])
		if m[2] == "" {
			direct = append(direct, m[1])
		}
	}
	return direct, all
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
