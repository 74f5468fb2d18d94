package verdict

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var update = flag.Bool("update", false, "write the verdicts of testdata anew")

// TestJudgeCases reads rules, evidence and the wanted verdict from each file of
// testdata/judge. The evidence is given as what differs from healthy.json.
func TestJudgeCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/judge/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			rules, e, want := readCase(t, file)
			got := show(Judge(rules, e))
			if *update {
				writeVerdict(t, file, got)
				return
			}
			assert.Equal(t, want, got)
		})
	}
}

func readCase(t *testing.T, file string) (Rules, contest.Evidence, string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	parts := strings.SplitN(string(text), "---\n", 3)
	require.Len(t, parts, 3, "want rules, --- , evidence, ---, verdict")
	return parseRules(t, parts[0]), evidenceWith(t, parts[1]), parts[2]
}

func writeVerdict(t *testing.T, file, verdict string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	parts := strings.SplitN(string(text), "---\n", 3)
	require.NoError(t, os.WriteFile(file, []byte(parts[0]+"---\n"+parts[1]+"---\n"+verdict), 0o644))
}

// parseRules reads a criterion with its named rule, then a threshold a line.
func parseRules(t *testing.T, text string) Rules {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	criterion, rule, _ := strings.Cut(lines[0], " ")
	if len(lines) == 1 {
		return Rules{Criterion: contest.Criterion(criterion), Judged: steady, MinDelivered: 0.99, CPULimit: 0.85, VULimit: 0.9}
	}
	var thresholds []contest.Threshold
	for _, line := range lines[1:] {
		thresholds = append(thresholds, threshold(t, line))
	}
	rules, err := RulesFor(contest.Criterion(criterion), thresholds, nil)
	require.NoError(t, err)
	return rules.Under(rule)
}

func threshold(t *testing.T, line string) contest.Threshold {
	t.Helper()
	selector, expression, _ := strings.Cut(line, ": ")
	parsed, err := contest.ParseThreshold(selector, expression)
	require.NoError(t, err)
	return parsed
}

// evidenceWith lays the keys of a JSON object over the healthy evidence.
func evidenceWith(t *testing.T, differs string) contest.Evidence {
	t.Helper()
	merged := map[string]json.RawMessage{}
	healthy, err := os.ReadFile("testdata/healthy.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(healthy, &merged))
	over := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal([]byte(differs), &over))
	maps.Copy(merged, over)

	var counts []struct {
		Rule            string
		Within, Samples float64
	}
	require.NoError(t, json.Unmarshal(merged["thresholds"], &counts))
	delete(merged, "thresholds")
	text, err := json.Marshal(merged)
	require.NoError(t, err)
	var e contest.Evidence
	require.NoError(t, json.Unmarshal(text, &e))
	for _, c := range counts {
		e.Thresholds = append(e.Thresholds, contest.ThresholdCount{Threshold: threshold(t, c.Rule), Within: c.Within, Samples: c.Samples})
	}
	return e
}

func show(v contest.RunVerdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", v.Outcome)
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "%s | %s | %v %s %v %s | %s\n", f.Outcome, f.Rule, f.Value, f.Op, f.Bound, f.Unit, f.Sentence)
	}
	return b.String()
}

// TestStoredVerdictsAgree sends rules, evidence and verdict through JSON, as the
// state database does, and derives each verdict again.
func TestStoredVerdictsAgree(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/judge/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		rules, e, _ := readCase(t, file)
		stored := Judge(rules, e)
		var rulesBack Rules
		var evidenceBack contest.Evidence
		var verdictBack contest.RunVerdict
		throughJSON(t, rules, &rulesBack)
		throughJSON(t, e, &evidenceBack)
		throughJSON(t, stored, &verdictBack)
		assert.Empty(t, Explain(rulesBack, evidenceBack, verdictBack), file)
	}
}

func throughJSON(t *testing.T, from, to any) {
	t.Helper()
	text, err := json.Marshal(from)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

// TestMoreFailuresNeverHelp worsens evidence step by step: what has failed must
// not pass later.
func TestMoreFailuresNeverHelp(t *testing.T) {
	t.Parallel()
	rules := parseRules(t, "EVENT_SEARCH\nhttp_req_duration{scenario:steady}: p(95)<2000\nhttp_req_failed{scenario:steady}: rate<0.05\ndouble_sold_seats: count<1\n")
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		e := evidenceWith(t, "{}")
		n := float64(1 + random.IntN(20000))
		e.Script.Scenarios[0].Planned = int64(n)
		e.Counts = []contest.Count{{Name: "iterations", Scenario: steady, Value: n}, {Name: "http_reqs", Scenario: steady, Value: n}}
		e.Thresholds = []contest.ThresholdCount{
			{Threshold: rules.Thresholds[0], Within: n, Samples: n},
			{Threshold: rules.Thresholds[1], Within: 0, Samples: n},
			{Threshold: rules.Thresholds[2]},
		}
		e.Generators[0].CPU = random.Float64()
		failed := false
		for range 30 {
			worsen(random, &e)
			outcome := Judge(rules, e).Outcome
			require.False(t, failed && outcome == contest.OutcomePassed, "passed again with %+v", e.Thresholds)
			failed = failed || outcome == contest.OutcomeFailed
		}
	}
}

