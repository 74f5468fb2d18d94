package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestLongestSilence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"60s": 65 * time.Second, "1500": 6500 * time.Millisecond, "500 ms": 5500 * time.Millisecond, "2min": 125 * time.Second, "0": 0, "0s": 0,
	} {
		got, err := store.LongestSilence(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "soon", "-1", "-5s", "1 fortnight"} {
		_, err := store.LongestSilence(text)
		require.ErrorContains(t, err, "want a time like 60s", text)
	}
}
