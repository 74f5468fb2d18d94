package verdict

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func service(t *testing.T, name contest.Criterion) contest.Service {
	t.Helper()
	s, err := contest.FindService(string(name))
	require.NoError(t, err)
	return s
}

func TestClimbStatusAndScore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		cfg     LadderConfig
		done    string
		status  contest.Status
		score   int
		invalid bool
	}{
		{"sum of the levels passed", ladderOf(1, 1, 2, 4), "0.0.0=p 1.0.0=p 2.0.0=f", contest.Passed, 3, false},
		{"highest level passed", highest(ladderOf(1, 10, 20, 30)), "0.0.0=p 1.0.0=p 2.0.0=f", contest.Passed, 20, false},
		{"all of them", ladderOf(1, 1, 2, 4), "0.0.0=p 1.0.0=p 2.0.0=p", contest.Passed, 7, false},
		{"none", ladderOf(1, 1), "0.0.0=f", contest.Failed, 0, false},
		{"the majority of three", ladderOf(3, 1), "0.0.0=f 0.1.0=p 0.2.0=p", contest.Passed, 1, false},
		{"not measured is no failure", ladderOf(1, 1), "0.0.0=i 0.0.1=i 0.0.2=i", contest.NoData, 0, true},
		{"what was passed below stays", ladderOf(1, 1, 1), "0.0.0=p 1.0.0=i 1.0.1=i 1.0.2=i", contest.Passed, 1, true},
		{"nothing tried", ladderOf(1, 1), "", contest.NoData, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := Climb(ClimbInput{Service: service(t, contest.EventSearch), Ladder: tt.cfg, Results: climbed(t, tt.done), At: noon})
			assert.Equal(t, tt.status, v.Status)
			assert.Equal(t, tt.score, v.Score)
			assert.Equal(t, tt.invalid, v.Invalid)
			assert.NotNil(t, v.Metrics, "the Hub keeps old metrics when none are sent")
			assert.Len(t, v.Runs, strings.Count(tt.done, "="))
		})
	}
}

func highest(cfg LadderConfig) LadderConfig {
	cfg.Score = "highest"
	return cfg
}

func TestLevelIsShownByItsMedianRun(t *testing.T) {
	t.Parallel()
	done := climbed(t, "0.0.0=p@100 0.1.0=f@2500 0.2.0=p@120")
	v := Climb(ClimbInput{Service: service(t, contest.EventSearch), Ladder: ladderOf(3, 1), Results: done, At: noon})
	assert.InDelta(t, 120, v.Metrics["p95"], 0)
	require.Len(t, v.Findings, 2)
	assert.Equal(t, "level 1 spread", v.Findings[1].Rule)
	assert.Equal(t, contest.OutcomeWarning, v.Findings[1].Outcome)
	assert.Contains(t, v.Findings[1].Sentence, "by a factor of 25")
}

func TestWalkRuleScoresHalfForTheWalkAndHalfForItsSuccess(t *testing.T) {
	t.Parallel()
	for requests, want := range map[float64]int{42: 30, 41: 15} {
		r := climbed(t, "0.0.0=p")
		r[0].Evidence.Counts = []contest.Count{{Name: "http_reqs", Scenario: walk, Label: "true", Value: requests}}
		cfg := ladderOf(1, 30)
		cfg.Rule = "walk"
		v := Climb(ClimbInput{Service: service(t, contest.AuthPerformance), Ladder: cfg, Results: r, At: noon})
		assert.Equal(t, want, v.Score, "%v requests", requests)
	}
}

// TestMetrics compares all that the Hub is told with testdata/metrics.
func TestMetrics(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, evidence, outcome string }{
		{"EVENT_SEARCH", "passed", "p"},
		{"ARCHIVE_SEARCH", "slow-service", "f"},
		{"AUTH_PERFORMANCE", "auth", "p"},
		{"TICKET_BOOKING", "oversold", "f"},
		{"TICKET_CANCELLATION", "not-freed", "f"},
		{"EVENT_SEARCH-down", "down", "f"},
		{"AUTH_PERFORMANCE-down", "down", "f"},
		{"TICKET_BOOKING-down", "down", "f"},
		{"TICKET_CANCELLATION-freed-twice", "freed-twice-generator-killed", "f"},
		{"TICKET_CANCELLATION-ended-early", "ended-before-cancelling", "f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			criterion, _, _ := strings.Cut(tt.name, "-")
			_, e, _ := readCase(t, "testdata/judge/"+tt.evidence+".txt")
			r := climbed(t, "0.0.0="+tt.outcome)
			r[0].Evidence, r[0].Run.TestID = e, e.TestID
			got := Climb(ClimbInput{
				Team: contest.Team{Slug: "good"}, Service: service(t, contest.Criterion(criterion)),
				Ladder: ladderOf(1, 1), Results: r, At: noon, Links: links(),
			}).Metrics
			checkShape(t, "metrics", got)
			text, err := json.MarshalIndent(got, "", "  ")
			require.NoError(t, err)
			file := filepath.Join("testdata", "metrics", tt.name+".json")
			if *update {
				require.NoError(t, os.WriteFile(file, append(text, '\n'), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(text)+"\n")
		})
	}
}