func worsen(random *rand.Rand, e *contest.Evidence) {
	some := func(of float64) float64 { return math.Floor(random.Float64() * of / 8) }
	switch random.IntN(4) {
	case 0:
		e.Thresholds[0].Within -= some(e.Thresholds[0].Within)
	case 1:
		e.Thresholds[1].Within += some(e.Thresholds[1].Samples - e.Thresholds[1].Within)
	case 2:
		e.Counts[0].Value -= some(e.Counts[0].Value)
	case 3:
		if random.IntN(20) == 0 {
			e.Thresholds[2].Within++
		}
	}
}

func TestFindingsCarryOnlyWhatJSONCan(t *testing.T) {
	t.Parallel()
	rules := parseRules(t, "EVENT_SEARCH\nhttp_req_duration{scenario:steady}: p(95)<2000\nhttp_req_failed{scenario:steady}: rate<0.05\n")
	e := evidenceWith(t, "{}")
	bad := contest.Quantile{Value: math.NaN(), Low: math.Inf(-1), High: math.Inf(1)}
	e.Latency.P95 = bad
	e.Generators[0].CPU, e.Generators[0].SchedLatency = math.Inf(1), math.Inf(1)
	e.Counts = append(e.Counts, contest.Count{Name: "http_reqs", Scenario: steady, Value: math.Inf(1)})
	_, err := json.Marshal(Judge(rules, e))
	require.NoError(t, err)
}

func TestExplainAgreesWithItselfAndNamesWhatWasChanged(t *testing.T) {
	t.Parallel()
	rules := parseRules(t, "EVENT_SEARCH\nhttp_req_duration{scenario:steady}: p(95)<2000\nhttp_req_failed{scenario:steady}: rate<0.05\n")
	e := evidenceWith(t, "{}")
	const rule = "http_req_failed{scenario:steady}: rate<0.05"
	tests := []struct {
		name   string
		tamper func(r *Rules, e *contest.Evidence, v *contest.RunVerdict)
		want   string // part of a sentence; empty: none at all
	}{
		{"nothing", func(*Rules, *contest.Evidence, *contest.RunVerdict) {}, ""},
		{"outcome", func(_ *Rules, _ *contest.Evidence, v *contest.RunVerdict) { v.Outcome = contest.OutcomeFailed }, "outcome: stored failed, derived passed"},
		{"a stored value", func(_ *Rules, _ *contest.Evidence, v *contest.RunVerdict) { v.Findings[find(v, rule)].Value = 1.25 }, rule + ": value is stored as 1.25, derived as 0.2"},
		{"a stored sentence", func(_ *Rules, _ *contest.Evidence, v *contest.RunVerdict) { v.Findings[find(v, rule)].Sentence = "" }, rule + ": sentence"},
		{"a finding taken out", func(_ *Rules, _ *contest.Evidence, v *contest.RunVerdict) { v.Findings = v.Findings[1:] }, "preflight: derived passed, but"},
		{"a finding put in", func(_ *Rules, _ *contest.Evidence, v *contest.RunVerdict) {
			v.Findings = append(v.Findings, contest.Finding{Rule: "luck", Outcome: contest.OutcomePassed})
		}, "luck: stored passed, but nothing leads to"},
		{"the evidence", func(_ *Rules, e *contest.Evidence, _ *contest.RunVerdict) { e.Thresholds[1].Within = 41 }, rule + ": sentence"},
		{"the rules", func(r *Rules, _ *contest.Evidence, _ *contest.RunVerdict) { r.MinDelivered = 0.5 }, "delivered: bound is stored as"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stored, r, ev := Judge(rules, e), rules, e
			ev.Thresholds = append([]contest.ThresholdCount(nil), e.Thresholds...)
			tt.tamper(&r, &ev, &stored)
			got := strings.Join(Explain(r, ev, stored), "\n")
			if tt.want == "" {
				assert.Empty(t, got)
				return
			}
			assert.Contains(t, got, tt.want)
		})
	}
}

func find(v *contest.RunVerdict, rule string) int {
	for i, f := range v.Findings {
		if f.Rule == rule {
			return i
		}
	}
	return -1
}
