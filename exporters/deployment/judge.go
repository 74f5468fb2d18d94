package deployment

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Rules by which a service is judged.
const (
	RuleHTTP      = "http"      // any 2xx answer of the endpoint itself
	RuleEndpoints = "endpoints" // enough of the critical endpoints answer as the API says
)

// Rules is how a service is judged.
type Rules struct {
	Rule     string
	Points   int     // for all that can be reached
	Critical float64 // % of the critical endpoints that must work; rule "endpoints" only
}

// Check says what is wrong with the rules.
func (r Rules) Check() error {
	switch {
	case r.Rule != RuleHTTP && r.Rule != RuleEndpoints:
		return fmt.Errorf("rule %q is not known: want %s or %s", r.Rule, RuleHTTP, RuleEndpoints)
	case r.Points < 0:
		return fmt.Errorf("points %d cannot be negative", r.Points)
	case !(r.Critical >= 0 && r.Critical <= 100):
		return fmt.Errorf("a share of %v %% of the critical endpoints is none", r.Critical)
	}
	return nil
}

// Judge derives a team's verdict from what was seen of its service. It asks
// nobody: the same facts and rules give the same verdict.
func Judge(team contest.Team, r Rules, f Facts) contest.Verdict {
	v := contest.Verdict{
		Team: team, Service: contest.DeploymentMonitor, Criterion: contest.DeployedSolution, At: f.At,
		Invalid: unmeasured(r, f), Metrics: metrics(team, r, f), Findings: findings(r, f),
	}
	v.Status = status(r, f)
	if v.Invalid {
		v.Status = contest.NoData
	}
	v.Score = score(r, f, v.Status)
	return v
}

// unmeasured reports whether the facts say too little for a verdict: we failed,
// or a load run was in the way of what looks like a failure.
func unmeasured(r Rules, f Facts) bool {
	if f.State != Looked {
		return f.State == Unresolved
	}
	if r.Rule == RuleHTTP {
		return f.Probe.Failure == Ours || f.UnderLoad && !f.Probe.OK()
	}
	return f.UnderLoad || slices.ContainsFunc(f.Walk, func(one Result) bool { return one.Answer.Failure == Ours })
}

// status follows HackLoad 2025 for rule "endpoints": where nothing can be
// called by that name there is no data.
func status(r Rules, f Facts) contest.Status {
	switch f.State {
	case None, Unresolved:
		return contest.NoData
	case Malformed, NoHost:
		if r.Rule == RuleEndpoints {
			return contest.NoData
		}
		return contest.Failed
	case Private:
		return contest.Failed
	}
	if accessible(r, f) {
		return contest.Passed
	}
	return contest.Failed
}

func accessible(r Rules, f Facts) bool {
	if r.Rule == RuleHTTP {
		return f.Probe.OK()
	}
	working, total := f.count(true)
	return working > 0 && share(working, total) >= r.Critical
}

// dayPoints is the most that a service could have in HackLoad 2025.
const dayPoints = 110

// score gives all points to who passed rule "http". Rule "endpoints" gives a
// share of them, as HackLoad 2025 counted.
func score(r Rules, f Facts, s contest.Status) int {
	switch {
	case s == contest.NoData, r.Rule == RuleHTTP && s != contest.Passed:
		return 0
	case r.Rule == RuleHTTP:
		return r.Points
	}
	points := partScore(f)
	if s == contest.Passed {
		points = fullScore(f)
	}
	return int(math.Round(float64(points) * float64(r.Points) / dayPoints))
}

// fullScore is what passing was worth: up to 60 for all endpoints, 30 for the
// critical ones, 10 for speed, 5 for https.
func fullScore(f Facts) int {
	all, critical := shares(f)
	points := int(all*0.6) + int(critical*0.3)
	for _, bonus := range []struct {
		within time.Duration
		points int
	}{{500 * time.Millisecond, 10}, {time.Second, 7}, {2 * time.Second, 5}, {5 * time.Second, 2}} {
		if f.average() < bonus.within {
			points += bonus.points
			break
		}
	}
	if f.Address.Scheme == "https" {
		points += 5
	}
	return min(dayPoints, max(25, points))
}

// partScore is what failing was worth: for having an endpoint, for what works,
// for answers in good time.
func partScore(f Facts) int {
	const most, answers, soon = 70, 20, 5
	if f.State != Looked {
		return 0
	}
	all, _ := shares(f)
	points := answers + int(all*0.5)
	if f.average() < 5*time.Second {
		points += soon
	}
	return min(most, points)
}

// shares are rounded as they are shown: the day's score was counted from that.
func shares(f Facts) (all, critical float64) {
	return round1(share(f.count(false))), round1(share(f.count(true)))
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

// endpointResult is one endpoint as the Hub's page reads it.
type endpointResult struct {
	Endpoint     string `json:"endpoint"`
	Method       string `json:"method"`
	Working      bool   `json:"working"`
	Critical     bool   `json:"critical"`
	Accepted     []int  `json:"accepted"` // statuses that show it working
	StatusCode   int    `json:"statusCode"`
	ResponseTime int64  `json:"responseTime"` // ms
	Error        string `json:"error,omitempty"`
}

// metrics are the keys that the Hub's page reads, all of them for both rules. An
// address that the team marked as secure is an empty one.
func metrics(team contest.Team, r Rules, f Facts) map[string]any {
	working, total := f.count(false)
	all, critical := shares(f)
	m := map[string]any{
		"endpointUrl": f.Address.Public(), "isAccessible": f.State == Looked && accessible(r, f),
		"statusCode": f.Probe.Status, "responseTime": f.Probe.Took.Milliseconds(), "lastChecked": f.At.UTC().Format(time.RFC3339),
		"successRate": all, "criticalSuccessRate": critical, "workingEndpoints": working, "totalEndpoints": total,
		"endpointResults": results(f), "confirmationUrl": f.Address.Public(),
		"confirmationTitle": "Демо", "confirmationDescription": "Развернутое решение команды",
	}
	if r.Rule == RuleEndpoints {
		m["endpointUrl"], m["confirmationUrl"] = f.Address.Origin(), f.Address.Origin()
		m["statusCode"], m["responseTime"] = firstStatus(f), f.average().Milliseconds()
		m["confirmationTitle"] = "API Endpoints"
		m["confirmationDescription"] = fmt.Sprintf("%d/%d эндпойнтов работают (%.1f%%)", working, total, all)
	}
	if team.Secured(contest.SecureEndpoint) {
		m["endpointUrl"], m["confirmationUrl"] = "", ""
	}
	return m
}

// firstStatus is the status that the service answered with first.
func firstStatus(f Facts) int {
	for _, r := range f.Walk {
		if r.Answer.Status != 0 {
			return r.Answer.Status
		}
	}
	return 0
}

func results(f Facts) []endpointResult {
	all := make([]endpointResult, 0, len(f.Walk))
	for _, r := range f.Walk {
		all = append(all, endpointResult{
			Endpoint: r.Endpoint.Path, Method: r.Endpoint.Method, Working: r.Working(), Critical: r.Endpoint.Critical,
			Accepted: r.Endpoint.Accepted, StatusCode: r.Answer.Status, ResponseTime: r.Answer.Took.Milliseconds(), Error: wrong(r),
		})
	}
	return all
}

// wrong says in a clause why an endpoint does not work; nothing when it does.
func wrong(r Result) string {
	switch {
	case r.Working():
		return ""
	case r.Answer.Status != 0:
		return fmt.Sprintf("it answered %d instead of %s", r.Answer.Status, oneOf(r.Endpoint.Accepted))
	}
	return r.Answer.Reason
}
