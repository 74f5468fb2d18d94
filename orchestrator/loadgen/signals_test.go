package loadgen_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

func TestSignals(t *testing.T) {
	ctx, hard, stop := loadgen.Signals(t.Context())
	defer stop()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the first signal was not seen")
	}
	select {
	case <-hard:
		t.Fatal("one signal is not a hard stop")
	default:
	}
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	select {
	case <-hard:
	case <-time.After(10 * time.Second):
		t.Fatal("the second signal was not seen")
	}
	assert.ErrorContains(t, ctx.Err(), "canceled")
}
