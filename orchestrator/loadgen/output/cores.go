package output

import (
	"io/fs"
	"os"
	"runtime"
)

// Cores returns how many cores this process, and the generators that it
// starts, may use: those of the machine, or the quota of its control group
// where that is less.
func Cores() float64 { return coresOf(os.DirFS("/"), runtime.NumCPU()) }

func coresOf(root fs.FS, machine int) float64 {
	if quota := readCgroup(root).cores; quota > 0 {
		return min(quota, float64(machine))
	}
	return float64(machine)
}
