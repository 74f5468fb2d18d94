package contest

import "time"

// Finding is one rule looked at: the value, the bound and a sentence. Every
// verdict carries all of its findings, good and bad.
type Finding struct {
	Rule     string  `json:"rule"` // "http_req_duration{scenario:steady}: p(95)<2000", "delivered", "generator cpu", …
	Outcome  Outcome `json:"outcome"`
	Value    float64 `json:"value"`
	Bound    float64 `json:"bound"`
	Op       string  `json:"op,omitempty"`
	Unit     string  `json:"unit,omitempty"` // "ms", "%", "iterations", …
	Sentence string  `json:"sentence"`
}

// RunVerdict is the judgement of one run.
type RunVerdict struct {
	Outcome  Outcome   `json:"outcome"`
	Findings []Finding `json:"findings"`
}

// Verdict is the judgement of a team in one criterion: what the Hub is told,
// and why.
type Verdict struct {
	Team      Team           `json:"team"`
	Service   ServiceKey     `json:"service"`
	Criterion Criterion      `json:"criterion"`
	Round     RoundID        `json:"round,omitempty"`
	Climb     ClimbID        `json:"climb,omitempty"`
	Status    Status         `json:"status"`
	Score     int            `json:"score"`
	Metrics   map[string]any `json:"metrics"`
	Findings  []Finding      `json:"findings"`
	Runs      []RunID        `json:"runs,omitempty"`
	At        time.Time      `json:"at"`
	// Invalid means that we could not measure. An invalid verdict is published
	// only where the Hub holds nothing better from us.
	Invalid bool `json:"invalid,omitempty"`
}

// Update is what the Hub is told for one team and criterion. Score and Metrics
// are always both sent: the Hub keeps the old value of whatever is left out.
type Update struct {
	TeamSlug     Slug           `json:"teamSlug"`
	HackathonID  string         `json:"hackathonId"`
	CriteriaType Criterion      `json:"criteriaType"`
	Status       Status         `json:"status"`
	Score        int            `json:"score"`
	Metrics      map[string]any `json:"metrics"`
	UpdatedBy    string         `json:"updatedBy"`
}

// Update returns what the Hub is told of the verdict.
func (v Verdict) Update() (Update, error) {
	s, err := FindService(string(v.Service))
	if err != nil {
		return Update{}, err
	}
	return Update{
		TeamSlug: v.Team.Slug, HackathonID: v.Team.HackathonID, CriteriaType: v.Criterion,
		Status: v.Status, Score: v.Score, Metrics: v.Metrics, UpdatedBy: s.Name,
	}, nil
}

// OutboxState is where an update stands on its way to the Hub.
type OutboxState string

// Pending rows are due now or later, sent rows are in the Hub, parked rows were
// refused for good and wait for a person.
const (
	OutboxPending OutboxState = "pending"
	OutboxSent    OutboxState = "sent"
	OutboxParked  OutboxState = "parked"
)

// OutboxRow is the newest update of one team and criterion. Version is raised
// by each new update, so that a late answer cannot mark a newer one as sent.
type OutboxRow struct {
	Update    Update      `json:"update"`
	Version   int64       `json:"version"`
	State     OutboxState `json:"state"`
	Attempts  int         `json:"attempts"`
	CreatedAt time.Time   `json:"createdAt"`
	DueAt     time.Time   `json:"dueAt"`
	SentAt    *time.Time  `json:"sentAt,omitempty"`
	Error     string      `json:"error,omitempty"` // the Hub's words
}

// ServiceHealth is the seed document's interface of GET /health/{service}.
type ServiceHealth struct {
	ServiceName         string     `json:"serviceName"`
	Status              string     `json:"status"` // healthy, degraded or unhealthy
	LastRunTime         *time.Time `json:"lastRunTime"`
	LastSuccessTime     *time.Time `json:"lastSuccessTime"`
	ErrorRate           float64    `json:"errorRate"` // failed share of the last 20 rounds, 0–1
	ConsecutiveFailures int        `json:"consecutiveFailures"`
}
