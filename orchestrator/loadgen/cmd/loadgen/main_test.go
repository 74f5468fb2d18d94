package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, script string
		want         int
	}{
		{"all well", `export default function () {}`, 0},
		{"threshold", `export const options = { thresholds: { iterations: ['count>1'] } }; export default function () {}`, 99},
		{"script", `throw new Error('x')`, 107},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), "test.js")
			require.NoError(t, os.WriteFile(script, []byte(row.script), 0o600))
			require.Equal(t, row.want, run([]string{"run", "-q", "--iterations", "1", script}))
		})
	}
}

// A package of the rest of hackload that comes to be linked costs each start.
func TestTheRestIsNotLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	linked := strings.Fields(string(out))
	require.Contains(t, linked, "github.com/grafana/sobek")
	for _, path := range linked {
		for _, heavy := range []string{
			"modernc.org/", "k8s.io/", "google.golang.org/grpc", "github.com/aws/", "github.com/Azure/", "github.com/prometheus/prometheus/tsdb",
			"github.com/prometheus/client_golang/prometheus", "github.com/riverqueue/", "github.com/hackload-kz/hackload/orchestrator/config",
		} {
			require.False(t, strings.HasPrefix(path, heavy), "%s is linked", path)
		}
	}
}
