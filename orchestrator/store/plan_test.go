package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// Tables that grow during a contest are looked up by an index, so that the last
// day's pages and steps are as quick as the first's.
func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	indexes := map[string]string{
		"due":             "SEARCH outbox USING INDEX outbox_due (state=? AND due_at<?)",
		"lease":           "SEARCH runs USING INDEX runs_by_state (state=?)",
		"verdicts":        "SEARCH n USING COVERING INDEX verdicts_newest (slug=? AND criterion<?)",
		"verdicts at":     "SEARCH n USING COVERING INDEX verdicts_newest (slug=? AND criterion=? AND at<?)",
		"verdicts before": "SEARCH n USING COVERING INDEX verdicts_newest (slug=? AND criterion=? AND at<?)",
		"runs at":         "SEARCH runs USING INDEX runs_by_time (planned_at<?)",
		"runs in round":   "SEARCH runs USING INDEX runs_by_round (round_id=? AND state=?)",
		"runs in states":  "SEARCH runs USING INDEX runs_by_state (state=?)",
		"newest runs":     "SCAN runs USING INDEX runs_by_time", // from its end, as far as LIMIT
		"carried":         "SEARCH runs USING INDEX runs_by_criterion (criterion=? AND round_id<?)",
		"runs of team":    "SEARCH runs USING INDEX runs_by_team (slug=?)",
	}
	for name, query := range store.Queries() {
		plan, err := store.Explain(t.Context(), s, query)
		require.NoError(t, err, name)
		require.Contains(t, plan, indexes[name], name)
		for _, step := range plan {
			table, scans := strings.CutPrefix(step, "SCAN ")
			full := scans && slices.Contains([]string{"runs", "verdicts", "outbox", "p", "v", "n"}, table)
			require.False(t, full, "%s reads a whole table: %s", name, step)
		}
	}
}
