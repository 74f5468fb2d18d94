package web_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// state is a contest held in memory: what a database would answer.
type state struct {
	teams    []contest.Team
	verdicts []contest.Verdict
	records  []web.RunRecord
	active   []web.ActiveRun
	before   []contest.Verdict
	waiting  web.Waiting
	health   []contest.ServiceHealth
	notReady error
	remarks  []string // on being ready
	broken   error
}

// fault is what every read answers with. A database may hang, so a read
// without a deadline is a fault by itself.
func (s *state) fault(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("a read without a deadline")
	}
	return s.broken
}

func (s *state) Teams(ctx context.Context) ([]contest.Team, error) { return s.teams, s.fault(ctx) }

func (s *state) Verdicts(ctx context.Context, until time.Time) ([]contest.Verdict, error) {
	var found []contest.Verdict
	for _, v := range s.verdicts {
		if until.IsZero() || !v.At.After(until) {
			found = append(found, v)
		}
	}
	return found, s.fault(ctx)
}

func (s *state) Runs(ctx context.Context, f web.RunFilter) ([]contest.Run, error) {
	var found []contest.Run
	for _, r := range s.records {
		wanted := (f.Team == "" || f.Team == r.Run.Team.Slug) && (f.Criterion == "" || f.Criterion == r.Run.Criterion) && (f.State == "" || f.State == r.Run.State) &&
			(f.JudgedBy.IsZero() || r.Run.JudgedBy(f.JudgedBy))
		if len(found) < f.Limit && wanted {
			found = append(found, r.Run)
		}
	}
	return found, s.fault(ctx)
}

func (s *state) Run(ctx context.Context, id string) (web.RunRecord, error) {
	if err := s.fault(ctx); err != nil {
		return web.RunRecord{}, err
	}
	for _, r := range s.records {
		if string(r.Run.ID) == id || string(r.Run.TestID) == id {
			return r, nil
		}
	}
	return web.RunRecord{}, fmt.Errorf("run %s: %w", id, web.ErrNotFound)
}

func (s *state) Health(ctx context.Context) ([]contest.ServiceHealth, error) {
	return s.health, s.fault(ctx)
}

func (s *state) Ready(ctx context.Context) ([]string, error) {
	return s.remarks, errors.Join(s.notReady, s.fault(ctx))
}

func (s *state) Before(ctx context.Context, _ time.Time) ([]contest.Verdict, error) {
	return s.before, s.fault(ctx)
}

func (s *state) Waiting(ctx context.Context) (web.Waiting, error) { return s.waiting, s.fault(ctx) }

func (s *state) Active(ctx context.Context) ([]web.ActiveRun, error) { return s.active, s.fault(ctx) }

func (s *state) config() web.Config {
	return web.Config{Board: s, Archive: s, Pulse: s, PublicURL: "https://results.example/", Version: "1.2.3"}
}

// noon is when everything in the sample contest happens.
func noon() time.Time { return time.Date(2026, time.August, 17, 7, 0, 0, 0, time.UTC) }

