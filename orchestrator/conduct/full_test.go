package conduct_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// A generator ends a run early by the script's own thresholds. Where the contest
// has others, that would cut off what they are decided by.
func TestRunUnderOtherThresholdsGoesToItsEnd(t *testing.T) {
	t.Parallel()
	for name, overrides := range map[string]map[string][]string{
		"the script's own": nil,
		"the contest's":    {"http_req_failed{scenario:steady}": {"rate<0.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := ladder(1, 10)
			rules.Thresholds = overrides
			b := newBench(t, rules)
			b.teams = []contest.Team{team("a")}
			line, _ := b.open()
			b.drive(line, b.begin(line))
			require.Len(t, b.gens.history, 1)
			require.Equal(t, overrides != nil, b.gens.history[0].Full)
		})
	}
}
