package web

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// endpoint is one call of a service's API and what came of it, without what the
// service said and where it is.
type endpoint struct {
	Method   string `json:"method"`
	Path     string `json:"endpoint"`
	Working  bool   `json:"working"`
	Critical bool   `json:"critical"`
	Accepted []int  `json:"accepted"`     // statuses that are right
	Status   int    `json:"statusCode"`   // 0: no answer
	Took     int64  `json:"responseTime"` // ms
	Why      string `json:"error"`        // why it does not work
}

// mostEndpoints bounds what is shown of a verdict's endpoints.
const mostEndpoints = 100

// endpointsOf reads the endpoints that a verdict tells of. Verdicts come from the
// state as JSON, so what is odd there is left out.
func endpointsOf(v contest.Verdict) []endpoint {
	text, err := json.Marshal(v.Metrics["endpointResults"])
	if err != nil {
		return nil
	}
	var all []endpoint
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all[:min(mostEndpoints, len(all))]
}

// String names it as findings do.
func (e endpoint) String() string { return e.Method + " " + e.Path }

// Wanted lists the right statuses: "200, 401".
func (e endpoint) Wanted() string {
	words := make([]string, len(e.Accepted))
	for i, status := range e.Accepted {
		words[i] = strconv.Itoa(status)
	}
	return strings.Join(words, ", ")
}

// Millis is how long the answer took.
func (e endpoint) Millis() float64 { return float64(e.Took) }

// Badge says whether it works.
func (e endpoint) Badge() badge {
	switch {
	case e.Working:
		return badge{"passed", "✓", "Works"}
	case e.Critical:
		return badge{"failed", "✕", "Does not work"}
	}
	return badge{"warning", "!", "Does not work"}
}

// others are the findings that are about none of the endpoints, which have a
// table of their own.
func others(findings []contest.Finding, endpoints []endpoint) []contest.Finding {
	listed := map[string]bool{}
	for _, e := range endpoints {
		listed[e.String()] = true
	}
	var rest []contest.Finding
	for _, f := range findings {
		if !listed[f.Rule] {
			rest = append(rest, f)
		}
	}
	return rest
}
