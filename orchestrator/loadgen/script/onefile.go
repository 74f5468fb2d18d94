package script

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// OneFile returns the script and all that it imports as one ES module, which
// any k6 runs. k6's own modules stay imports. The same sources give the same
// bytes, wherever they lie. What a script opens is not inside: open() looks for
// it in the folder Data, or else beside the one file.
func OneFile(src Source) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("bundle %s: %w", filepath.Base(src.Path), err)
	}
	modules, err := newRemote(src)
	if err != nil {
		return fail(err)
	}
	dir := filepath.Dir(src.Path)
	defines := map[string]string{}
	if src.Data != "" {
		defines["open"] = openName
	}
	result := api.Build(api.BuildOptions{
		Define: defines, EntryPoints: []string{src.Path}, AbsWorkingDir: dir, Outfile: filepath.Join(dir, "__one.js"),
		Bundle: true, Write: false, LogLevel: api.LogLevelSilent,
		Format: api.FormatESModule, Platform: api.PlatformNeutral, Target: api.ES2022,
		Charset: api.CharsetUTF8, TreeShaking: api.TreeShakingTrue, TsconfigRaw: "{}",
		Plugins: []api.Plugin{{Name: "one", Setup: func(b api.PluginBuild) {
			b.OnResolve(api.OnResolveOptions{Filter: `^k6(/.*)?$`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{Path: a.Path, External: true}, nil
			})
			resolver{src, modules}.setup(b)
		}}},
	})
	if len(result.Errors) > 0 {
		return fail(messagesError(result.Errors))
	}
	if len(result.OutputFiles) != 1 {
		return fail(fmt.Errorf("there are %d output files", len(result.OutputFiles)))
	}
	return []byte(strings.TrimSpace(string(result.OutputFiles[0].Contents)) + "\n"), nil
}

// openName stands for open() in the files of a script that is made one.
const openName = "__open"

// opening is what comes before the code of a file that is made part of one, in
// its first line: an open() that knows where the file was. Where nothing calls
// it, it is left out again.
func opening(src Source, path string) string {
	rel, err := filepath.Rel(filepath.Dir(src.Path), filepath.Dir(path))
	if err != nil {
		rel = "."
	}
	dir := strings.TrimSuffix(src.Data, "/") + "/" + filepath.ToSlash(rel) + "/"
	return fmt.Sprintf("const %s = (p, ...mode) => globalThis.open(/^(\\/|[a-z]+:)/.test(p) ? p : %q + p, ...mode); ", openName, dir)
}
