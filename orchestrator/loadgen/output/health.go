package output

import (
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
)

const (
	schedLatencies = "/sched/latencies:seconds"
	heapObjects    = "/memory/classes/heap/objects:bytes"
	// A share of processor time over less than this says nothing: the last flush
	// may follow the one before by milliseconds, and is itself most of the work.
	shortestReading = 500 * time.Millisecond
)

// health watches this process: whether it had the processor time that it needed
// to measure honestly. It is read by one goroutine.
type health struct {
	root    fs.FS // "/", for /proc and /sys
	at      time.Time
	cpu     time.Duration
	latency *metrics.Float64Histogram
	shares  shares // as of at
}

// healthReading is what was seen since the reading before; one that comes too
// soon after it repeats its shares.
type healthReading struct {
	shares
	Heap          float64 // bytes of live and not yet collected objects
	Throttled     float64 // seconds that the control group was held back, since its start
	HasThrottling bool
}

// shares are what needs some time to be seen.
type shares struct {
	CPU          float64 // processor time used, as a share of what may be used
	SchedLatency float64 // p99 of the time goroutines waited to run, seconds
}

func newHealth(root string) *health {
	h := &health{root: os.DirFS(root)}
	h.at, h.cpu, h.latency = time.Now(), processorTime(), waits()
	return h
}

func (h *health) read() healthReading {
	group := readCgroup(h.root)
	now := time.Now()
	if wall := now.Sub(h.at); wall >= shortestReading || h.shares == (shares{}) && wall > 0 {
		cores := float64(runtime.GOMAXPROCS(0))
		if group.cores > 0 {
			cores = min(cores, group.cores)
		}
		cpu, latency := processorTime(), waits()
		h.shares = shares{
			CPU:          (cpu - h.cpu).Seconds() / (wall.Seconds() * cores),
			SchedLatency: quantileSince(h.latency, latency, 0.99),
		}
		h.at, h.cpu, h.latency = now, cpu, latency
	}
	return healthReading{shares: h.shares, Heap: heap(), Throttled: group.throttled.Seconds(), HasThrottling: group.hasThrottling}
}

// waits returns how long goroutines have waited to run, since the start.
func waits() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: schedLatencies}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return &metrics.Float64Histogram{}
	}
	return sample[0].Value.Float64Histogram()
}

func heap() float64 {
	sample := []metrics.Sample{{Name: heapObjects}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return float64(sample[0].Value.Uint64())
}

// processorTime returns the user and system time of this process.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// quantileSince returns the upper bound of the bucket that holds the q-quantile
// of what was added between two readings of a cumulative histogram. It is 0 when
// nothing was.
func quantileSince(before, now *metrics.Float64Histogram, q float64) float64 {
	counts := make([]uint64, len(now.Counts))
	var total uint64
	for i, n := range now.Counts {
		counts[i] = n
		if before != nil && i < len(before.Counts) {
			counts[i] -= before.Counts[i]
		}
		total += counts[i]
	}
	rank := uint64(math.Ceil(q * float64(total)))
	var seen uint64
	for i, n := range counts {
		if seen += n; n > 0 && seen >= rank {
			// The last bucket has no upper bound.
			if upper := now.Buckets[i+1]; !math.IsInf(upper, 1) {
				return upper
			}
			return now.Buckets[i]
		}
	}
	return 0
}
