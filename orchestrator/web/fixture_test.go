package web_test

import (
	"context"
	"errors"
	"fmt"
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
		{Slug: "flaky", Name: "Flaky", Notes: []string{"ENDPOINT_URL is hidden by the Hub, so it was not used."}},
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
	findings := []contest.Finding{
		{Rule: "delivered", Outcome: contest.OutcomePassed, Value: 100, Bound: 99, Op: ">=", Unit: "%", Sentence: "All 1,500 planned iterations were started."},
		{Rule: "http_req_duration{scenario:steady}: p(95)<2000", Outcome: r.Outcome, Value: p95, Bound: 2000, Op: "<", Unit: "ms", Sentence: "1,497 of 1,500 requests took less than 2,000 ms."},
	}
	s.add(r, evidenceOf(r, p95), findings...)
	s.verdicts = append(s.verdicts, contest.Verdict{
		Team: team, Service: contest.SearchTesting, Criterion: contest.EventSearch, Status: status, Score: score,
		Metrics:  map[string]any{"p95": p95, "successRate": success, "confirmationUrl": "https://grafana.example/d/team?var-team=" + string(slug)},
		Findings: findings, Runs: []contest.RunID{r.ID}, At: noon(),
	})
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
