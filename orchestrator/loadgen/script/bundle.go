package script

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	bundleHead = "(function (__k6) {"
	bundleTail = "})"
	mapComment = "//# sourceMappingURL="
)

// Source says where a script is.
type Source struct {
	Path string // absolute path of the script
	// ReadFile reads the script and what it imports, by absolute path.
	ReadFile func(path string) ([]byte, error)
	// Fetch gets what is imported by an https:// URL; pinned says that its hash
	// will be compared. Nil is a GET.
	Fetch func(ctx context.Context, url string, pinned bool) ([]byte, error)
	// Cache is the folder where pinned modules are kept. Empty is the user's own.
	Cache string
	// Data is the absolute folder in which OneFile's script finds what it opens by
	// a relative path, in the tree that it has here. Empty: beside the one file.
	Data string
}

// bundled is a script with its imports as one function.
type bundled struct {
	code     string
	warnings []string          // for people
	remote   map[string][]byte // modules that were imported by URL
}

// bundle puts the script and its imports into one function.
func bundle(src Source) (*bundled, error) {
	dir := filepath.Dir(src.Path)
	modules, err := newRemote(src)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{src.Path}, AbsWorkingDir: dir,
		Outfile: filepath.Join(dir, "__bundle.js"),
		Bundle:  true, Write: false, LogLevel: api.LogLevelSilent,
		Format: api.FormatESModule, Platform: api.PlatformNeutral, Target: api.ES2022,
		// What the engine's parser does not know is rewritten.
		Supported: map[string]bool{"for-await": false, "async-generator": false, "using": false, "top-level-await": false},
		Charset:   api.CharsetUTF8, TreeShaking: api.TreeShakingTrue,
		Sourcemap: api.SourceMapInline, SourcesContent: api.SourcesContentExclude,
		TsconfigRaw: "{}",
		Define:      map[string]string{"import.meta.resolve": resolveName},
		Banner:      map[string]string{"js": bundleHead},
		Plugins:     []api.Plugin{{Name: "k6", Setup: func(b api.PluginBuild) { resolver{src, modules}.setup(b) }}},
	})
	if len(result.Errors) > 0 {
		return nil, messagesError(result.Errors)
	}
	out := &bundled{warnings: modules.warnings, remote: modules.loaded}
	for _, m := range result.Warnings {
		out.warnings = append(out.warnings, message(m))
	}
	if len(result.OutputFiles) != 1 {
		return nil, fmt.Errorf("bundle %s: %d output files", filepath.Base(src.Path), len(result.OutputFiles))
	}
	out.code, err = closeFunction(string(result.OutputFiles[0].Contents))
	return out, err
}

var (
	exportList    = regexp.MustCompile(`\nexport \{\n((?:  [^\n]+\n)*)\};\n*$`)
	exportDefault = regexp.MustCompile(`\nexport default (require_[^\n]+\(\));\n*$`)
)

// closeFunction turns the bundle's one export statement, its last, into the
// return of the function around it. (A bundle in CommonJS form would make its
// exports with helpers that cost each runtime some 20 KB.)
func closeFunction(code string) (string, error) {
	code, sourceMap := code, ""
	if i := strings.LastIndex(code, mapComment); i >= 0 {
		code, sourceMap = code[:i], code[i:]
	}
	exports := "return {};"
	if m := exportDefault.FindStringSubmatchIndex(code); m != nil {
		exports, code = "return "+code[m[2]:m[3]]+";", code[:m[0]]
	} else if m := exportList.FindStringSubmatchIndex(code); m != nil {
		var members []string
		for line := range strings.Lines(code[m[2]:m[3]]) {
			local, name, renamed := strings.Cut(strings.Trim(line, " ,\n"), " as ")
			if !renamed {
				name = local
			}
			members = append(members, name+": "+local)
		}
		exports, code = "return {"+strings.Join(members, ", ")+"};", code[:m[0]]
	} else if strings.Contains(code, "\nexport ") {
		return "", errors.New("the bundle's exports have a form that is not known")
	}
	return code + "\n" + exports + "\n" + bundleTail + "\n" + sourceMap, nil
}

func messagesError(messages []api.Message) error {
	lines := make([]string, 0, len(messages))
	for _, m := range messages {
		lines = append(lines, message(m))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// message writes "search.js:3:7: text", columns from 1 as editors count them.
func message(m api.Message) string {
	if m.Location == nil {
		return m.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.Location.File, m.Location.Line, m.Location.Column+1, m.Text)
}

// resolver finds what a script imports: files by relative or absolute path, and
// k6's modules.
type resolver struct {
	src    Source
	remote *remote
}

func (r resolver) setup(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: ".*"}, r.resolve)
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "k6"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		code := moduleSource(a.Path)
		return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
	})
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"}, r.load)
	b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: remoteNamespace}, r.loadRemote)
}

