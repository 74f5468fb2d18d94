package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// stages are a script's k6 scenarios as the contest's scripts have them.
func stages() []contest.ScriptScenario {
	return []contest.ScriptScenario{
		{Name: "warmup", Executor: "ramping-arrival-rate", Duration: contest.Duration(10 * time.Second)},
		{Name: "steady", Executor: "constant-arrival-rate", Start: contest.Duration(10 * time.Second), Duration: contest.Duration(25 * time.Second), Planned: 1500},
		{Name: "verify", Executor: "per-vu-iterations", Start: contest.Duration(36 * time.Second), Duration: contest.Duration(4 * time.Second)},
	}
}

// courseOf is a run of 40 s: a ramp, the load, and a moment without an answer.
func courseOf(r contest.Run, p95 float64) *contest.Course {
	c := &contest.Course{From: *r.LaunchedAt, Step: contest.Duration(time.Second), Window: contest.Duration(3 * time.Second),
		Queries: []contest.AskedQuery{{Name: "course_vus", PromQL: "sum by (testid) (k6_vus)", At: *r.EndedAt}}}
	for at := 1.0; at <= 40; at++ {
		wave := 1 + 0.12*math.Sin(at)
		p := contest.CoursePoint{At: at, RPS: 60 * min(1, at/10) * wave, P50: p95 / 2.2 * wave, P95: p95 * wave, VUs: math.Round(12 * min(1, at/10))}
		switch {
		case at == 22:
			p.P50, p.P95, p.RPS = 0, 0, 0
		case at > 22 && at < 27:
			p.Failed = 4
		case at > 35:
			p.RPS, p.VUs = 2, 1
		}
		c.Points = append(c.Points, p)
	}
	return c
}