// sample is a contest in the middle of a round: four teams, one run each, one
// run under way.
func sample() *state {
	s := &state{teams: []contest.Team{
		{Slug: "zero-downtime", Name: "Zero Downtime", Endpoint: "https://secret-endpoint.example", Repository: "https://github.com/zero/secret-repo"},
		{Slug: "slow", Name: "Slow & Steady"},
		{Slug: "flaky", Name: "Flaky", Notes: []string{"ENDPOINT_URL is hidden by the Hub, so it was not used"}},
		{Slug: "empty", Name: ""},
	}}
	s.judge("zero-downtime", 3, contest.Passed, 212.4, 99.98)
	s.judge("slow", 0, contest.Failed, 2304, 100)
	s.judge("flaky", 0, contest.Failed, 180, 91.67)
	s.verdicts = append(s.verdicts,
		contest.Verdict{Team: s.teams[3], Criterion: contest.EventSearch, Service: contest.SearchTesting, Status: contest.NoData, At: noon()},
		contest.Verdict{
			Team: s.teams[0], Criterion: contest.CodeRepo, Service: contest.GitMonitor, Status: contest.Passed, Score: 1, At: noon(),
			Metrics: map[string]any{"commitsCount": 42, "repositoryUrl": "https://github.com/zero/secret-repo", "confirmationUrl": "https://github.com/zero/secret-repo"},
		},
		walked(s.teams[2]),
		contest.Verdict{Team: s.teams[2], Criterion: contest.TicketBooking, Service: contest.BookingTesting, Status: contest.NoData, Invalid: true, At: noon(),
			Findings: []contest.Finding{{Rule: "generator cpu", Outcome: contest.OutcomeInvalid, Value: 97, Bound: 85, Op: "<=", Unit: "%", Sentence: "The load generator used 97 % of its CPU, so its measurements cannot be trusted."}}},
	)
	busy := run(s.teams[0], contest.TicketBooking, "booking", "01j5bbbbbbbbbbbbbbbbbbbbbb")
	busy.State, busy.JudgedAt, busy.Outcome = contest.RunLaunched, nil, ""
	s.records = append(s.records, web.RunRecord{Run: busy, Script: contest.Script{Scenarios: stages()}})
	s.active = []web.ActiveRun{{Run: busy, Progress: contest.Progress{
		Elapsed: contest.Duration(4 * time.Second), Planned: contest.Duration(10 * time.Second), RPS: 118.2, P95: 41.5, Failures: 3,
	}}}
	for i, service := range contest.Services() {
		h := contest.ServiceHealth{ServiceName: service.Name, Status: "healthy"}
		if i == 2 {
			at := noon().In(time.FixedZone("", 5*3600))
			h.LastRunTime, h.LastSuccessTime, h.Status, h.ErrorRate, h.ConsecutiveFailures = &at, &at, "degraded", 0.05, 1
		}
		s.health = append(s.health, h)
	}
	return s
}

// judge adds a search verdict of a team and the run behind it.
func (s *state) judge(slug contest.Slug, score int, status contest.Status, p95, success float64) {
	var team contest.Team
	for _, t := range s.teams {
		if t.Slug == slug {
			team = t
		}
	}
	r := run(team, contest.EventSearch, "search", fmt.Sprintf("01j5%022d", len(s.records)))
	r.Outcome = contest.OutcomePassed
	if status == contest.Failed {
		r.Outcome = contest.OutcomeFailed
	}
	findings := loadFindings(status, p95, success)
	e := evidenceOf(r, p95)
	if status == contest.Failed {
		e.Counts = append(e.Counts,
			contest.Count{Name: "checks_true", Scenario: "steady", Label: "the answer is a list of events", Value: 1460},
			contest.Count{Name: "checks_false", Scenario: "steady", Label: "the answer is a list of events", Value: 40},
			contest.Count{Name: "checks_false", Scenario: "steady", Label: "every event has <b>a name</b>", Value: 7},
			contest.Count{Name: "checks_true", Scenario: "steady", Label: "the answer came at all", Value: 1500})
	}
	s.add(r, e, findings...)
	s.verdicts = append(s.verdicts, contest.Verdict{
		Team: team, Service: contest.SearchTesting, Criterion: contest.EventSearch, Status: status, Score: score,
		Metrics: map[string]any{"p95": p95, "successRate": success, "confirmationUrl": "https://grafana.example/d/team?var-team=" + string(slug)},
		Findings: append([]contest.Finding{{Rule: "level 1", Outcome: r.Outcome, Value: float64(score), Bound: 1, Unit: "runs",
			Sentence: fmt.Sprintf("Level 1 (30 users per 1s): %d of 1 runs passed.", min(1, score))}}, findings...),
		Runs: []contest.RunID{r.ID}, At: noon(),
	})
}