func (r resolver) resolve(a api.OnResolveArgs) (api.OnResolveResult, error) {
	switch {
	case a.Kind == api.ResolveEntryPoint:
		return api.OnResolveResult{Path: r.src.Path, Namespace: "file"}, nil
	case a.Path == "k6" || strings.HasPrefix(a.Path, "k6/"):
		if _, ok := modules()[a.Path]; !ok {
			return api.OnResolveResult{}, unsupported(a.Path)
		}
		return api.OnResolveResult{Path: a.Path, Namespace: "k6", SideEffects: api.SideEffectsFalse}, nil
	case strings.HasPrefix(a.Path, "https://"):
		return api.OnResolveResult{Path: a.Path, Namespace: remoteNamespace}, nil
	case strings.HasPrefix(a.Path, "http://"):
		return api.OnResolveResult{}, fmt.Errorf("module %q: code is only taken over https", a.Path)
	case a.Namespace == remoteNamespace:
		return besides(a.Importer, a.Path)
	}
	path := strings.TrimPrefix(a.Path, "file://")
	switch {
	case strings.HasPrefix(path, "./"), strings.HasPrefix(path, "../"), path == ".", path == "..":
		path = filepath.Join(a.ResolveDir, filepath.FromSlash(path))
	case !filepath.IsAbs(path):
		return api.OnResolveResult{}, fmt.Errorf("module %q is unknown: a file is imported by a path that starts with ./ or ../", a.Path)
	}
	return api.OnResolveResult{Path: path, Namespace: "file"}, nil
}

// remoteNamespace is where modules live whose path is a URL.
const remoteNamespace = "remote"

// besides finds what a remote module imports: it knows no files here.
func besides(importer, path string) (api.OnResolveResult, error) {
	base, err := url.Parse(importer)
	if err != nil {
		return api.OnResolveResult{}, fmt.Errorf("read URL of module: %w", err)
	}
	if !strings.HasPrefix(path, "./") && !strings.HasPrefix(path, "../") && !strings.HasPrefix(path, "/") {
		return api.OnResolveResult{}, fmt.Errorf("module %q is unknown to %s", path, importer)
	}
	base.Fragment = ""
	u, err := base.Parse(path)
	if err != nil {
		return api.OnResolveResult{}, fmt.Errorf("module %q of %s is no URL", path, importer)
	}
	return api.OnResolveResult{Path: u.String(), Namespace: remoteNamespace}, nil
}

func (r resolver) loadRemote(a api.OnLoadArgs) (api.OnLoadResult, error) {
	b, err := r.remote.load(a.Path)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	loader, plain := api.LoaderJS, strings.TrimRight(strings.SplitN(a.Path, "#", 2)[0], "/")
	if strings.HasSuffix(plain, ".ts") {
		loader = api.LoaderTS
	}
	code := string(b)
	return api.OnLoadResult{Contents: &code, Loader: loader}, nil
}

func (r resolver) load(a api.OnLoadArgs) (api.OnLoadResult, error) {
	loaders := map[string]api.Loader{
		".js": api.LoaderJS, ".mjs": api.LoaderJS, ".cjs": api.LoaderJS, ".ts": api.LoaderTS, ".mts": api.LoaderTS,
	}
	ext := filepath.Ext(a.Path)
	loader, ok := loaders[ext]
	if !ok && a.Path != r.src.Path {
		return api.OnLoadResult{}, fmt.Errorf("%s cannot be imported: only JavaScript and TypeScript can; read data with open()", filepath.Base(a.Path))
	}
	if !ok {
		loader = api.LoaderJS
	}
	b, err := r.src.ReadFile(a.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return api.OnLoadResult{}, fmt.Errorf("file %s does not exist", a.Path)
	}
	if err != nil {
		return api.OnLoadResult{}, fmt.Errorf("read import: %w", err)
	}
	code := string(b)
	if r.src.Data != "" {
		code = opening(r.src, a.Path) + code
	}
	return api.OnLoadResult{Contents: &code, Loader: loader, ResolveDir: filepath.Dir(a.Path)}, nil
}

var sourceMapLine = regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(mapComment) + `.*\n?`)

// withoutMap cuts the source map off, which holds paths of this machine.
func withoutMap(code string) string { return sourceMapLine.ReplaceAllString(code, "") }

// mapped reports whether the bundle's source map maps anything.
func mapped(code string) bool {
	_, text, _ := strings.Cut(sourceMapLine.FindString(code), ";base64,")
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	var m struct{ Mappings string }
	return err == nil && json.Unmarshal(b, &m) == nil && m.Mappings != ""
}

// clip shortens text for a message.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