func links() Links {
	return Links{
		Team: func(t contest.Team, c contest.Criterion, w contest.Window) string {
			return fmt.Sprintf("https://example.org/team/%s/%s?from=%d&to=%d", t.Slug, c, w.From.UnixMilli(), w.To.UnixMilli())
		},
		Run: func(r contest.Run, w contest.Window) string {
			return fmt.Sprintf("https://example.org/run/%s?from=%d&to=%d", r.TestID, w.From.UnixMilli(), w.To.UnixMilli())
		},
	}
}

// checkShape refuses whatever breaks the Hub's page: nulls, numbers that are
// none, anything but plain values.
func checkShape(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			checkShape(t, path+"."+key, value)
		}
	case []any:
		for i, value := range v {
			checkShape(t, fmt.Sprintf("%s[%d]", path, i), value)
		}
	case float64:
		assert.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s is %v", path, v)
		assert.InDelta(t, v, math.Round(v*100)/100, 1e-9, "%s has more than two decimals", path)
	case int, bool, string:
	default:
		t.Errorf("%s is %T", path, v)
	}
}

// TestMetricsSurviveBadEvidence gives evidence of nothing and of numbers that
// are none.
func TestMetricsSurviveBadEvidence(t *testing.T) {
	t.Parallel()
	for _, s := range contest.Services() {
		if !s.Load() {
			continue
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), -5, 1e300} {
			r := climbed(t, "0.0.0=p")
			e := &r[0].Evidence
			e.Latency.P95.Value = bad
			for _, name := range []string{"http_reqs", "peak_rps", "successful_bookings", "double_sold_seats", "failed_bookings"} {
				e.Counts = append(e.Counts, contest.Count{Name: name, Scenario: steady, Value: bad}, contest.Count{Name: name, Scenario: walk, Value: bad})
			}
			v := Climb(ClimbInput{Service: s, Ladder: ladderOf(1, 1), Results: r, At: noon})
			checkShape(t, string(s.Key), v.Metrics)
			_, err := json.Marshal(v)
			require.NoError(t, err)
		}
	}
}

func TestNoDataClearsAndRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	team := contest.Team{Slug: "empty"}
	none := NoData(team, service(t, contest.TicketBooking), "The team has given no endpoint.", noon)
	assert.Equal(t, contest.NoData, none.Status)
	assert.Equal(t, map[string]any{}, none.Metrics)
	assert.False(t, none.Invalid, "it does overwrite")

	refused := Refused(team, service(t, contest.TicketBooking), "The endpoint is no URL.", noon)
	assert.Equal(t, contest.Failed, refused.Status)
	assert.Equal(t, "The endpoint is no URL.", refused.Findings[0].Sentence)
	checkShape(t, "metrics", refused.Metrics)
	u, err := refused.Update()
	require.NoError(t, err)
	assert.Equal(t, "k6-booking-testing-service", u.UpdatedBy)
}

func TestRulesFor(t *testing.T) {
	t.Parallel()
	p95 := threshold(t, "http_req_duration{scenario:steady}: p(95)<1500")
	tests := []struct {
		name      string
		script    []contest.Threshold
		overrides map[string][]string
		want      string // rules in force, or part of the error
		fails     bool
	}{
		{"the script's own", []contest.Threshold{p95}, nil, "http_req_duration{scenario:steady}: p(95)<1500", false},
		{"replaced", []contest.Threshold{p95}, map[string][]string{"http_req_failed": {"rate<0.1", "rate<0.2"}}, "http_req_failed: rate<0.1, http_req_failed: rate<0.2", false},
		{"none", nil, nil, "declares no thresholds", true},
		{"average", []contest.Threshold{threshold(t, "http_req_duration: avg<200")}, nil, "cannot be judged exactly", true},
		{"percentile that equals", []contest.Threshold{threshold(t, "http_req_duration: p(95)==200")}, nil, "cannot be judged exactly", true},
		{"broken override", nil, map[string][]string{"http_reqs": {"fast"}}, "want METHOD OP NUMBER", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := RulesFor(contest.EventSearch, tt.script, tt.overrides)
			if tt.fails {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			var names []string
			for _, th := range rules.Thresholds {
				names = append(names, th.String())
			}
			assert.Equal(t, tt.want, strings.Join(names, ", "))
		})
	}
	rules, err := RulesFor(contest.EventSearch, []contest.Threshold{p95}, nil)
	require.NoError(t, err)
	assert.Equal(t, "1.5s", rules.LatencyBound.String())
}

func TestRulesHashFollowsTheRules(t *testing.T) {
	t.Parallel()
	rules := parseRules(t, "TICKET_BOOKING\nhttp_req_duration{scenario:steady}: p(95)<2000\n")
	first, err := rules.Hash()
	require.NoError(t, err)
	again, err := rules.Hash()
	require.NoError(t, err)
	other, err := rules.Under("conflicts-fail").Hash()
	require.NoError(t, err)
	assert.Len(t, first, 64)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)

	text, err := json.Marshal(rules)
	require.NoError(t, err)
	var back Rules
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, rules, back, "rules are stored as JSON and judged by again")
}
