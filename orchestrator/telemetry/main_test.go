package telemetry_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a secret that must arrive nowhere.
const canary = "canary-8f3a1c/+ secret"
