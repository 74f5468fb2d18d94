//go:build failpoint

package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// reached returns a hook that kills this process, without any farewell, the
// n-th time that it comes to the point that HACKLOAD_FAILPOINT names
// ("launched:3"). Crash tests build the binary with the tag failpoint.
func reached(getenv func(string) string) func(point string) {
	name, count, _ := strings.Cut(getenv("HACKLOAD_FAILPOINT"), ":")
	left := int64(1)
	if n, err := strconv.ParseInt(count, 10, 64); err == nil {
		left = n
	}
	var seen atomic.Int64
	return func(point string) {
		if name != "" && point == name && seen.Add(1) == left {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal arrives
		}
	}
}
