package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// What the state of BenchmarkPages holds of each load criterion, beside a day of
// rounds of the other services: rounds that are over, and one under way.
const (
	benchRounds = 4
	benchLevels = 1
	benchJudged = 60 // teams of the round under way that have their verdict
)

// aDay is a state that holds a day of 200 teams and all eight services, at the
// seed's intervals: 33,600 verdicts and 4,000 runs with their evidence.
func aDay(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), b.TempDir())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	began := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	for number, service := range contest.Services() {
		every := map[contest.ServiceKey]time.Duration{contest.GitMonitor: 30 * time.Minute, contest.DeploymentMonitor: 15 * time.Minute}[service.Key]
		if every == 0 {
			every = 6 * time.Hour
		}
		for n := range int(24 * time.Hour / every) {
			r := roundOf200{service: service, number: number, n: n, at: began.Add(time.Duration(n) * every), judged: benchTeams}
			require.NoError(b, s.Write(b.Context(), func(tx *store.Tx) error { return r.write(b.Context(), tx) }))
		}
	}
	for n, service := range contest.Services() {
		if service.Load() {
			r := roundOf200{service: service, number: n, n: benchRounds, at: time.Now().Add(-10 * time.Minute).Truncate(time.Second), judged: benchJudged}
			require.NoError(b, s.Write(b.Context(), func(tx *store.Tx) error { return r.write(b.Context(), tx) }))
			break
		}
	}
	return s
}

// roundOf200 is one round of a service over all teams, of which some are judged
// and the others wait.
type roundOf200 struct {
	service   contest.Service
	number, n int // of the service, and of its round
	at        time.Time
	judged    int
}

func benchTeam(n int) contest.Team {
	names := []string{"Zero Downtime", "Ёжики в тумане", "404: Team Name Not Found", "Қыран", "Команда имени Большого Взрыва", "byte-me", "🚀 Tulpar"}
	return contest.Team{Slug: contest.Slug(fmt.Sprintf("team-%03d", n)), Name: names[n%len(names)], HackathonID: "12", Endpoint: fmt.Sprintf("https://team-%03d.example.org", n),
		Repository: fmt.Sprintf("https://github.com/hackload-kz/team-%03d", n), Spend: fmt.Sprintf("%d ₸", 1000*n)}
}

func (r roundOf200) id() contest.RoundID {
	return contest.RoundID(fmt.Sprintf("round-%d-%03d", r.number, r.n))
}

// runOf200 names a run of a service's round.
func runOf200(service, round, team, level int) contest.RunID {
	return contest.RunID(fmt.Sprintf("run-%03d-%d-%03d-%d", round, service, team, level))
}

func (r roundOf200) write(ctx context.Context, tx *store.Tx) error {
	round := contest.Round{ID: r.id(), Service: r.service.Key, StartedAt: r.at, Teams: benchTeams}
	if ended := r.at.Add(5 * time.Minute); r.judged == benchTeams {
		round.EndedAt = &ended
	}
	if err := tx.InsertRound(ctx, round); err != nil {
		return err
	}
	for team := range benchTeams {
		v := r.verdict(team)
		if r.service.Load() {
			if err := r.climb(ctx, tx, team, &v); err != nil {
				return err
			}
		}
		if team >= r.judged {
			continue
		}
		if err := tx.InsertVerdict(ctx, v, true); err != nil {
			return err
		}
	}
	return nil
}

// climb writes a team's climb, and its runs of every level.
func (r roundOf200) climb(ctx context.Context, tx *store.Tx, team int, v *contest.Verdict) error {
	c := store.Climb{Climb: contest.Climb{ID: contest.ClimbID(fmt.Sprintf("climb-%d-%03d-%03d", r.number, r.n, team)), Round: r.id(), Team: benchTeam(team), Criterion: r.service.Criterion}, Position: team}
	if err := tx.InsertClimb(ctx, c); err != nil {
		return err
	}
	v.Climb = c.ID
	for level := range benchLevels {
		run := r.run(c, team, level)
		v.Runs = append(v.Runs, run.ID)
		if err := tx.InsertRun(ctx, run); err != nil {
			return err
		}
		if team >= r.judged {
			break // it waits for its first level
		}
		if err := r.judge(ctx, tx, run, v.Findings); err != nil {
			return err
		}
	}
	if team >= r.judged {
		return nil
	}
	return tx.EndClimb(ctx, c.ID)
}

