package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// questionsPerRound is how many queries one collection may send, whatever the
// number of runs.
const questionsPerRound = 9

// searchScript is a script as the contest ships it, with a threshold of each kind.
func searchScript(t testing.TB) contest.Script {
	t.Helper()
	return contest.Script{
		Name: "search", SHA256: strings.Repeat("ab", 32),
		Thresholds: thresholds(t,
			"http_req_duration{scenario:steady}", "p(95)<2000",
			"http_req_failed{scenario:steady}", "rate<0.05",
			"checks{scenario:steady,kind:статус}", "rate>0.95",
			"double_sold_seats", "count==0",
			"successful_bookings", "count>0",
			"checks{url:http://127.0.0.1:1/api/events}", "rate>0.95",
		),
		Scenarios: []contest.ScriptScenario{
			{Name: "warmup", Executor: "ramping-arrival-rate", Duration: contest.Duration(2 * time.Second)},
			{Name: "steady", Executor: "constant-arrival-rate", Duration: contest.Duration(5 * time.Second), Planned: 100},
		},
	}
}

func thresholds(t testing.TB, pairs ...string) []contest.Threshold {
	t.Helper()
	var out []contest.Threshold
	for i := 0; i < len(pairs); i += 2 {
		parsed, err := contest.ParseThreshold(pairs[i], pairs[i+1])
		require.NoError(t, err)
		out = append(out, parsed)
	}
	return out
}

func subject(t testing.TB, testid string, started time.Time, generators int) evidence.Subject {
	t.Helper()
	return evidence.Subject{
		Run: contest.Run{
			ID: contest.RunID("run-of-" + testid), TestID: contest.TestID(testid), Scenario: "search",
			Criterion: contest.EventSearch, Team: contest.Team{Slug: "good", Endpoint: "http://127.0.0.1:1"},
			Level: contest.Level{Users: 10},
		},
		Script:     searchScript(t),
		Launch:     contest.LaunchResult{Started: started, Ended: started.Add(7 * time.Second), Generators: generators},
		Preflight:  contest.Preflight{Answered: true, Status: 200},
		ConfigHash: strings.Repeat("cd", 32),
	}
}

func TestNumberOfQueriesIsConstant(t *testing.T) {
	t.Parallel()
	at := time.Now()
	tests := []struct{ subjects, queries int }{
		{0, 0}, {1, questionsPerRound}, {100, questionsPerRound}, {400, questionsPerRound}, {401, 2 * questionsPerRound},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.subjects), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			query := func(_ context.Context, _ string, when time.Time) ([]contest.Sample, error) {
				asked.Add(1)
				require.Equal(t, at, when)
				return nil, nil
			}
			var subjects []evidence.Subject
			for i := range tt.subjects {
				subjects = append(subjects, subject(t, fmt.Sprintf("team-search-10-%03d", i), at.Add(-time.Minute), 1))
			}
			got, err := evidence.Collect(t.Context(), query, at, subjects)
			require.NoError(t, err)
			require.Len(t, got, tt.subjects)
			require.EqualValues(t, tt.queries, asked.Load())
		})
	}
}

