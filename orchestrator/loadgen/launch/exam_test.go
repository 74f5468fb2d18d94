package launch_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/launchtest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// The exam is sat with the real load generator, in processes of their own.
func TestExam(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.Args, cfg.Scenarios, cfg.Grace = []string{"as-loadgen"}, launchtest.Scripts(), time.Second
	launchtest.Exercise(t, subject(t, cfg))
}

// subject looks at launches through /proc and the folders.
func subject(t *testing.T, cfg launch.Config) launchtest.Subject {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	lines := func(id contest.TestID) []string { return processesOf(filepath.Join(cfg.Dir, string(id)) + "/") }
	return launchtest.Subject{
		Open:       func(*testing.T) launchtest.Launcher { return launch.New(cfg) },
		Generators: 1, WriteURL: receiver.URL + "/api/v1/write",
		Working: func(_ *testing.T, id contest.TestID) int { return len(lines(id)) },
		Kill: func(t *testing.T, id contest.TestID) {
			t.Helper()
			require.NoError(t, syscall.Kill(pidOf(t, cfg, string(id)), syscall.SIGKILL))
		},
		Left: func(t *testing.T, id contest.TestID) []string {
			t.Helper()
			left := lines(id)
			for _, name := range []string{string(id), ".new-" + string(id)} {
				if _, err := os.Stat(filepath.Join(cfg.Dir, name)); err == nil {
					left = append(left, name)
				}
			}
			return left
		},
		Public: func(_ *testing.T, id contest.TestID) string { return strings.Join(lines(id), "\n") },
	}
}
