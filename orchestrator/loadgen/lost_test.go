package loadgen

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
)

func TestLost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name            string
		rule            string
		within, samples float64
		most            float64
		lost            bool
	}{
		{"five slow of a hundred may be", "p(95)<2000", 0, 5, 100, false},
		{"six may not", "p(95)<2000", 0, 6, 100, true},
		{"also with good ones between", "p(95)<2000", 90, 96, 100, true},
		{"all good", "p(95)<2000", 50, 50, 100, false},
		{"more samples than were thought possible", "p(95)<2000", 100, 110, 100, true},
		{"a lower bound", "p(50)>10", 0, 49, 100, false},
		{"a lower bound that is lost", "p(50)>10", 0, 50, 100, true},
		{"equality cannot be counted", "p(95)==5", 0, 100, 100, false},
		{"an average can still change", "avg<5", 0, 50, 100, false},
		{"rate", "rate>0.95", 0, 4, 100, false},
		{"rate on its bound", "rate>0.95", 0, 5, 100, true},
		{"rate that may be on its bound", "rate>=0.95", 0, 5, 100, false},
		{"failure rate", "rate<0.05", 4, 4, 100, false},
		{"failure rate that is lost", "rate<0.05", 5, 5, 100, true},
		{"nothing measured", "rate>0.95", 0, 0, 100, false},
		{"nothing known of what comes", "rate>0.95", 0, 50, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			th, err := contest.ParseThreshold("some_metric", tc.rule)
			require.NoError(t, err)
			r := metric.ThresholdResult{Threshold: th, Within: tc.within, Samples: tc.samples, NoSamples: tc.samples == 0}
			assert.Equal(t, tc.lost, lost(r, tc.most))
		})
	}
}

func TestUpperBound(t *testing.T) {
	t.Parallel()
	scenarios := []options.Scenario{{Name: "walk"}, {Name: "steady"}, {Name: "open"}}
	look := func(s options.Scenario) (int64, int64) {
		switch s.Name {
		case "walk":
			return 6, 7
		case "steady":
			return 100, 2
		}
		return 0, 5 // nobody knows how many iterations
	}
	for scenario, want := range map[string]float64{"walk": 42, "steady": 200, "open": 0, "none": 0} {
		rule := contest.Threshold{Tags: map[string]string{"scenario": scenario}}
		assert.InDelta(t, want, upperBound(scenarios, rule, look), 0, scenario)
	}
	assert.Zero(t, upperBound(scenarios, contest.Threshold{}, look))
	assert.InDelta(t, 242, upperBound(scenarios[:2], contest.Threshold{}, look), 0)
}