func (r roundOf200) run(c store.Climb, team, level int) store.Run {
	id := runOf200(r.number, r.n, team, level)
	return store.Run{
		Run: contest.Run{
			ID: id, Round: c.Round, Climb: c.ID, Service: r.service.Key, Criterion: c.Criterion, Team: c.Team, Target: fmt.Sprintf("team-%03d.example.org:443", team),
			Scenario: r.service.Scenario, LevelNo: level, Level: contest.Level{Users: 1000 * (level + 1), Duration: contest.Duration(time.Minute), Points: 10 * (level + 1)},
			Position: team, State: contest.RunPlanned, PlannedAt: r.at, TestID: contest.NewTestID(c.Team.Slug, r.service.Scenario, 1000, string(id)),
		},
		Env: map[string]string{"TARGET_URL": c.Team.Endpoint, "USERS": "1000", "DURATION": "60s"}, ConfigHash: store.Hash([]byte("config")),
	}
}

func (r roundOf200) judge(ctx context.Context, tx *store.Tx, run store.Run, findings []contest.Finding) error {
	after := run
	from, to := r.at.Add(time.Minute), r.at.Add(2*time.Minute)
	after.State, after.Outcome, after.LaunchedAt, after.EndedAt, after.JudgedAt = contest.RunJudged, contest.OutcomePassed, &from, &to, &to
	if err := tx.Move(ctx, run, after); err != nil {
		return err
	}
	doc, err := json.Marshal(evidenceOf200(after.Run))
	if err != nil {
		return err
	}
	if err := tx.InsertEvidence(ctx, run.ID, store.SealedEvidence{JSON: doc, SHA256: store.Hash(doc), Parts: map[string]string{}}); err != nil {
		return err
	}
	return tx.InsertRunVerdict(ctx, run.ID, contest.RunVerdict{Outcome: contest.OutcomePassed, Findings: findings}, json.RawMessage(`{}`), store.Hash(doc))
}

// evidenceOf200 has the curves and the distribution of a run of a minute.
func evidenceOf200(run contest.Run) contest.Evidence {
	latency := &contest.Latency{Samples: 60_000, Mean: 120}
	latency.P50, latency.P95, latency.P99 = contest.Quantile{Value: 96, Low: 95.5, High: 96.6}, contest.Quantile{Value: 412, Low: 410, High: 414.5}, contest.Quantile{Value: 811, Low: 807, High: 816}
	for x := 20.0; x < 1000; x *= 1.011 {
		d := math.Log(x / 96)
		latency.Buckets = append(latency.Buckets, contest.Bucket{Low: x, High: x * 1.011, Count: math.Floor(600 * math.Exp(-d*d*3))})
	}
	course := &contest.Course{From: *run.LaunchedAt, Step: contest.Duration(time.Second), Window: contest.Duration(5 * time.Second)}
	for second := range 60 {
		course.Points = append(course.Points, contest.CoursePoint{At: float64(second), RPS: 1000 - float64(second%7), Failed: float64(second % 3), P50: 96, P95: 412 + float64(second), VUs: 120})
	}
	return contest.Evidence{
		Version: contest.EvidenceVersion, Run: run.ID, TestID: run.TestID, Team: run.Team.Slug, Criterion: run.Criterion, Scenario: run.Scenario, Level: run.Level,
		Window: contest.Window{From: *run.LaunchedAt, To: *run.EndedAt}, Latency: latency, Course: course, ConfigHash: store.Hash([]byte("config")),
		Counts:     []contest.Count{{Name: "http_reqs", Scenario: "steady", Value: 60_000}, {Name: "iterations", Scenario: "steady", Value: 60_000}},
		Generators: []contest.GeneratorHealth{{Instance: "1-of-1", Finished: true, CPU: 0.31, VUs: 120, MaxVUs: 400}},
	}
}

