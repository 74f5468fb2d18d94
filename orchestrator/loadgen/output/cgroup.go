package output

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// cgroup is what the control groups (version 2) of this process allow it.
type cgroup struct {
	cores         float64 // quota in cores; 0 when there is none
	throttled     time.Duration
	hasThrottling bool
}

// readCgroup reads the limits of the process's group and of all groups above it,
// from a file system that holds proc/ and sys/. What is missing is left zero: a
// machine without control groups has no limits.
func readCgroup(root fs.FS) cgroup {
	var c cgroup
	dir, ok := groupDir(root)
	if !ok {
		return c
	}
	for {
		if quota := readQuota(root, dir); quota > 0 && (c.cores == 0 || quota < c.cores) {
			c.cores = quota
		}
		if !c.hasThrottling {
			c.throttled, c.hasThrottling = readThrottled(root, dir)
		}
		if dir == "sys/fs/cgroup" {
			return c
		}
		dir = path.Dir(dir)
	}
}

// groupDir returns the folder of the process's own group. Inside a container
// the path may lie outside of what is mounted; then the mount is all there is.
func groupDir(root fs.FS) (string, bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue
		}
		dir := path.Join("sys/fs/cgroup", path.Clean("/"+group))
		if _, err := fs.Stat(root, dir); err != nil {
			dir = "sys/fs/cgroup"
		}
		return dir, true
	}
	return "", false
}

// readQuota returns "QUOTA PERIOD" of cpu.max in cores, 0 for "max" or nothing.
func readQuota(root fs.FS, dir string) float64 {
	text, err := fs.ReadFile(root, path.Join(dir, "cpu.max"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0
	}
	quota, err := strconv.ParseFloat(fields[0], 64)
	period, errPeriod := strconv.ParseFloat(fields[1], 64)
	if err != nil || errPeriod != nil || period <= 0 {
		return 0
	}
	return quota / period
}

func readThrottled(root fs.FS, dir string) (time.Duration, bool) {
	text, err := fs.ReadFile(root, path.Join(dir, "cpu.stat"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "throttled_usec "); ok {
			usec, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Duration(usec) * time.Microsecond, err == nil
		}
	}
	return 0, false
}