func evidenceOf(r contest.Run, p95 float64) contest.Evidence {
	threshold, err := contest.ParseThreshold("http_req_duration{scenario:steady}", "p(95)<2000")
	if err != nil {
		panic(err)
	}
	latency := &contest.Latency{Samples: 1500, Mean: p95 / 2}
	latency.P50 = contest.Quantile{Value: p95 / 2.2, Low: p95 / 2.22, High: p95 / 2.18}
	latency.P95 = contest.Quantile{Value: p95, Low: p95 * 0.995, High: p95 * 1.006}
	latency.P99 = contest.Quantile{Value: p95 * 1.6, Low: p95 * 1.59, High: p95 * 1.61}
	for x := p95 / 6; x < p95*2; x *= 1.011 {
		d := math.Log(x / (p95 / 2.2))
		latency.Buckets = append(latency.Buckets, contest.Bucket{Low: x, High: x * 1.011, Count: math.Floor(60 * math.Exp(-d*d*3))})
	}
	return contest.Evidence{
		Version: contest.EvidenceVersion, Run: r.ID, TestID: r.TestID, Team: r.Team.Slug, Criterion: r.Criterion, Scenario: r.Scenario, Level: r.Level,
		Window:     contest.Window{From: *r.LaunchedAt, To: *r.EndedAt},
		Script:     contest.Script{Name: r.Scenario, SHA256: "5cr1p7" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789", Thresholds: []contest.Threshold{threshold}, Scenarios: stages()},
		ConfigHash: "c0nf16" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
		Thresholds: []contest.ThresholdCount{{Threshold: threshold, Within: 1497, Samples: 1500}},
		Ceiling:    &contest.Calibration{At: noon(), CPUs: 2, RPS: 11840, P95: 4.2, Floor: 0.21},
		Course:     courseOf(r, p95),
		Counts: []contest.Count{
			{Name: "http_reqs", Scenario: "warmup", Value: 60}, {Name: "http_reqs", Scenario: "steady", Label: "expected", Value: 1500},
			{Name: "iterations", Scenario: "steady", Value: 1500},
		},
		Latency:    latency,
		Generators: []contest.GeneratorHealth{{Instance: "1-of-1", Finished: true, CPU: 0.31, SchedLatency: 0.0004, Heap: 41 << 20, VUs: 12, MaxVUs: 121}},
		Queries:    []contest.AskedQuery{{Name: "requests", PromQL: `sum by (testid, scenario) (last_over_time(k6_http_reqs_total{testid=~"a|b"}[5m]))`, At: noon()}},
		Gaps:       []string{"Heap of generator 2 is unknown: it wrote no series."},
	}
}

// add puts a judged run into the contest's archive.
func (s *state) add(r contest.Run, e contest.Evidence, findings ...contest.Finding) {
	body, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(body)
	s.records = append(s.records, web.RunRecord{
		Run: r, Script: e.Script, Evidence: &e, Verdict: &contest.RunVerdict{Outcome: r.Outcome, Findings: findings},
		EvidenceJSON: body, EvidenceSHA256: hex.EncodeToString(sum[:]),
	})
}

// runsToSee adds a run of each kind, and returns the paths of their pages.
func (s *state) runsToSee() map[string]string {
	paths := map[string]string{}
	see := func(name string, no int, c contest.Criterion, change func(*contest.Run, *contest.Evidence) []contest.Finding) {
		scenario := map[contest.Criterion]string{contest.TicketBooking: "booking", contest.TicketCancellation: "cancellation", contest.EventSearch: "search"}[c]
		r := run(s.teams[1], c, scenario, fmt.Sprintf("01j6%022d", no))
		e := evidenceOf(r, 212.4)
		e.Gaps = nil
		r.Outcome = contest.OutcomePassed
		findings := change(&r, &e)
		s.add(r, e, findings...)
		paths[name] = "/runs/" + string(r.ID)
	}
	const p95 = "http_req_duration{scenario:steady}: p(95)<2000"
	cpu := func(o contest.Outcome, v float64) contest.Finding {
		return contest.Finding{Rule: "generator cpu", Outcome: o, Value: v, Bound: 85, Op: "<=", Unit: "%", Sentence: "The busiest load generator used " + number(v) + " % of its CPU (limit 85 %)."}
	}
	finished := contest.Finding{Rule: "generators finished", Outcome: contest.OutcomePassed, Value: 1, Bound: 1, Op: ">=", Unit: "generators", Sentence: "1 of 1 load generators reported to the end."}
	delivered := contest.Finding{Rule: "delivered", Outcome: contest.OutcomePassed, Value: 100, Bound: 99, Op: ">=", Unit: "%", Sentence: "1,500 of 1,500 planned iterations were delivered (100 %), needs 99 %."}
	see("run-passed", 1, contest.EventSearch, func(*contest.Run, *contest.Evidence) []contest.Finding {
		return []contest.Finding{finished, {Rule: p95, Outcome: contest.OutcomePassed, Value: 212.4, Bound: 2000, Op: "<", Unit: "ms",
			Sentence: "1,497 of 1,500 requests were answered in under 2 s (99.8 %), needs at least 95 %. The p(95) is 212.4 ms (between 211.3 and 213.7 ms)."},
			delivered, cpu(contest.OutcomePassed, 31)}
	})
	see("run-near", 2, contest.EventSearch, func(r *contest.Run, e *contest.Evidence) []contest.Finding {
		r.Outcome = contest.OutcomeFailed
		*e = evidenceOf(*r, 1998)
		e.Gaps, e.Thresholds[0].Within = nil, 1424
		e.Generators[0].CPU = 0.83
		return []contest.Finding{finished, {Rule: p95, Outcome: contest.OutcomeFailed, Value: 1998, Bound: 2000, Op: "<", Unit: "ms",
			Sentence: "1,424 of 1,500 requests were answered in under 2 s (94.93 %), needs at least 95 %. The p(95) is 1998 ms (between 1988 and 2010 ms). That is too near to the bound to tell from the distribution; the count decides."},
			delivered, cpu(contest.OutcomeWarning, 83)}
	})
	see("run-invalid", 3, contest.EventSearch, func(r *contest.Run, e *contest.Evidence) []contest.Finding {
		r.Outcome = contest.OutcomeInvalid
		*e = evidenceOf(*r, 2431)
		e.Counts = append(e.Counts, contest.Count{Name: "dropped_iterations", Scenario: "steady", Value: 212})
		e.Counts[2].Value = 1288
		e.Generators[0].CPU, e.Generators[0].SchedLatency = 0.97, 0.184
		return []contest.Finding{finished, {Rule: p95, Outcome: contest.OutcomeFailed, Value: 2431, Bound: 2000, Op: "<", Unit: "ms",
			Sentence: "1,100 of 1,288 requests were answered in under 2 s (85.4 %), needs at least 95 %."},
			{Rule: "delivered", Outcome: contest.OutcomeInvalid, Value: 85.86, Bound: 99, Op: ">=", Unit: "%", Sentence: "1,288 of 1,500 planned iterations were delivered (85.86 %), needs 99 %. The service answered within the bound, so the load generators could not keep up."},
			{Rule: "evidence", Outcome: contest.OutcomeInvalid, Sentence: e.Gaps[0]}, cpu(contest.OutcomeInvalid, 97)}
	})
	see("run-booking", 4, contest.TicketBooking, func(r *contest.Run, e *contest.Evidence) []contest.Finding {
		r.Outcome = contest.OutcomeFailed
		for name, n := range map[string]float64{"successful_bookings": 1183, "failed_bookings": 17, "conflict_bookings": 1204, "contention_selected": 31, "contention_refused": 199,
			"double_sold_seats": 8, "verified_seats": 1206} {
			e.Counts = append(e.Counts, contest.Count{Name: name, Scenario: "steady", Value: n})
		}
		slices.SortFunc(e.Counts, func(a, b contest.Count) int { return strings.Compare(a.Name, b.Name) })
		return []contest.Finding{finished, {Rule: "double_sold_seats: count<1", Outcome: contest.OutcomeFailed, Value: 8, Bound: 1, Op: "<", Sentence: "Seats sold twice: 8, needs less than 1."},
			{Rule: p95, Outcome: contest.OutcomePassed, Value: 212.4, Bound: 2000, Op: "<", Unit: "ms", Sentence: "1,497 of 1,500 requests were answered in under 2 s (99.8 %), needs at least 95 %."},
			delivered, cpu(contest.OutcomePassed, 31)}
	})
	see("run-silent", 5, contest.EventSearch, func(_ *contest.Run, e *contest.Evidence) []contest.Finding {
		e.Course = nil
		return []contest.Finding{finished, delivered}
	})
	see("run-unanswered", 6, contest.EventSearch, func(r *contest.Run, e *contest.Evidence) []contest.Finding {
		r.Outcome = contest.OutcomeFailed
		e.Course, e.Latency, e.Thresholds, e.Generators, e.Counts, e.Ceiling = nil, nil, nil, nil, nil, nil
		e.Preflight.Error = "dial tcp 203.0.113.7:443: connect: connection refused"
		return []contest.Finding{{Rule: "preflight", Outcome: contest.OutcomeFailed, Sentence: "The service gave no answer before any load: dial tcp 203.0.113.7:443: connect: connection refused."}}
	})
	return paths
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
