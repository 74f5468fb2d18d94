package k6_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/launchtest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/k6"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// The test binary plays three parts: the tests, the minder, and, under the name
// of k6, our own generator as a k6 that is always there.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "k6":
		ctx, hard, stop := loadgen.Signals(context.Background())
		defer stop()
		syscall.Exit(loadgen.Command(ctx, os.Args[1:], loadgen.IO{
			Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ, Hard: hard, Version: "1.2.3",
		}))
	case len(os.Args) > 2 && os.Args[1] == "as-minder":
		syscall.Exit(minder(os.Args[2], os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

func minder(path string, args []string) int {
	p, err := k6.Find(context.Background(), path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		return 255
	}
	return k6.Command(context.Background(), p, args, k6.IO{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()})
}

// standIn is our own generator under k6's name.
func standIn(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "k6")
	require.NoError(t, os.Symlink(self, path))
	return path
}

func TestExam(t *testing.T) {
	t.Parallel()
	exercise(t, standIn(t))
}

// exercise has a k6 program sit the exam of launchers.
func exercise(t *testing.T, program string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cfg := launch.Config{
		Program: self, Args: []string{"as-minder", program}, Dir: filepath.Join(t.TempDir(), "launches"),
		Scenarios: launchtest.Scripts(), Grace: time.Second, Environ: os.Environ(),
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	launchtest.Exercise(t, launchtest.Subject{
		Open:       func(*testing.T) launchtest.Launcher { return launch.New(cfg) },
		Generators: 1, WriteURL: receiver.URL + "/api/v1/write",
		Working: func(_ *testing.T, id contest.TestID) int {
			n := 0
			for _, p := range processes(cfg.Dir, id) {
				if !p.minder {
					n++
				}
			}
			return n
		},
		Kill: func(t *testing.T, id contest.TestID) {
			t.Helper()
			for _, p := range processes(cfg.Dir, id) {
				if !p.minder {
					require.NoError(t, syscall.Kill(p.pid, syscall.SIGKILL))
				}
			}
		},
		Left: func(_ *testing.T, id contest.TestID) []string {
			var left []string
			for _, p := range processes(cfg.Dir, id) {
				left = append(left, p.line)
			}
			for _, name := range []string{string(id), ".new-" + string(id)} {
				if _, err := os.Stat(filepath.Join(cfg.Dir, name)); err == nil {
					left = append(left, name)
				}
			}
			return left
		},
		Public: func(_ *testing.T, id contest.TestID) string {
			var lines []string
			for _, p := range processes(cfg.Dir, id) {
				lines = append(lines, p.line)
			}
			return strings.Join(lines, "\n")
		},
	})
}

type process struct {
	pid    int
	line   string
	minder bool
}

// processes are those of one launch: the minder and its k6.
func processes(dir string, id contest.TestID) []process {
	var found []process
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, err := os.ReadFile(file)
		line := strings.ReplaceAll(string(text), "\x00", " ")
		if err != nil || !strings.Contains(line, filepath.Join(dir, string(id))+"/") {
			continue
		}
		p := process{line: line, minder: strings.Contains(line, " as-minder ")}
		if _, err := fmt.Sscanf(file, "/proc/%d/cmdline", &p.pid); err == nil {
			found = append(found, p)
		}
	}
	return found
}
