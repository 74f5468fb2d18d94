package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestExplainNamesATamperedRow(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, output := hackload(t, nil, "run", "search", "--target", refusing, "--state", state)
	require.Equal(t, exitFailed, code, output)
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	runs, err := s.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	for _, row := range []struct{ name, was, is, told string }{
		{"outcome", `"outcome":"failed"`, `"outcome":"passed"`, "run: its outcome is passed, evidence and verdict have failed"},
		{"team", `"slug":"local"`, `"slug":"other"`, "run: its team is other, evidence and verdict have local"},
		{"level", `"users":10`, `"users":9000`, "run: its level is"},
	} {
		t.Run(row.name, func(t *testing.T) {
			const swap = `UPDATE runs SET doc = replace(doc, ?, ?)`
			_, err := s.DB().Exec(swap, row.was, row.is)
			require.NoError(t, err)
			var out bytes.Buffer
			err = explain(t.Context(), &out, config.State{Dir: state}, string(runs[0].ID))
			var e *exit
			require.ErrorAs(t, err, &e)
			require.Equal(t, exitFailed, e.code)
			require.Contains(t, out.String(), row.told)
			_, err = s.DB().Exec(swap, row.is, row.was)
			require.NoError(t, err)
			require.NoError(t, explain(t.Context(), &out, config.State{Dir: state}, string(runs[0].ID)))
		})
	}
}