// loadFindings are what the judge would say of 1,500 requests.
func loadFindings(status contest.Status, p95, success float64) []contest.Finding {
	passed := func(is bool) contest.Outcome {
		if is {
			return contest.OutcomePassed
		}
		return contest.OutcomeFailed
	}
	quick := 1497
	if p95 >= 2000 {
		quick = 1297
	}
	failed := math.Round(1500 - 15*success)
	return []contest.Finding{
		{Rule: "delivered", Outcome: contest.OutcomePassed, Value: 100, Bound: 99, Op: ">=", Unit: "%", Sentence: "1,500 of 1,500 planned iterations were delivered (100 %), needs 99 %."},
		{Rule: "http_req_duration{scenario:steady}: p(95)<2000", Outcome: passed(p95 < 2000), Value: p95, Bound: 2000, Op: "<", Unit: "ms",
			Sentence: fmt.Sprintf("1,%d of 1,500 requests were answered in under 2 s (%v %%), needs at least 95 %%. The p95 is %v ms (between %.1f and %.1f ms).", quick-1000, math.Round(float64(quick)/0.15)/100, p95, p95*0.995, p95*1.006)},
		{Rule: "http_req_failed{scenario:steady}: rate<0.05", Outcome: passed(status == contest.Passed || success >= 95), Value: 100 - success, Bound: 5, Op: "<", Unit: "%",
			Sentence: fmt.Sprintf("%v of 1,500 requests failed (%.2f %%), needs less than 5 %%.", failed, failed/15)},
	}
}

// walked is a service of which two endpoints do not work, as the state holds it.
func walked(team contest.Team) contest.Verdict {
	row := func(method, path string, working, critical bool, status, took float64, why string, accepted ...any) map[string]any {
		return map[string]any{"method": method, "endpoint": path, "working": working, "critical": critical, "statusCode": status, "responseTime": took, "error": why, "accepted": accepted}
	}
	v := contest.Verdict{Team: team, Criterion: contest.DeployedSolution, Service: contest.DeploymentMonitor, Status: contest.Failed, At: noon()}
	v.Metrics = map[string]any{"statusCode": 200.0, "endpointUrl": "https://secret-endpoint.example", "endpointResults": []any{
		row("GET", "/api/events", true, true, 200, 41, "", 200.0),
		row("POST", "/api/bookings", false, true, 500, 18, "it answered 500 instead of 201, 400, 401 or 403", 201.0, 400.0, 401.0, 403.0),
		row("GET", "/api/analytics", false, false, 0, 10000, "there was no answer within 10s", 200.0, 400.0, 401.0, 404.0),
	}}
	v.Findings = []contest.Finding{
		{Rule: "critical endpoints", Outcome: contest.OutcomeFailed, Value: 50, Bound: 75, Op: ">=", Unit: "%", Sentence: "1 of 2 critical endpoints work. At least 75 % are wanted."},
		{Rule: "GET /api/events", Outcome: contest.OutcomePassed, Value: 200, Unit: "status", Sentence: "GET /api/events answered 200 after 41 ms."},
		{Rule: "POST /api/bookings", Outcome: contest.OutcomeFailed, Value: 500, Unit: "status", Sentence: "POST /api/bookings does not work: it answered 500 instead of 201, 400, 401 or 403."},
		{Rule: "GET /api/analytics", Outcome: contest.OutcomeWarning, Unit: "status", Sentence: "GET /api/analytics does not work: there was no answer within 10s."},
	}
	return v
}

func run(team contest.Team, c contest.Criterion, scenario, id string) contest.Run {
	started, ended := noon().Add(-time.Minute), noon().Add(-20*time.Second)
	judged := noon()
	level := contest.Level{Users: 30, Ramp: contest.Duration(2 * time.Second), Duration: contest.Duration(5 * time.Second), Points: 1}
	return contest.Run{
		ID: contest.RunID(id), Team: team, Criterion: c, Scenario: scenario, Level: level, State: contest.RunJudged, Attempt: 1,
		TestID:    contest.NewTestID(team.Slug, scenario, level.Users, id),
		PlannedAt: started, LaunchedAt: &started, EndedAt: &ended, JudgedAt: &judged,
	}
}
