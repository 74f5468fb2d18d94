//go:build chaos

package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
	"github.com/hackload-kz/hackload/orchestrator/internal/promtest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// crashForm is what contests that are killed have around them.
type crashForm struct {
	database *pgtest.Server   // nil: SQLite in the state directory
	metrics  *promtest.Server // nil: the metric store inside
}

// openCrashForm starts what CHAOS_STATE (sqlite or postgres) and CHAOS_METRICS
// (embedded or prometheus) name.
func openCrashForm(t *testing.T) (f crashForm) {
	t.Helper()
	var err error
	switch state := os.Getenv("CHAOS_STATE"); state {
	case "", "sqlite":
	case "postgres":
		f.database, err = pgtest.Start()
		require.NoError(t, err)
		t.Cleanup(f.database.Stop)
	default:
		t.Fatalf("CHAOS_STATE=%q: want sqlite or postgres", state)
	}
	switch metrics := os.Getenv("CHAOS_METRICS"); metrics {
	case "", "embedded":
	case "prometheus":
		program, err := promtest.Build(t.TempDir())
		require.NoError(t, err)
		f.metrics, err = promtest.Start(program)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, f.metrics.Stop()) })
	default:
		t.Fatalf("CHAOS_METRICS=%q: want embedded or prometheus", metrics)
	}
	return f
}

// String names the form for a log.
func (f crashForm) String() string {
	state, metrics := "SQLite", "embedded metrics"
	if f.database != nil {
		state = "PostgreSQL"
	}
	if f.metrics != nil {
		metrics = "a Prometheus outside"
	}
	return fmt.Sprintf("%s, %s", state, metrics)
}

// crashPlace is where one contest keeps its state, and what its processes are
// told of that.
type crashPlace struct {
	dir, database string
	environ       []string
}

// place makes room for one contest.
func (f crashForm) place(t *testing.T) crashPlace {
	t.Helper()
	p := crashPlace{dir: t.TempDir()}
	if f.database != nil {
		name, err := f.database.Database(t.Context())
		require.NoError(t, err)
		p.database = f.database.URL(pgtest.Owner, name)
		p.environ = append(p.environ, "STATE_DATABASE_URL="+p.database)
	}
	if f.metrics != nil {
		p.environ = append(p.environ, "PROMETHEUS_URL="+f.metrics.URL())
	}
	return p
}

// open reads the state while no process works on it.
func (p crashPlace) open(t *testing.T) (*store.Store, error) {
	t.Helper()
	if p.database != "" {
		return store.OpenPostgresRead(t.Context(), p.database)
	}
	return store.OpenRead(t.Context(), p.dir)
}
