package verdict

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Names of k6 scenarios and numbers that the Hub's page and the rules share.
const (
	steady           = "steady"
	walk             = "walk"
	verify           = "verify"
	expectedRequests = 42 // of the authorisation walk: 6 iterations of 7 requests
	checksRequired   = 95 // %, as the page prints it
)

// Rules are all that a run is judged by. They are stored beside the verdict, so
// that it can be derived again.
type Rules struct {
	Criterion  contest.Criterion   `json:"criterion"`
	Thresholds []contest.Threshold `json:"thresholds"`
	// Judged is the k6 scenario whose load must have been delivered.
	Judged       string  `json:"judged"`
	MinDelivered float64 `json:"minDelivered"` // share of the planned iterations, 0–1
	// LatencyBound tells a slow service from a weak generator when load was not
	// delivered; it is the bound of the latency threshold where there is one.
	LatencyBound contest.Duration `json:"latencyBound"`

	CPULimit   float64          `json:"cpuLimit"`   // share of a generator's CPU, 0–1
	VULimit    float64          `json:"vuLimit"`    // share of its virtual users, 0–1
	SchedLimit contest.Duration `json:"schedLimit"` // p99 of its scheduling latency

	// Proof lists the counters that only the service can raise: beyond their
	// bound they fail a run even where the measurement is in doubt otherwise.
	Proof         []string `json:"proof,omitempty"`
	WalkRequests  int      `json:"walkRequests,omitempty"`  // the walk must have made so many
	Provable      bool     `json:"provable,omitempty"`      // selling once must have been proved
	ConflictsFail bool     `json:"conflictsFail,omitempty"` // a booking lost to another user is a failed one
}

// RulesFor joins the thresholds of a script with the configuration. Overrides
// (selector to expressions) replace all of the script's when there are any. It
// fails on a threshold that cannot be decided by counting, and without any.
func RulesFor(criterion contest.Criterion, script []contest.Threshold, overrides map[string][]string) (Rules, error) {
	thresholds := script
	if len(overrides) > 0 {
		thresholds = nil
		for _, selector := range slices.Sorted(maps.Keys(overrides)) {
			for _, expression := range overrides[selector] {
				t, err := contest.ParseThreshold(selector, expression)
				if err != nil {
					return Rules{}, err
				}
				thresholds = append(thresholds, t)
			}
		}
	}
	if len(thresholds) == 0 {
		return Rules{}, fmt.Errorf("the scenario declares no thresholds, so nothing of it can be judged")
	}
	r := Rules{
		Criterion: criterion, Thresholds: thresholds, Judged: steady,
		MinDelivered: 0.99, LatencyBound: contest.Duration(2 * time.Second),
		CPULimit: 0.85, VULimit: 0.9, SchedLimit: contest.Duration(100 * time.Millisecond),
		Proof:    []string{"double_sold_seats"},
		Provable: criterion == contest.TicketBooking || criterion == contest.TicketCancellation,
	}
	switch criterion {
	case contest.AuthPerformance:
		r.WalkRequests = expectedRequests
	case contest.TicketCancellation:
		r.Proof = append(r.Proof, "double_freed_seats", "seats_not_freed")
	}
	for _, t := range thresholds {
		if err := countable(t); err != nil {
			return Rules{}, err
		}
		if r.latencyRule(t) {
			r.LatencyBound = contest.Duration(t.Bound * float64(time.Millisecond))
		}
	}
	return r, nil
}

// Under returns the rules changed by a criterion's named rule
// ("conflicts-fail"); other names change nothing.
func (r Rules) Under(rule string) Rules {
	if rule == "conflicts-fail" {
		r.ConflictsFail = true
	}
	return r
}

// Hash returns the sha256 of the rules in hex.
func (r Rules) Hash() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("hash rules: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// countable refuses what no count over several generators decides.
func countable(t contest.Threshold) error {
	switch {
	case t.IsTrend() && (t.Op == "<" || t.Op == "<=" || t.Op == ">" || t.Op == ">="):
		return nil
	case t.Method == "rate" || t.Method == "count":
		return nil
	}
	return fmt.Errorf("threshold %q cannot be judged exactly over several generators: use p(N) with < or >, rate or count", t)
}

// latencyRule reports whether t bounds the judged scenario's latency from above:
// that of all its requests, not of one route among them.
func (r Rules) latencyRule(t contest.Threshold) bool {
	return t.IsTrend() && t.Metric == "http_req_duration" && (t.Op == "<" || t.Op == "<=") && len(t.Tags) <= 1 && r.ofJudged(t)
}

func (r Rules) ofJudged(t contest.Threshold) bool {
	name, tagged := t.Tags["scenario"]
	return !tagged || name == r.Judged
}