// verdict is as long, and as full of numbers, as those of real services.
func (r roundOf200) verdict(team int) contest.Verdict {
	at := r.at.Add(2 * time.Minute)
	v := contest.Verdict{Team: benchTeam(team), Service: r.service.Key, Criterion: r.service.Criterion, Round: r.id(), Status: contest.Passed, Score: 10 * (team % 4), At: at}
	if (team+r.number)%3 == 0 {
		v.Status = contest.Failed
	}
	switch r.service.Key {
	case contest.GitMonitor:
		v.Metrics = map[string]any{"commitsCount": 40 + team + r.n, "repositoryUrl": v.Team.Repository, "confirmationUrl": v.Team.Repository, "lastCommitTime": at}
		v.Findings = []contest.Finding{{Rule: "commits", Outcome: contest.OutcomePassed, Value: 40, Bound: 10, Op: ">=", Unit: "commits", Sentence: "40 commits are in the branch main. At least 10 are wanted."}}
	case contest.CostTracking:
		v.Metrics = map[string]any{"totalSpent": 1000.0 * float64(team), "currency": "KZT"}
	case contest.DeploymentMonitor:
		r.walk(team, &v)
	default:
		v.Metrics = map[string]any{"p95": 412.25 + float64(10*team), "successRate": 99.25, "users": 2000, "confirmationUrl": "https://grafana.example.org/d/hackload-run/run?var-testid=" + string(v.Team.Slug)}
		for level := range benchLevels {
			v.Findings = append(v.Findings, contest.Finding{Rule: fmt.Sprintf("level %d", level+1), Outcome: contest.OutcomePassed, Value: 1, Bound: 1, Unit: "runs", Sentence: fmt.Sprintf("Level %d (%d users per 1m0s): 1 of 1 runs passed.", level+1, 1000*(level+1))})
		}
		v.Findings = append(v.Findings,
			contest.Finding{Rule: "delivered", Outcome: contest.OutcomePassed, Value: 100, Bound: 99, Op: ">=", Unit: "%", Sentence: "60,000 of 60,000 planned iterations were delivered (100 %), needs 99 %."},
			contest.Finding{Rule: "http_req_duration{scenario:steady}: p(95)<2000", Outcome: contest.OutcomePassed, Value: 412.25, Bound: 2000, Op: "<", Unit: "ms", Sentence: "59,912 of 60,000 requests were answered in under 2 s (99.85 %), needs at least 95 %. The p95 is 412.25 ms (between 410 and 414.5 ms)."},
			contest.Finding{Rule: "http_req_failed{scenario:steady}: rate<0.05", Outcome: contest.OutcomePassed, Value: 0.75, Bound: 5, Op: "<", Unit: "%", Sentence: "450 of 60,000 requests failed (0.75 %), needs less than 5 %."},
			contest.Finding{Rule: "generator cpu", Outcome: contest.OutcomePassed, Value: 31, Bound: 85, Op: "<=", Unit: "%", Sentence: "The busiest load generator used 31 % of its CPU (limit 85 %)."})
	}
	return v
}

// walk fills in what was found of a service's endpoints.
func (r roundOf200) walk(team int, v *contest.Verdict) {
	var rows []any
	for n, path := range []string{"/api/events", "/api/events/1", "/api/seats", "/api/bookings", "/api/bookings/1", "/api/seats/select", "/api/seats/release", "/api/bookings/initiatePayment", "/api/bookings/cancel", "/api/payments/success", "/api/analytics"} {
		rows = append(rows, map[string]any{"method": "GET", "endpoint": path, "working": (team+n)%5 > 0, "critical": n < 6, "statusCode": 200, "responseTime": 18 + n, "error": "", "accepted": []int{200, 400, 401, 404}})
		v.Findings = append(v.Findings, contest.Finding{Rule: "GET " + path, Outcome: contest.OutcomePassed, Value: 200, Unit: "status", Sentence: fmt.Sprintf("GET %s answered 200 after %d ms.", path, 18+n)})
	}
	v.Metrics = map[string]any{"statusCode": 200, "endpointUrl": v.Team.Endpoint, "endpointResults": rows}
}
