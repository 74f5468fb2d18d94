package metricstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// TestSnapshotWhileWriting copies a store that is being written to, and finds
// in the copy all that had been answered with 2xx before.
func TestSnapshotWhileWriting(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "metrics")
	live, _ := start(t, metricstore.Config{Dir: dir})
	require.NoError(t, live.Authorise("a", "token-a"))
	require.NoError(t, live.Authorise("late", "token-late"))
	from := time.Now().Add(-time.Hour)
	written := 0
	more := func() {
		written++
		assert.NoError(t, push(t, live.WriteURL(), "token-a",
			counter("k6_iterations_total", "a", float64(written), from.Add(time.Duration(written)*time.Second)),
			histogramSeries("k6_http_req_duration_seconds", "a", latencies(written), 3, from.Add(time.Duration(written)*time.Second))))
	}
	for range 20 {
		more()
	}
	// A sample that came out of order is in a log of its own.
	for _, at := range []time.Duration{50 * time.Minute, 40 * time.Minute} {
		require.NoError(t, push(t, live.WriteURL(), "token-late", counter("k6_late_total", "late", 1, from.Add(at))))
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	before := written
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				more()
			}
		}
	}()
	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, metricstore.Snapshot(t.Context(), dir, copied))
	close(stop)
	<-stopped

	again, _ := start(t, metricstore.Config{Dir: copied})
	var got int
	_, err := fmt.Sscan(vector(t, again.URL(), `last_over_time(k6_iterations_total[2h])`)["a"], &got)
	require.NoError(t, err)
	require.GreaterOrEqual(t, got, before)
	require.LessOrEqual(t, got, written)
	require.Equal(t, "2", vector(t, again.URL(), `count_over_time(k6_late_total[2h])`)["late"])
	require.NotEmpty(t, vector(t, again.URL(), `histogram_count(last_over_time(k6_http_req_duration_seconds[2h]))`)["a"])
	require.NoError(t, again.Authorise("b", "token-b"))
	require.NoError(t, push(t, again.WriteURL(), "token-b", counter("k6_iterations_total", "b", 9, time.Now())), "and it goes on")
}

func TestDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "metrics")
	start(t, metricstore.Config{Dir: dir})
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestKept(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"wal/00000003": true, "wbl/00000000": true, "wal/checkpoint.00000002/00000000": true,
		"01KB3Z8QK0XJ6T4W2M9V7C5D1E/meta.json": true, "01KB3Z8QK0XJ6T4W2M9V7C5D1E/chunks/000001": true,
		"lock": false, "chunks_head/000001": false, "wal/../../x": false, "../wal/00000003": false, "/wal/00000003": false,
		"wal/checkpoint.00000002.tmp/00000000": false, "01KB3Z8QK0XJ6T4W2M9V7C5D1E.tmp-for-creation/index": false,
		"wal/00000003\n": false, "": false,
	} {
		require.Equal(t, want, metricstore.Kept(path), path)
	}
}
