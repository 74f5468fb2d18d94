package main_test

import (
	"cmp"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Who may import whom, as tables with the reasons. The imports are read from
// the source itself, so files behind build tags count too and the test cache
// notices every change.

const module = "github.com/hackload-kz/hackload/"

// stages are the steps that a measurement goes through. They are handed
// functions and know neither each other nor what stands behind those.
var stages = []string{"orchestrator/evidence", "orchestrator/verdict", "orchestrator/outbox"}

// arrow forbids imports inside the module.
type arrow struct {
	from   []string // folders; their subfolders are meant too
	except []string // folders that the rule does not bind
	may    []string // the only folders of ours that they may import; nil: see never
	never  []string // folders of ours that they may not import
	why    string
}

func arrows() []arrow {
	return []arrow{
		{
			from: []string{"orchestrator/contest"}, may: []string{},
			why: "contest is the vocabulary at the bottom: everyone imports it, it imports none of us",
		},
		{
			from: stages, may: []string{"orchestrator/contest"},
			why: "a stage is handed functions; it knows no other stage and no outside system",
		},
		{
			from:  []string{"orchestrator/hub", "orchestrator/prom", "orchestrator/kube", "orchestrator/metricstore", "orchestrator/loadgen", "orchestrator/target", "orchestrator/spotcheck", "orchestrator/roster", "orchestrator/grafana"},
			never: append([]string{"orchestrator/conduct", "orchestrator/store", "orchestrator/schedule", "orchestrator/web", "orchestrator/lab"}, stages...),
			why:   "an outside system is called by the line and does not know it",
		},
		{
			from: []string{"orchestrator", "exporters", "scenarios", "manifests"}, except: []string{".", "orchestrator/conduct"}, never: stages,
			why: "conduct alone knows the order of the line, and main puts it together",
		},
		{
			from: []string{"orchestrator"}, except: []string{".", "orchestrator/conduct"}, never: []string{"orchestrator/conduct"},
			why: "whoever needs conduct is above it, and only main is",
		},
		{
			from: []string{"orchestrator/web"}, may: []string{"orchestrator/contest", "orchestrator/internal/browsertest"},
			why: "pages read through small interfaces of their own, so that nothing else has to change for them",
		},
		{
			from: []string{"orchestrator/lab"}, may: []string{"orchestrator/contest", "orchestrator/lab", "scenarios"},
			why: "a stand-in that shares code with what it tests agrees with its mistakes",
		},
		{
			from: []string{"orchestrator", "exporters"}, except: []string{"orchestrator/grafana/dashboards"}, never: []string{"orchestrator/grafana/dashboards"},
			why: "dashboards become files in manifests; the program carries none of Grafana's SDK",
		},
		{
			from: []string{"scenarios"}, may: []string{},
			why: "scenarios are files that k6 runs without us",
		},
	}
}

func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, rule := range arrows() {
			if !within(p.dir, rule.from) || binds(p.dir, rule.except) {
				continue
			}
			for _, imported := range p.imports() {
				target, ours := strings.CutPrefix(imported, module)
				if !ours {
					continue
				}
				if within(target, rule.never) || (rule.may != nil && !within(target, rule.may)) {
					t.Errorf("%s imports %s: %s", p.dir, target, rule.why)
				}
			}
		}
	}
}

// owner says which folders alone may import a library.
type owner struct {
	library string
	dirs    []string
	why     string
}

func owners() []owner {
	return []owner{
		{"github.com/grafana/sobek", []string{"orchestrator/loadgen/script"}, "there is one JavaScript engine and one place that knows its traps"},
		{"github.com/evanw/esbuild", []string{"orchestrator/loadgen/script"}, "bundling belongs to reading a script"},
		{"github.com/prometheus/client_golang/api", []string{"orchestrator/prom"}, "there is one client of Prometheus"},
		{"github.com/prometheus/prometheus/tsdb", []string{"orchestrator/metricstore"}, "Prometheus' Go API promises nothing, so one folder follows it"},
		{"github.com/prometheus/prometheus/promql", []string{"orchestrator/metricstore"}, "Prometheus' Go API promises nothing, so one folder follows it"},
		{"k8s.io", []string{"orchestrator/kube"}, "there is one client of Kubernetes"},
		{"sigs.k8s.io/controller-runtime", []string{"orchestrator/kube"}, "there is one client of Kubernetes"},
		{"github.com/riverqueue", []string{"orchestrator/schedule", "orchestrator/store"}, "the job queue can be replaced in one place"},
		{"modernc.org/sqlite", []string{"orchestrator/store", "orchestrator/lab"}, "only state knows which database it is in"},
		{"github.com/jackc/pgx", []string{"orchestrator/roster", "orchestrator/store", "orchestrator/internal/pgtest"}, "a database is read where it is known which one it is"},
		{"github.com/spf13/cobra", []string{".", "orchestrator/loadgen"}, "only main reads arguments, and the generator those of k6"},
		{"go.opentelemetry.io/otel/sdk", []string{"orchestrator/telemetry"}, "parts begin spans; only telemetry knows how they leave"},
		{"go.opentelemetry.io/otel", []string{"orchestrator/observe", "orchestrator/telemetry"}, "parts speak to observe, so that the API can change in one place"},
		{"github.com/getsentry", []string{"orchestrator/telemetry"}, "errors are logged; that some are reported too is known in one place"},
		{"github.com/grafana/grafana-foundation-sdk", []string{"orchestrator/grafana/dashboards"}, "the dashboards are written from one place"},
		{"html/template", []string{"orchestrator/web"}, "pages are made in one place"},
		{"flag", []string{}, "arguments are read with cobra, where they are read at all"},
	}
}

