package output

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCgroup(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, row := range []struct {
		name  string
		files fstest.MapFS
		want  cgroup
	}{
		{"no control groups", fstest.MapFS{}, cgroup{}},
		{"version 1", fstest.MapFS{"proc/self/cgroup": file("3:cpu,cpuacct:/a\n")}, cgroup{}},
		{"half a core, throttled", fstest.MapFS{
			"proc/self/cgroup":       file("0::/\n"),
			"sys/fs/cgroup/cpu.max":  file("50000 100000\n"),
			"sys/fs/cgroup/cpu.stat": file("usage_usec 5\nthrottled_usec 2500000\n"),
		}, cgroup{0.5, 2500 * time.Millisecond, true}},
		{"no quota", fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/cpu.max": file("max 100000\n"),
		}, cgroup{}},
		{"the tightest of nested groups", fstest.MapFS{
			"proc/self/cgroup":            file("1:name=x:/\n0::/a/b\n"),
			"sys/fs/cgroup/a/b/cpu.max":   file("max 100000\n"),
			"sys/fs/cgroup/a/cpu.max":     file("150000 100000\n"),
			"sys/fs/cgroup/cpu.max":       file("400000 100000\n"),
			"sys/fs/cgroup/a/b/cpu.stat":  file("throttled_usec 7\n"),
			"sys/fs/cgroup/a/cpu.stat":    file("throttled_usec 9\n"),
			"sys/fs/cgroup/unrelated/max": file("1"),
		}, cgroup{1.5, 7 * time.Microsecond, true}},
		{"a path outside of the mount", fstest.MapFS{
			"proc/self/cgroup": file("0::/../../pod/x\n"), "sys/fs/cgroup/cpu.max": file("100000 100000"),
		}, cgroup{1, 0, false}},
		{"nonsense", fstest.MapFS{
			"proc/self/cgroup":      file("0::/\n"),
			"sys/fs/cgroup/cpu.max": file("many few\n"), "sys/fs/cgroup/cpu.stat": file("throttled_usec x\n"),
		}, cgroup{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, readCgroup(row.files))
		})
	}
}

func TestCores(t *testing.T) {
	t.Parallel()
	quota := func(text string) fstest.MapFS {
		return fstest.MapFS{"proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/cpu.max": {Data: []byte(text)}}
	}
	require.Equal(t, 0.5, coresOf(quota("50000 100000"), 8))
	require.Equal(t, 8.0, coresOf(quota("max 100000"), 8))
	require.Equal(t, 2.0, coresOf(quota("800000 100000"), 2), "a quota adds no cores")
	require.Equal(t, 4.0, coresOf(fstest.MapFS{}, 4))
	require.Positive(t, Cores())
}

func TestQuantileSince(t *testing.T) {
	t.Parallel()
	before := &metrics.Float64Histogram{Counts: []uint64{100, 0, 0}, Buckets: []float64{0, 1, 2, 3}}
	now := &metrics.Float64Histogram{Counts: []uint64{198, 1, 1}, Buckets: []float64{0, 1, 2, 3}}
	require.Equal(t, 2.0, quantileSince(before, now, 0.99), "only what came since counts")
	require.Equal(t, 1.0, quantileSince(nil, now, 0.5))
	require.Zero(t, quantileSince(now, now, 0.99))
}

func TestHealthSeesWork(t *testing.T) {
	h := newHealth("/")
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; {
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(runtime.Gosched)
		}
		wg.Wait()
	}
	r := h.read()
	require.Greater(t, r.SchedLatency, 0.0)
	require.Greater(t, r.CPU, 0.0)
	require.Greater(t, r.Heap, 0.0)
}

func FuzzLabels(f *testing.F) {
	for _, s := range []string{"name", "__name__", "9", "", "odd-key", "\xff", "ключ"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		require.Regexp(t, `^[a-zA-Z_][a-zA-Z0-9_]*$`, labelName(key))
		require.NotRegexp(t, `^__`, labelName(key))
		require.LessOrEqual(t, len(labelValue(value)), maxLabelValue)
	})
}

// The last flush may follow the one before at once. Its own work over so short a
// time must not make an idle generator look busy.
func TestHealthOfAShortMomentRepeatsTheLast(t *testing.T) {
	t.Parallel()
	h := newHealth("/")
	h.at, h.cpu = h.at.Add(-time.Hour), h.cpu-time.Minute
	long := h.read().shares
	require.Positive(t, long.CPU)
	require.Less(t, long.CPU, 0.5)
	h.at, h.cpu = time.Now().Add(time.Hour), h.cpu-time.Hour // busy, and no pause of this machine makes it long
	require.Equal(t, long, h.read().shares)
	h.at = time.Now().Add(-time.Second)
	require.Greater(t, h.read().CPU, 1.0, "the next reading covers it")
}
