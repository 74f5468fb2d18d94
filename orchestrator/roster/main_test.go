package roster

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// teardown is what a build tag's tests need at the end.
var teardown = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	teardown()
	if err := goleak.Find(); err != nil && code == 0 {
		println("goroutines left behind:", err.Error())
		code = 1
	}
	os.Exit(code)
}
