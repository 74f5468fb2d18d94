package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

func TestInterruptedRunLeavesNoLoad(t *testing.T) {
	t.Parallel()
	o, state := standUp(t), t.TempDir()
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, "run", "search", "--target", o.service, "--users", "2", "--duration", "10m", "--state", state)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return launched(t, state) }, 5*time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait()
	require.Equal(t, exitTrouble, cmd.ProcessState.ExitCode(), out.String())
	requireNoChild(t, state)
}

func TestPublishedByHand(t *testing.T) {
	t.Parallel()
	publish := func(t *testing.T, o *outside) (code int, output string) {
		state := t.TempDir()
		return hackload(t, nil, "run", "search", "--target", o.service, "--team", "good", "--users", "2", "--duration", "1s",
			"--state", state, "--publish", "--config", o.config(t, state))
	}
	t.Run("the hub takes it", func(t *testing.T) {
		t.Parallel()
		o := standUp(t)
		code, output := publish(t, o)
		require.Equal(t, exitDone, code, output)
		history, err := o.hub.History(t.Context())
		require.NoError(t, err)
		require.Len(t, history, 1)
		require.Equal(t, contest.EventSearch, history[0].Criterion)
	})
	t.Run("the hub refuses it", func(t *testing.T) {
		t.Parallel()
		o := standUp(t)
		o.hub.Fail(func(r *http.Request) *labhub.Fault {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if bytes.Contains(body, []byte("EVENT_SEARCH")) {
				return &labhub.Fault{Status: http.StatusBadRequest, Body: `{"error":"not today"}`}
			}
			return nil
		})
		code, output := publish(t, o)
		require.Equal(t, exitTrouble, code, output)
		require.Contains(t, output, "the hub refused good EVENT_SEARCH")
		require.Contains(t, output, "not today")
	})
	t.Run("a script of no criterion", func(t *testing.T) {
		t.Parallel()
		o, state := standUp(t), t.TempDir()
		script := filepath.Join(state, "own.js")
		require.NoError(t, os.WriteFile(script, []byte("export default function () {}"), 0o600))
		code, output := hackload(t, nil, "run", script, "--target", o.service, "--publish", "--config", o.config(t, state))
		require.Equal(t, exitUsage, code, output)
		require.Contains(t, output, "script own belongs to no criterion")
	})
}

// Our own generator stands in for k6: it is found on the PATH, minded, and what
// it measured is judged.
func TestRunByHandWithK6(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	bin := t.TempDir()
	run := func(service string) (code int, output string) {
		return hackload(t, []string{"PATH=" + bin}, "run", "search", "--target", service, "--users", "5", "--duration", "2s", "--launcher", "k6", "--state", t.TempDir())
	}
	o := standUp(t)
	code, output := run(o.service)
	require.Equal(t, exitUsage, code, output)
	require.Contains(t, output, "install k6, or name the program in load.k6_program")

	require.NoError(t, os.Symlink(path, filepath.Join(bin, "k6")))
	code, output = run(o.service)
	require.Equal(t, exitDone, code, output)
	require.Contains(t, output, "Verdict  passed")
	require.Contains(t, output, "1 of 1 load generators reported to the end.")
}
