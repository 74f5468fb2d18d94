package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGeneratorThatLacksDescriptors runs more virtual users than the process
// may have connections: that is the generator's trouble, never the target's.
func TestGeneratorThatLacksDescriptors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	script := filepath.Join(t.TempDir(), "many.js")
	require.NoError(t, os.WriteFile(script, []byte(`
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 60, iterations: 60, thresholds: { http_req_failed: ['rate<0.01'] } };
export default function () { http.get(__ENV.API_URL); sleep(0.5); }
`), 0o600))
	path, err := binary()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -n 32 && exec "$@"`, "sh", path,
		"loadgen", "run", "--quiet", script, "-e", "API_URL="+server.URL)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.Error(t, cmd.Run())
	require.Equal(t, 120, cmd.ProcessState.ExitCode(), out.String())
	require.Contains(t, out.String(), "raise 'ulimit -n'")
}
