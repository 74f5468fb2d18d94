package launch_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// dieOf kills this process once its heap is larger than a number of bytes, as the
// kernel does with a container that has no more memory.
func dieOf(bytes uint64) {
	go func() {
		for ; ; time.Sleep(5 * time.Millisecond) {
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapAlloc > bytes {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
	}()
}

// A script that takes memory without end is the generator's trouble: it says
// nothing of the team's service.
func TestScriptWithoutEndOfMemory(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.Args = []string{"as-small-loadgen"}
	cfg.Scenarios = fstest.MapFS{"search.js": {Data: []byte(`export const options = { duration: '1m' };
		export default function () { const all = []; for (;;) all.push(new Array(1000).fill(all.length)) }`)}}
	l := launch.New(cfg)
	t.Cleanup(func() { tearDown(t, l, cfg) })
	require.NoError(t, l.Start(t.Context(), job("t-1", "")))
	require.NoError(t, l.Wait(t.Context()))
	got := until(t, l, "t-1", done).Result
	require.Regexp(t, `^generator 1 of 1 was killed after \d+ s$`, got.Trouble)
	require.Empty(t, got.Unusable)
	require.False(t, got.Aborted)
	require.Equal(t, []int{-1}, got.ExitCodes)
}
