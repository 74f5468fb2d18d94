//go:build !postgres

package store_test

import (
	"testing"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// The tests of what holds on both databases run on the one that fresh opens.
const (
	foreignKey = "FOREIGN KEY constraint"
	readOnly   = "readonly"
)

func fresh(t testing.TB) *store.Store {
	t.Helper()
	return open(t, t.TempDir())
}
