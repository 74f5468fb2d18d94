package main

import (
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"

	"github.com/hackload-kz/hackload/orchestrator/config"
)

// garbage is how much may wait to be collected, in percent of what is in use: half
// of Go's default, because memory is scarcer here than time on a processor.
const garbage = 50

// holdBack makes the runtime keep to what the process may use: its memory to what
// [config.Config.MemoryLimit] makes of MEMORY_LIMIT_MB, its threads to
// CPU_LIMIT_CORES rounded up. Go's own variables win where they are set. Load
// generators are processes of their own and are not meant: LOADGEN_GOMEMLIMIT and
// LOADGEN_GOMAXPROCS are theirs.
func holdBack(c *config.Config, getenv func(string) string, log *slog.Logger) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.MemoryLimit())
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(c.Procs(), runtime.NumCPU()))
	}
	heap := debug.SetMemoryLimit(-1)
	megabytes := any(heap >> 20)
	if heap == math.MaxInt64 { // GOMEMLIMIT=off
		megabytes = "unlimited"
	}
	log.Info("limits of this process, generators not counted", "memory_mb", c.Limits.MemoryMB, "heap_mb", megabytes,
		"cpu_cores", c.Limits.CPUCores, "gomaxprocs", runtime.GOMAXPROCS(0))
}
