package loadgen_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

// runCase runs the script, here or with k6, and returns the facts of the run.
func runCase(t *testing.T, script string, c conformanceCase) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	srv, dir := newConformanceServer(t), t.TempDir()
	samples, summary := filepath.Join(dir, "samples.json"), filepath.Join(dir, "summary.json")
	args := append([]string{
		"run", "--quiet", "--insecure-skip-tls-verify", "--user-agent", "conformance", "-e", "URL=" + srv.url, "-e", "TLS=" + srv.tls,
		"-e", "DIR=" + dir, "--out", "json=" + samples, "--summary-export", summary,
	}, c.Args...)
	script, err := filepath.Abs(script)
	if err != nil {
		return nil, err
	}
	args = append(args, script)
	var out, log buffer
	var code int
	if *record == "" {
		code = loadgen.Command(ctx, args, loadgen.IO{
			Stdout: &out, Stderr: &log, Environ: func() []string { return c.Env }, Dir: filepath.Dir(script), Version: "1.2.3",
		})
	} else {
		cmd := exec.CommandContext(ctx, *record, args...)
		cmd.Env = append(append(os.Environ(), "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false"), c.Env...)
		cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &log, filepath.Dir(script)
		if err := cmd.Run(); cmd.ProcessState == nil {
			return nil, err
		}
		code = cmd.ProcessState.ExitCode()
	}
	facts := map[string]any{"exit code": float64(code)}
	f := factFinder{srv, facts, c.Series, c.Export}
	f.printed("console", consoleLines(log.String()))
	f.printed("stdout", markedLines(out.String()))
	if f.served(); !c.Server {
		delete(facts, "server connections")
		delete(facts, "server requests at once")
	}
	if err := f.samples(samples); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", script, err, log.String())
	}
	if err := errors.Join(f.summary(summary), f.files(dir)); err != nil {
		return nil, fmt.Errorf("%s: %w", script, err)
	}
	return facts, nil
}

// factFinder gathers what is known of a run as names and values: numbers, text,
// or lists of text.
type factFinder struct {
	srv    *conformanceServer
	facts  map[string]any
	series []string
	export bool
}

// markedLines returns the lines of standard output that a script marked as to
// be compared.
func markedLines(out string) (marked []string) {
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "fact: "); ok {
			marked = append(marked, text)
		}
	}
	return marked
}

// printed notes lines in sorted order: virtual users print at the same time.
func (f factFinder) printed(where string, lines []string) {
	if len(lines) == 0 {
		return
	}
	list := make([]any, len(lines))
	for i, l := range slices.Sorted(slices.Values(lines)) {
		list[i] = f.srv.neutral.Replace(l)
	}
	f.facts[where] = list
}

// served notes what the server was asked for.
func (f factFinder) served() {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	for what, n := range f.srv.asked {
		f.facts["server "+what] = float64(n)
	}
}

type sampleLine struct {
	Type   string
	Metric string
	Data   struct {
		Type  string
		Value float64
		Tags  map[string]string
	}
}

// samples notes, for each metric, what came together in the whole run. Times
// and bytes of requests depend on the machine: only their number counts.
func (f factFinder) samples(path string) error {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	kinds := map[string]string{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l sampleLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		switch {
		case l.Metric == "vus" || l.Metric == "vus_max" || strings.HasPrefix(l.Metric, "data_"):
		case l.Type == "Metric":
			kinds[l.Metric] = l.Data.Type
		default:
			f.sample(kinds[l.Metric], l)
		}
	}
	return lines.Err()
}

func (f factFinder) sample(kind string, l sampleLine) {
	add := func(fact string, n float64) {
		before, _ := f.facts[fact].(float64)
		f.facts[fact] = before + n
	}
	add("samples "+l.Metric, 1)
	switch kind {
	case "counter", "rate":
		add("sum "+l.Metric, l.Data.Value)
	case "gauge":
		f.facts["last "+l.Metric] = l.Data.Value
	case "trend":
		if !strings.HasPrefix(l.Metric, "http_") && !strings.HasSuffix(l.Metric, "_duration") {
			add("sum "+l.Metric, l.Data.Value)
		}
	}
	if !slices.Contains(f.series, l.Metric) {
		return
	}
	var tags []string
	for _, k := range slices.Sorted(maps.Keys(l.Data.Tags)) {
		if l.Data.Tags[k] != "" { // k6 writes the root group as one without a name, we write none
			tags = append(tags, k+"="+f.srv.neutral.Replace(l.Data.Tags[k]))
		}
	}
	add("series "+l.Metric+"{"+strings.Join(tags, ",")+"}", cmp.Or(l.Data.Value*float64(btoi(kind != "trend")), 1))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// summary notes checks and thresholds.
func (f factFinder) summary(path string) error {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		f.facts["summary"] = "none"
		return nil
	}
	if err != nil {
		return err
	}
	var s struct {
		Metrics   map[string]map[string]any `json:"metrics"`
		RootGroup summaryGroup              `json:"root_group"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if f.export {
		return f.exported(text)
	}
	f.group(s.RootGroup)
	for name, m := range s.Metrics {
		all, _ := m["thresholds"].(map[string]any)
		for expression, crossed := range all {
			f.facts["threshold "+f.srv.neutral.Replace(name)+" "+expression] = map[any]string{true: "failed", false: "ok"}[crossed]
		}
	}
	return nil
}

// exported notes all that the file of the summary says, with the kind of a
// number in the place of one that depends on the machine.
func (f factFinder) exported(text []byte) error {
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	metrics, _ := all["metrics"].(map[string]any)
	for name, value := range metrics {
		if strings.HasPrefix(name, "vus") { // it is sampled once a second, so perhaps never
			delete(metrics, name)
			continue
		}
		for stat, v := range value.(map[string]any) {
			onClock := strings.HasPrefix(name, "http_req_") && name != "http_req_failed" || strings.Contains(name, "_duration") || strings.HasPrefix(name, "data_")
			if _, isNumber := v.(float64); isNumber && (onClock || stat == "rate") {
				value.(map[string]any)[stat] = "a number"
			}
		}
	}
	for part, value := range all {
		members, isObject := value.(map[string]any)
		if !isObject {
			members = map[string]any{"": value}
		}
		for name, v := range members {
			f.facts["export "+part+" "+name] = plainJSON(v)
		}
	}
	return nil
}

func plainJSON(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), `"`, "'")
}

// files notes what the script wrote beside what the run itself did.
func (f factFinder) files(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "samples.json" || e.Name() == "summary.json" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		f.facts["file "+e.Name()] = fmt.Sprintf("%q", text)
	}
	return nil
}

type summaryGroup struct {
	Path   string                  `json:"path"`
	Groups map[string]summaryGroup `json:"groups"`
	Checks map[string]struct {
		Passes, Fails int
	} `json:"checks"`
}

func (f factFinder) group(g summaryGroup) {
	for name, c := range g.Checks {
		f.facts["check "+g.Path+"::"+name] = fmt.Sprintf("%d passed, %d failed", c.Passes, c.Fails)
	}
	for _, sub := range g.Groups {
		if len(sub.Checks)+len(sub.Groups) == 0 {
			f.facts["group "+sub.Path] = "without checks"
		}
		f.group(sub)
	}
}
