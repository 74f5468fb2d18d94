package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
	"github.com/stretchr/testify/require"
)

// allowed are the licences, by their SPDX names, that what we link may have: all
// of them let an MIT program be made of it.
func allowed() []string {
	return []string{"MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0"}
}

// readBySomebody are licence files that the classifier does not know word for
// word, with what they were found to say.
func readBySomebody() map[string]string {
	return map[string]string{
		"github.com/grafana/sobek/ftoa/LICENSE_LUCENE": "Lucent's, which asks for what ISC asks for: name and warranty stay",
		"modernc.org/memory/LICENSE-LOGO":              "where a picture is from",
		"modernc.org/libc/LICENSE-3RD-PARTY.md":        "BSD and MIT, of Go, musl and others, with sentences in between",
		"modernc.org/sqlite/LICENSE-3RD-PARTY.md":      "what else is in it and its tests, each with its text; of what is not BSD or MIT nothing is linked by that module",
		"modernc.org/sqlite/LICENSE-SQLITE":            "SQLite is in the public domain",
	}
}

// linked is a module that is in one of our programs, with the folders of it that
// are.
type linked struct {
	Path, Version, Dir string
	folders            map[string]bool
}

// linkedModules lists the modules that our programs are made of, on each system
// that they are built for.
func linkedModules(t *testing.T) map[string]*linked {
	t.Helper()
	all := map[string]*linked{}
	for _, architecture := range []string{"amd64", "arm64"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Dir,Module", "./orchestrator", "./orchestrator/loadgen/cmd/loadgen")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOARCH="+architecture)
		out, err := cmd.Output()
		require.NoError(t, err)
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Dir    string
				Module *struct {
					linked
					Main    bool
					Replace *linked
				}
			}
			err := d.Decode(&p)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if p.Module == nil || p.Module.Main {
				continue
			}
			require.Nil(t, p.Module.Replace, "%s is replaced: whose code is it?", p.Module.Path)
			if all[p.Module.Path] == nil {
				all[p.Module.Path] = &p.Module.linked
				p.Module.folders = map[string]bool{}
			}
			for dir := p.Dir; strings.HasPrefix(dir, p.Module.Dir); dir = filepath.Dir(dir) {
				all[p.Module.Path].folders[dir] = true
			}
		}
	}
	return all
}

// licenceFile is how files are called that hold a licence. A NOTICE holds none,
// it names whom to thank.
var licenceFile = regexp.MustCompile(`(?i)^((un)?licen[sc]es?|copying|copyright)([-._].*)?$`)

// texts are a module's licence files, wherever something is that is linked, by
// their names from the module's path on.
func (m *linked) texts(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for dir := range m.folders {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err, m.Path)
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			require.NoError(t, err, m.Path)
			found[path.Join(m.Path, filepath.ToSlash(strings.TrimPrefix(dir, m.Dir)), e.Name())] = text
		}
	}
	return found
}

// TestLicencesOfWhatIsLinked looks at the text of each licence, not at what
// somebody says of it.
func TestLicencesOfWhatIsLinked(t *testing.T) {
	t.Parallel()
	const known = 75 // percent of a file's text, at least; the rest are names and years
	modules, counts, met := linkedModules(t), map[string]int{}, map[string]bool{}
	require.Greater(t, len(modules), 100, "that is not all that is linked")
	for _, m := range modules {
		texts := m.texts(t)
		if len(texts) == 0 {
			t.Errorf("%s %s has no licence", m.Path, m.Version)
		}
		for name, text := range texts {
			covered, by := licensecheck.Scan(text), readBySomebody()[name]
			met[name] = true
			if covered.Percent < known && by == "" {
				t.Errorf("%s of %s: only %.0f %% of it is a licence that is known: read it", name, m.Version, covered.Percent)
			}
			for _, match := range covered.Match {
				counts[match.ID]++
				if !slices.Contains(allowed(), match.ID) {
					t.Errorf("%s of %s is under %s, which is not allowed", name, m.Version, match.ID)
				}
			}
		}
	}
	for name := range readBySomebody() {
		if !met[name] {
			t.Errorf("%s was read by somebody, and is not linked", name)
		}
	}
	t.Logf("%d modules, %d licence files: %v", len(modules), len(met), counts)
}
