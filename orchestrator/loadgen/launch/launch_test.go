package launch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// stage is a launcher over a folder of its own. When the test ends, whatever
// still runs there is removed, and nothing may be left.
func stage(t *testing.T) (*launch.Launcher, launch.Config) {
	t.Helper()
	cfg := config(t.TempDir())
	l := launch.New(cfg)
	t.Cleanup(func() { tearDown(t, l, cfg) })
	return l, cfg
}

func tearDown(t *testing.T, l *launch.Launcher, cfg launch.Config) {
	ctx := context.Background()
	ids, err := l.List(ctx)
	require.NoError(t, err)
	for _, id := range ids {
		require.NoError(t, l.Remove(ctx, id))
	}
	l.Close()
	require.Empty(t, processesOf(cfg.Dir), "a child was left behind")
}

// processesOf returns the command lines of live processes that name dir.
func processesOf(dir string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), dir) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// until waits for a state, which comes soon or the test is stuck.
func until(t *testing.T, l *launch.Launcher, id contest.TestID, ok func(contest.LaunchStatus) bool) contest.LaunchStatus {
	t.Helper()
	var last contest.LaunchStatus
	require.Eventually(t, func() bool {
		var err error
		last, err = l.Status(t.Context(), id)
		return err == nil && ok(last)
	}, 20*time.Second, 5*time.Millisecond, "%+v", &last)
	return last
}

func done(s contest.LaunchStatus) bool { return s.State == contest.LaunchDone }

// working holds once the generator has said something of itself.
func working(s contest.LaunchStatus) bool {
	return s.State == contest.LaunchRunning && s.Progress.VUs > 0
}

func TestLaunchRunsToItsEnd(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	status, err := l.Status(t.Context(), "t-1")
	require.NoError(t, err)
	require.Equal(t, contest.LaunchStatus{State: contest.LaunchGone}, status)

	require.NoError(t, l.Start(t.Context(), job("t-1", "finish")))
	status = until(t, l, "t-1", done)
	require.Equal(t, []int{0}, status.Result.ExitCodes)
	require.Equal(t, 1, status.Result.Generators)
	require.Empty(t, status.Result.Trouble)
	require.False(t, status.Result.Started.IsZero())
	require.Equal(t, int64(42), status.Progress.Requests)

	dir := filepath.Join(cfg.Dir, "t-1")
	require.FileExists(t, filepath.Join(dir, "scenario/lib/users.js"))
	require.NoDirExists(t, filepath.Join(dir, "scenario/node_modules"))
	text, err := os.ReadFile(filepath.Join(dir, "launch.json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "write-token")
}

func TestArgumentsAndEnvironment(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	require.NoError(t, l.Start(t.Context(), job("t-1", "finish")))
	until(t, l, "t-1", done)
	dir := filepath.Join(cfg.Dir, "t-1")
	text, err := os.ReadFile(filepath.Join(dir, "seen.json"))
	require.NoError(t, err)
	var seen struct{ Args, Env []string }
	require.NoError(t, json.Unmarshal(text, &seen))
	require.Equal(t, []string{
		"run", filepath.Join(dir, "scenario/search.js"), "--out", "prometheus-rw",
		"--tag", "testid=t-1", "--tag", "team=Good_Team", "--tag", "test_scenario=search", "--tag", "level=25",
		"--instance-id", "1", "--progress-file", filepath.Join(dir, "progress.json"),
		"--summary-export", filepath.Join(dir, "summary.json"), "--result-file", filepath.Join(dir, "result.json"),
		"--abort-when-lost", "--quiet", "--blacklist-ip", "10.0.0.0/8", "--blacklist-ip", "169.254.0.0/16",
	}, seen.Args)
	require.ElementsMatch(t, []string{
		"PATH=/usr/bin", "HOME=/root", "GOMAXPROCS=3", "TEAM=Good_Team", "API_URL=http://127.0.0.1:1/?a=b c", "BEHAVE=finish", "CODE=0",
		"K6_PROMETHEUS_RW_SERVER_URL=http://127.0.0.1:1/api/v1/write",
		"K6_PROMETHEUS_RW_BEARER_TOKEN=write-token", "K6_PROMETHEUS_RW_PUSH_INTERVAL=1s",
	}, withoutPWD(seen.Env))
}

// Whoever may list the processes of the machine learns no script's variables.
func TestVariablesAreNoArguments(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	order := job("t-1", "run")
	order.Env["API_URL"] = "http://me:canary@127.0.0.1:1"
	require.NoError(t, l.Start(t.Context(), order))
	until(t, l, "t-1", working)
	lines := processesOf(cfg.Dir)
	require.Len(t, lines, 1)
	require.NotContains(t, lines[0], "canary")
	require.NotContains(t, lines[0], "API_URL")
}

func TestFullRunIsNotEndedEarly(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	full := job("t-1", "finish")
	full.Full = true
	require.NoError(t, l.Start(t.Context(), full))
	until(t, l, "t-1", done)
	text, err := os.ReadFile(filepath.Join(cfg.Dir, "t-1", "seen.json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "abort-when-lost")
}

// withoutPWD drops the variable that Go sets itself beside a working directory.
func withoutPWD(env []string) []string {
	var out []string
	for _, pair := range env {
		if !strings.HasPrefix(pair, "PWD=") {
			out = append(out, pair)
		}
	}
	return out
}

func TestHowGeneratorsEnd(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, behaviour string
		code, want      int
		trouble         string // pattern; empty for none
	}{
		{"generic timeout", "finish", 102, 102, `^generator 1 of 1 ran out of time after \d s$`},
		{"configuration refused", "finish", 104, 104, `^generator 1 of 1 refused its configuration after \d s$`},
		{"Go panic with a result", "finish", 109, 109, `^generator 1 of 1 panicked after \d s$`},
		{"ended without a result", "crash", 3, 3, `^generator 1 of 1 ended with exit code 3 after \d s: about to go wrong at http://\*\*\*@host/x\?y=z@home$`},
		{"zero without a result", "crash", 0, 0, ``},
		{"panic", "panic", 0, 2, `ended with exit code 2 after \d s: panic: no more memory for virtual users`},
		{"killed", "die", 0, -1, `^generator 1 of 1 was killed after \d s$`},
		{"another signal", "segfault", 0, 2, `ended with exit code 2 after \d s: `},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l, _ := stage(t)
			order := job("t-1", row.behaviour)
			order.Env["CODE"] = fmt.Sprint(row.code)
			require.NoError(t, l.Start(t.Context(), order))
			require.NoError(t, l.Wait(t.Context()))
			got := until(t, l, "t-1", done).Result
			require.Equal(t, []int{row.want}, got.ExitCodes)
			if row.want == 104 {
				require.Empty(t, got.Trouble)
				require.Regexp(t, row.trouble, got.Unusable)
				return
			}
			require.Empty(t, got.Unusable)
			if row.trouble == "" {
				require.Empty(t, got.Trouble)
				return
			}
			require.Regexp(t, row.trouble, got.Trouble)
		})
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	require.NoError(t, l.Start(t.Context(), job("t-1", "chatter")))
	until(t, l, "t-1", working)
	path := filepath.Join(cfg.Dir, "t-1", "log")
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() <= 1<<20
	}, 20*time.Second, 5*time.Millisecond)
	require.FileExists(t, path+".old")
}
