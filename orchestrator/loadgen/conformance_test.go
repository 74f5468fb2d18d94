package loadgen_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

// The answers in testdata/conformance were recorded from k6 v2.2.0, each by a
// `k6 run` of the script beside it against the server of this test. With a k6 on
// this machine they are recorded again by
//
//	go test ./orchestrator/loadgen -run TestConformance -record $(which k6)
var record = flag.String("record", "", "write the answers that this k6 program gives")

// TestConformance runs scripts that tell on the console what they see, and
// compares with what k6 told.
func TestConformance(t *testing.T) {
	t.Parallel()
	conform(t, "testdata/conformance/*.js", newConformanceServer)
}

// conform runs each script against a server of its own, and compares what it told
// with the file beside it, or writes that.
func conform(t *testing.T, pattern string, open func(*testing.T) *conformanceServer) {
	t.Helper()
	scripts, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, path := range scripts {
		name := strings.TrimSuffix(filepath.Base(path), ".js")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := open(t)
			path, err := filepath.Abs(path)
			require.NoError(t, err)
			golden := strings.TrimSuffix(path, ".js") + ".txt"
			if *record != "" {
				require.NoError(t, os.WriteFile(golden, []byte(srv.tellOfK6(t, path)), 0o644))
				return
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), srv.tell(t, path))
		})
	}
}

// tell runs the script here and returns what it said, and the exit code.
func (s *conformanceServer) tell(t *testing.T, path string) string {
	t.Helper()
	var out, log buffer
	code := loadgen.Command(t.Context(), append(s.args(), path), loadgen.IO{
		Stdout: &out, Stderr: &log, Environ: func() []string { return s.env }, Dir: filepath.Dir(path), Version: "1.2.3",
	})
	return s.told(t, log.String(), code)
}

// tellOfK6 does the same with k6.
func (s *conformanceServer) tellOfK6(t *testing.T, path string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), *record, append(s.args(), path)...)
	cmd.Env = append(append(os.Environ(), "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false"), s.env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return s.told(t, log.String(), cmd.ProcessState.ExitCode())
}

func (s *conformanceServer) args() []string {
	if s.flags != nil {
		return append([]string{"run", "--quiet"}, s.flags...)
	}
	return []string{"run", "--quiet", "--insecure-skip-tls-verify", "-e", "URL=" + s.url, "-e", "TLS=" + s.tls}
}

var consoleLine = regexp.MustCompile(`(?m)^time=.* msg=("(?:[^"\\]|\\.)*"|\S+).* source=console`)

// told replaces in the console's lines what is different in each run.
func (s *conformanceServer) told(t *testing.T, log string, code int) string {
	t.Helper()
	lines := consoleLines(log)
	if len(lines) == 0 {
		t.Log(log)
	}
	for i := range lines {
		lines[i] = s.neutral.Replace(lines[i])
	}
	return strings.Join(append(lines, "exit code "+strconv.Itoa(code)), "\n") + "\n"
}

// consoleLines extracts from a log what scripts printed.
func consoleLines(log string) (lines []string) {
	for _, m := range consoleLine.FindAllStringSubmatch(log, -1) {
		text := m[1]
		if plain, err := strconv.Unquote(text); err == nil && strings.HasPrefix(text, `"`) {
			text = plain
		}
		lines = append(lines, text)
	}
	return lines
}
