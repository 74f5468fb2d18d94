package launch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*contest.Launch, *launch.Config)
		want   string
	}{
		{"scenario too long", func(o *contest.Launch, _ *launch.Config) { o.Scenario = strings.Repeat("x", 65) }, "is not a script's name"},
		{"no program", func(_ *contest.Launch, c *launch.Config) { c.Program = "/nowhere/hackload" }, "start launch t-1: fork/exec /nowhere/hackload: no such file"},
		{"too many files", func(_ *contest.Launch, c *launch.Config) { c.Scenarios = crowded() }, "more than 1000 files"},
		{"too much data", func(_ *contest.Launch, c *launch.Config) {
			c.Scenarios = fstest.MapFS{"search.js": {Data: make([]byte, 64<<20+1)}}
		}, "more than 64 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg, order := config(t.TempDir()), job("t-1", "finish")
			row.change(&order, &cfg)
			l := launch.New(cfg)
			defer l.Close()
			require.ErrorContains(t, l.Start(t.Context(), order), row.want)
			entries, err := os.ReadDir(cfg.Dir)
			require.True(t, err == nil || errors.Is(err, os.ErrNotExist))
			require.Empty(t, entries, "nothing is left")
		})
	}
}

func crowded() fstest.MapFS {
	files := fstest.MapFS{"search.js": {}}
	for i := range 1000 {
		files[fmt.Sprintf("data/%d.json", i)] = &fstest.MapFile{}
	}
	return files
}

func TestInspect(t *testing.T) {
	t.Parallel()
	l, cfg := stage(t)
	script, err := l.Inspect(t.Context(), "search", map[string]string{"USERS": "25"})
	require.NoError(t, err)
	require.Equal(t, contest.Script{Name: "search", SHA256: "25"}, script)
	for _, row := range []struct{ name, scenario, behaviour, want string }{
		{"broken script", "search", "broken", "script search.js: line 3: unexpected token (exit status 107)"},
		{"no words", "search", "silent", "inspect scenario search: exit status 3"},
		{"no end of output", "search", "endless", "wrote more than 1048576 bytes"},
		{"not JSON", "search", "nonsense", "read the generator's answer"},
		{"unknown", "typo", "", "there is no scenario typo"},
		{"outside", "../x", "", "not a script's name"},
	} {
		_, err := l.Inspect(t.Context(), row.scenario, map[string]string{"BEHAVE": row.behaviour})
		require.ErrorContains(t, err, row.want, row.name)
		require.Equal(t, row.name == "broken script", errors.Is(err, contest.ErrUnusable), row.name)
	}
	_, err = l.Inspect(t.Context(), "search", map[string]string{"": "x"})
	require.ErrorContains(t, err, "cannot be handed")

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = l.Inspect(ctx, "search", map[string]string{"BEHAVE": "hang"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	entries, err := os.ReadDir(cfg.Dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func ExampleWriteResult() {
	dir, err := os.MkdirTemp("", "launch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "result.json")
	err = launch.WriteResult(path, launch.Result{
		ExitCode: 99, Started: time.Unix(0, 0).UTC(), Ended: time.Unix(41, 0).UTC(),
	})
	text, _ := os.ReadFile(path)
	fmt.Print(string(text))
	fmt.Println(err)
	// Output:
	// {"exitCode":99,"aborted":false,"started":"1970-01-01T00:00:00Z","ended":"1970-01-01T00:00:41Z"}
	// <nil>
}
