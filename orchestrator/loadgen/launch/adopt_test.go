package launch_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

func TestAdoptionAfterTheOrchestratorWasKilled(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	helper := exec.Command(cfg.Program, "as-orchestrator", filepath.Dir(cfg.Dir))
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)
	require.NoError(t, syscall.Kill(helper.Process.Pid, syscall.SIGKILL))
	require.Error(t, helper.Wait())

	status := until(t, l, "orphan", working)
	require.Equal(t, "steady", status.Progress.Phase)
	require.NoError(t, l.Start(t.Context(), job("orphan", "run")), "what runs is not started again")
	require.Len(t, processesOf(cfg.Dir), 1)
	ids, err := l.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []contest.TestID{"orphan"}, ids)

	require.NoError(t, l.Stop(t.Context(), "orphan"))
	require.Equal(t, []int{105}, until(t, l, "orphan", done).Result.ExitCodes)
}

func TestAdoptedGeneratorIsKilled(t *testing.T) {
	t.Parallel()
	first, cfg := stage(t)
	require.NoError(t, first.Start(t.Context(), job("t-1", "run")))
	until(t, first, "t-1", working)
	first.Close()
	first.Close()
	require.ErrorIs(t, first.Start(t.Context(), job("t-2", "run")), launch.ErrClosed)
	require.ErrorIs(t, first.Stop(t.Context(), "t-1"), launch.ErrClosed)

	second := launch.New(cfg)
	defer second.Close()
	until(t, second, "t-1", working)
	require.NoError(t, syscall.Kill(pidOf(t, cfg, "t-1"), syscall.SIGKILL))
	got := until(t, second, "t-1", done).Result
	require.Equal(t, []int{-1}, got.ExitCodes)
	require.Regexp(t, `^generator 1 of 1 was killed after \d s$`, got.Trouble)
	require.NoError(t, second.Remove(t.Context(), "t-1"))
}

func pidOf(t *testing.T, cfg launch.Config, id string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cfg.Dir, id, "pid"))
	require.NoError(t, err)
	var who struct{ PID int }
	require.NoError(t, json.Unmarshal(text, &who))
	require.Positive(t, who.PID)
	return who.PID
}

// edit changes a field of a launch's pid file.
func edit(t *testing.T, cfg launch.Config, id string, change func(map[string]any)) {
	t.Helper()
	path := filepath.Join(cfg.Dir, id, "pid")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var who map[string]any
	require.NoError(t, json.Unmarshal(text, &who))
	change(who)
	text, err = json.Marshal(who)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

func TestAReusedPidIsNotTrusted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(who map[string]any)
	}{
		{"another process has the pid", func(who map[string]any) { who["pid"] = os.Getpid() }},
		{"the machine was started anew", func(who map[string]any) {
			who["pid"], who["boot"] = os.Getpid(), "00000000-0000-0000-0000-000000000000"
		}},
		{"no such process", func(who map[string]any) { who["pid"] = 1 << 30 }},
		{"a group instead of a process", func(who map[string]any) { who["pid"] = -1 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			first, cfg := stage(t)
			require.NoError(t, first.Start(t.Context(), job("t-1", "finish")))
			until(t, first, "t-1", done)
			require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "t-1", "result.json")))
			edit(t, cfg, "t-1", row.change)

			second := launch.New(cfg)
			defer second.Close()
			status, err := second.Status(t.Context(), "t-1")
			require.NoError(t, err)
			require.Equal(t, contest.LaunchDone, status.State)
			require.Equal(t, []int{-1}, status.Result.ExitCodes)
			require.False(t, status.Result.Ended.Before(status.Result.Started))
			require.NoError(t, second.Stop(t.Context(), "t-1"), "and nobody is signalled")
		})
	}
}

// A launcher that is killed right after it started a process leaves no pid.
func TestAdoptionWithoutAPidFile(t *testing.T) {
	t.Parallel()
	first, cfg := stage(t)
	require.NoError(t, first.Start(t.Context(), job("t-1", "run")))
	until(t, first, "t-1", working)
	want := pidOf(t, cfg, "t-1")
	first.Close()
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "t-1", "pid")))

	second := launch.New(cfg)
	defer second.Close()
	require.NoError(t, second.Start(t.Context(), job("t-1", "run")))
	require.Equal(t, want, pidOf(t, cfg, "t-1"))
	require.NoError(t, second.Remove(t.Context(), "t-1"))
}

// A launcher that is killed before it started the process leaves a folder.
func TestStartAfterACrashBeforeTheProcess(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	require.NoError(t, l.Start(t.Context(), job("t-1", "finish")))
	until(t, l, "t-1", done)
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "t-1", "pid")))
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "t-1", "result.json")))
	require.NoError(t, os.MkdirAll(filepath.Join(cfg.Dir, ".new-t-1", "scenario"), 0o700))
	status, err := l.Status(t.Context(), "t-1")
	require.NoError(t, err)
	require.Equal(t, contest.LaunchGone, status.State)

	require.NoError(t, l.Start(t.Context(), job("t-1", "finish")))
	require.Equal(t, []int{0}, until(t, l, "t-1", done).Result.ExitCodes)
	require.NoDirExists(t, filepath.Join(cfg.Dir, ".new-t-1"))
}

// Wherever the orchestrator is killed while it starts a launch, the next one
// ends up with exactly one generator.
func TestOneGeneratorWhereverTheOrchestratorIsKilled(t *testing.T) {
	t.Parallel()
	began := time.Now()
	l, cfg := stage(t)
	require.NoError(t, startThenKill(t, cfg, time.Hour))
	whole := time.Since(began) // until the generator ran
	require.NoError(t, l.Remove(t.Context(), "orphan"))
	for i := range 12 {
		l, cfg := stage(t)
		require.NoError(t, startThenKill(t, cfg, whole*time.Duration(i)/10))
		require.Eventually(t, func() bool {
			err := l.Start(t.Context(), job("orphan", "run"))
			return !errors.Is(err, launch.ErrStarting) && assert.NoError(t, err)
		}, 10*time.Second, time.Millisecond)
		until(t, l, "orphan", working)
		require.Len(t, processesOf(cfg.Dir), 1)
	}
}

// startThenKill runs an orchestrator that starts a launch, and kills it after a
// time, or as soon as it has said that the launch is started.
func startThenKill(t *testing.T, cfg launch.Config, after time.Duration) error {
	t.Helper()
	helper := exec.Command(cfg.Program, "as-orchestrator", filepath.Dir(cfg.Dir))
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	timer := time.AfterFunc(after, func() { _ = helper.Process.Kill() })
	defer timer.Stop()
	_, err = bufio.NewReader(out).ReadString('\n')
	_ = helper.Process.Kill()
	_ = helper.Wait() // it says that it was killed
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func TestALockSaysThatAProcessIsStarting(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	require.NoError(t, l.Start(t.Context(), job("t-1", "finish")))
	until(t, l, "t-1", done)
	dir := filepath.Join(cfg.Dir, "t-1")
	require.NoError(t, os.Remove(filepath.Join(dir, "pid")))
	require.NoError(t, os.Remove(filepath.Join(dir, "result.json")))
	lock, err := os.Open(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	_, err = l.Status(t.Context(), "t-1")
	require.ErrorIs(t, err, launch.ErrStarting)
	require.ErrorIs(t, l.Start(t.Context(), job("t-1", "finish")), launch.ErrStarting)
	require.NoError(t, lock.Close())
	require.NoError(t, l.Start(t.Context(), job("t-1", "finish")))
	until(t, l, "t-1", done)
}
