package httpx_test

import (
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// The test binary also plays a generator that has no file descriptor left.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "without-descriptors" {
		syscall.Exit(withoutDescriptors(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}