func TestRefusedSubjects(t *testing.T) {
	t.Parallel()
	at := time.Now()
	never := func(context.Context, string, time.Time) ([]contest.Sample, error) {
		t.Error("a query was sent")
		return nil, nil
	}
	change := func(f func(*evidence.Subject)) []evidence.Subject {
		s := subject(t, "a", at.Add(-time.Minute), 1)
		f(&s)
		return []evidence.Subject{s}
	}
	tests := []struct {
		name     string
		subjects []evidence.Subject
		says     string
	}{
		{"testid that is a regex", change(func(s *evidence.Subject) { s.Run.TestID = `a|.*` }), "no testid"},
		{"testid that ends the string", change(func(s *evidence.Subject) { s.Run.TestID = `a"} or up{x="` }), "no testid"},
		{"empty testid", change(func(s *evidence.Subject) { s.Run.TestID = "" }), "no testid"},
		{"never launched", change(func(s *evidence.Subject) { s.Launch.Started = time.Time{} }), "not known when"},
		{"launched later", change(func(s *evidence.Subject) { s.Launch.Started = at.Add(time.Second) }), "after the instant"},
		{"one testid twice", append(change(func(*evidence.Subject) {}), change(func(*evidence.Subject) {})...), "two runs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := evidence.Collect(t.Context(), never, at, tt.subjects)
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestFailedQueryFailsTheWhole(t *testing.T) {
	t.Parallel()
	at := time.Now()
	down := errors.New("prometheus is down")
	for broken := range questionsPerRound {
		asked := 0
		query := func(context.Context, string, time.Time) ([]contest.Sample, error) {
			if asked++; asked == broken+1 {
				return nil, down
			}
			return nil, nil
		}
		got, err := evidence.Collect(t.Context(), query, at, []evidence.Subject{subject(t, "a", at.Add(-time.Minute), 1)})
		require.ErrorIs(t, err, down)
		require.Nil(t, got)
	}
}

func TestForeignSeriesIsRefused(t *testing.T) {
	t.Parallel()
	query := func(context.Context, string, time.Time) ([]contest.Sample, error) {
		return []contest.Sample{{Labels: map[string]string{"testid": "b"}}}, nil
	}
	_, err := evidence.Collect(t.Context(), query, time.Now(), []evidence.Subject{subject(t, "a", time.Now().Add(-time.Minute), 1)})
	require.ErrorContains(t, err, `testid "b", which was not asked for`)
}

type warned struct{}

func (warned) Error() string      { return "prometheus warns" }
func (warned) Warnings() []string { return []string{"a shard is away"} }

func TestGaps(t *testing.T) {
	t.Parallel()
	at := time.Now()
	finished := contest.Sample{Labels: map[string]string{"__name__": "k6_generator_finished", "testid": "a", "instance_id": "0"}, Value: 1}
	answer := func(part string, samples ...contest.Sample) evidence.Query {
		return func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
			if strings.Contains(promql, part) {
				return samples, nil
			}
			return nil, nil
		}
	}
	nan := contest.Sample{Labels: map[string]string{"testid": "a", "instance_id": "0"}}
	nan.Value -= nan.Value / nan.Value
	hollow := contest.Sample{Labels: map[string]string{"testid": "a", "scenario": "steady"}, Histogram: &contest.Histogram{Count: 9}}
	float := contest.Sample{Labels: map[string]string{"testid": "a", "scenario": "steady"}, Value: 1}
	within := contest.Sample{Labels: map[string]string{"__name__": "k6_threshold_within_total", "testid": "a",
		"threshold": "http_req_duration{scenario:steady}: p(95)<2000"}, Value: 2}
	requests := contest.Sample{Labels: map[string]string{"__name__": "k6_http_reqs_total", "testid": "a", "scenario": "steady"}, Value: 7}
	tests := []struct {
		name   string
		query  evidence.Query
		change func(*evidence.Subject)
		says   string
	}{
		{"nothing at all", answer("nothing"), nil, "no series of testid a arrived"},
		{"one of two generators", answer("k6_generator_finished", finished), func(s *evidence.Subject) { s.Launch.Generators = 2 }, "1 generators reported their last flush, 2 were launched"},
		{"not finished", answer("k6_vus{", contest.Sample{Labels: nan.Labels, Value: 3}), nil, `no last flush of generator "0"`},
		{"asked too early", answer("nothing"), func(s *evidence.Subject) { s.Launch.Ended = at.Add(time.Second) }, "before the run ended"},
		{"not a number", answer("k6_generator_cpu_ratio", nan), nil, "the generator_cpu"},
		{"histogram without buckets", answer("duration_seconds", hollow), nil, "its buckets hold fewer"},
		{"latency as a float", answer("duration_seconds", float), nil, "no native histograms"},
		{"more within than there are", answer("threshold", within), nil, "2 samples within the bound of 0"},
		{"threshold that cannot be counted", answer("nothing"), func(s *evidence.Subject) {
			s.Script.Thresholds = thresholds(t, "http_req_duration", "avg<5")
		}, "avg cannot be had by counting"},
		{"nothing is steady", answer("nothing"), func(s *evidence.Subject) {
			s.Script.Scenarios[1].Name = "other"
		}, "none is called steady"},
		{"requests without latency", answer("k6_.+_total", requests), nil, "7 requests were counted in steady but no latency came"},
		{"requests without exact counts", answer("k6_.+_total", requests), nil, "no generator counted them for threshold http_req_duration{scenario:steady}: p(95)<2000"},
		{"warning", func(context.Context, string, time.Time) ([]contest.Sample, error) { return nil, warned{} }, nil, "a shard is away"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := subject(t, "a", at.Add(-time.Minute), 1)
			if tt.change != nil {
				tt.change(&s)
			}
			got, err := evidence.Collect(t.Context(), tt.query, at, []evidence.Subject{s})
			require.NoError(t, err)
			require.Contains(t, strings.Join(got["a"].Gaps, "\n"), tt.says)
			_, err = evidence.Seal(got["a"])
			require.NoError(t, err, "whatever came, evidence can be stored")
		})
	}
}

// Generators that say of themselves that they do not count for each bound leave
// that to the distribution: their silence is no gap, and no zero either.
func TestGeneratorsThatDoNotCountBounds(t *testing.T) {
	t.Parallel()
	at := time.Now()
	s := subject(t, "a", at.Add(-time.Minute), 1)
	s.Launch.Inexact = "k6 has no extension inside."
	requests := contest.Sample{Labels: map[string]string{"__name__": "k6_http_reqs_total", "scenario": "steady", "testid": "a"}, Value: 7}
	query := func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
		if strings.Contains(promql, "k6_.+_total") {
			return []contest.Sample{requests}, nil
		}
		return nil, nil
	}
	got, err := evidence.Collect(t.Context(), query, at, []evidence.Subject{s})
	require.NoError(t, err)
	require.NotContains(t, strings.Join(got["a"].Gaps, "\n"), "no generator counted them")
	for _, c := range got["a"].Thresholds {
		require.False(t, c.Threshold.IsTrend(), "%s was counted by nobody", c.Threshold)
	}
	require.NotEmpty(t, got["a"].Thresholds, "rates are counted still")
	require.Equal(t, s.Launch.Inexact, got["a"].Launch.Inexact)
}

// Evidence may be downloaded by anyone, so it holds no team's password.
func TestEvidenceHoldsNoCredentials(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ endpoint, want string }{
		"none":     {"https://good.example.org/base", "https://good.example.org/base"},
		"password": {"https://team:s3cret@good.example.org/base", "https://good.example.org/base"},
		"token":    {"https://s3cret@good.example.org", "https://good.example.org"},
		"no URL":   {"http://team:s3cret@good.example.org:port", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := time.Now()
			s := subject(t, "good-search-10-a", at.Add(-time.Minute), 1)
			s.Run.Team.Endpoint = row.endpoint
			nothing := func(context.Context, string, time.Time) ([]contest.Sample, error) { return nil, nil }
			found, err := evidence.Collect(t.Context(), nothing, at, []evidence.Subject{s})
			require.NoError(t, err)
			require.Equal(t, row.want, found["good-search-10-a"].Endpoint)
			sealed, err := evidence.Seal(found["good-search-10-a"])
			require.NoError(t, err)
			require.NotContains(t, string(sealed.JSON), "s3cret")
		})
	}
}