func TestLibrariesHaveOneOwner(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imported := range p.imports() {
			for _, o := range owners() {
				if below(imported, o.library) && !binds(p.dir, o.dirs) {
					t.Errorf("%s imports %s, which belongs to %s: %s", p.dir, imported, cmp.Or(strings.Join(o.dirs, ", "), "nobody"), o.why)
				}
			}
		}
	}
}

// Pure packages decide from what they are given, so that a table of plain
// values can test them. The ladder of levels lives in a file of conduct.
func TestPureCodeTouchesNoWorld(t *testing.T) {
	t.Parallel()
	pure := []string{"orchestrator/verdict", "orchestrator/loadgen/pace", "orchestrator/conduct/ladder.go"}
	for _, p := range packages(t) {
		for _, f := range p.files {
			if f.test || !within(f.path, pure) {
				continue
			}
			for _, imported := range f.imports {
				for _, world := range []string{"context", "net", "os", "log", "database/sql", "math/rand"} {
					if below(imported, world) {
						t.Errorf("%s imports %s: it decides, it does not ask or wait", f.path, imported)
					}
				}
			}
			for _, name := range []string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc"} {
				if line := f.uses("time", name); line != 0 {
					t.Errorf("%s:%d uses time.%s: it is told the time", f.path, line, name)
				}
			}
		}
	}
}

// What dev stands up is real code that ships, so test code has no place in it.
// launchtest, the exam of every launcher, and its like are test code in packages
// of their own, and only tests may import them.
func TestNoTestCodeShips(t *testing.T) {
	t.Parallel()
	testOnly := []string{
		"testing", "net/http/httptest", "testing/iotest", "testing/fstest", "github.com/stretchr/testify", "go.uber.org/goleak",
		"github.com/rogpeppe/go-internal", module + "orchestrator/launchtest", module + "orchestrator/kube/kubetest", module + "orchestrator/internal/pgtest", module + "orchestrator/internal/promtest", module + "orchestrator/internal/browsertest",
	}
	for _, p := range packages(t) {
		if within(p.dir, []string{"orchestrator/launchtest", "orchestrator/kube/kubetest", "orchestrator/internal/browsertest"}) {
			continue
		}
		for _, imported := range p.imports() {
			for _, library := range testOnly {
				if below(imported, library) {
					t.Errorf("%s imports %s outside of a test", p.dir, imported)
				}
			}
		}
	}
}

// The code here is MIT. What it links must allow that.
func TestNothingLinkedIsAGPL(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-test", "-f", "{{.ImportPath}}", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	linked := strings.Fields(string(out))
	if len(linked) < 100 {
		t.Fatalf("go list names only %d packages", len(linked))
	}
	for _, path := range linked {
		if name, ok := copyleft(path); ok {
			t.Errorf("%s is linked, and %s is AGPL-3.0", path, name)
		}
	}
	for _, line := range strings.Split(read(t, "go.mod"), "\n") {
		for _, word := range strings.Fields(line) {
			if name, ok := copyleft(word); ok {
				t.Errorf("go.mod names %s, and %s is AGPL-3.0", word, name)
			}
		}
	}
}

func copyleft(path string) (string, bool) {
	for _, library := range []string{
		"go.k6.io", "github.com/grafana/k6", "github.com/grafana/k6-operator", "github.com/grafana/xk6", "github.com/grafana/grafana",
		"github.com/grafana/loki", "github.com/grafana/tempo", "github.com/grafana/mimir", "github.com/grafana/xk6-output-prometheus-remote",
	} {
		if below(path, library) {
			return library, true
		}
	}
	return "", false
}

// below reports whether path is library or inside of it.
func below(path, library string) bool { return path == library || strings.HasPrefix(path, library+"/") }

// within reports whether path is one of the folders or inside of one.
func within(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return below(path, f) })
}

// binds is within, where "." stands for the package main alone.
func binds(path string, folders []string) bool {
	return within(path, folders) || path == "orchestrator" && slices.Contains(folders, ".")
}

// imports lists what the package's shipped files import.
func (p pkg) imports() []string {
	all := map[string]bool{}
	for _, f := range p.files {
		for _, imported := range f.imports {
			if !f.test {
				all[imported] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}
