package contest

import "fmt"

// Criterion is one thing that a team is measured by, spelt as the Hub spells it
// (its CriteriaType enum).
type Criterion string

// The Hub's criteria. JudgeScore is read, never written.
const (
	CodeRepo           Criterion = "CODE_REPO"
	DeployedSolution   Criterion = "DEPLOYED_SOLUTION"
	EventSearch        Criterion = "EVENT_SEARCH"
	ArchiveSearch      Criterion = "ARCHIVE_SEARCH"
	AuthPerformance    Criterion = "AUTH_PERFORMANCE"
	TicketBooking      Criterion = "TICKET_BOOKING"
	TicketCancellation Criterion = "TICKET_CANCELLATION"
	BudgetTracking     Criterion = "BUDGET_TRACKING"
	JudgeScore         Criterion = "JUDGE_SCORE"
)

// Criteria lists all criteria in the order of the results page.
func Criteria() []Criterion {
	return []Criterion{
		CodeRepo, DeployedSolution, EventSearch, ArchiveSearch, AuthPerformance,
		TicketBooking, TicketCancellation, BudgetTracking, JudgeScore,
	}
}

// Valid reports whether c is one of the Hub's criteria.
func (c Criterion) Valid() bool {
	for _, known := range Criteria() {
		if c == known {
			return true
		}
	}
	return false
}

// Status is what the Hub shows for a team and a criterion (its CriteriaStatus enum).
type Status string

// The Hub's statuses. The zero value is none of them.
const (
	Passed Status = "PASSED"
	Failed Status = "FAILED"
	NoData Status = "NO_DATA"
)

// Valid reports whether s is one of the Hub's statuses.
func (s Status) Valid() bool { return s == Passed || s == Failed || s == NoData }

// ServiceKey names a service in configuration, for example "git-monitor".
type ServiceKey string

// The services of the seed document.
const (
	GitMonitor          ServiceKey = "git-monitor"
	DeploymentMonitor   ServiceKey = "deployment-monitor"
	SearchTesting       ServiceKey = "k6-search-testing"
	ArchiveTesting      ServiceKey = "k6-archive-testing"
	AuthTesting         ServiceKey = "k6-auth-testing"
	BookingTesting      ServiceKey = "k6-booking-testing"
	CancellationTesting ServiceKey = "k6-cancellation-testing"
	CostTracking        ServiceKey = "cost-tracking"
)

// Service is a scheduled measurer of one criterion. Commands, URLs and
// configuration accept any of its three names: Key, Name and Criterion.
type Service struct {
	Key       ServiceKey
	Name      string // full name: the Hub's updatedBy and the service metric label
	Criterion Criterion
	Scenario  string // the k6 script without ".js"; empty for an exporter
}

// Load reports whether the service puts load on a team's endpoint.
func (s Service) Load() bool { return s.Scenario != "" }

// Compares reports whether the verdict on a team depends on the other teams, as
// where it stands among them by what it spent.
func (s Service) Compares() bool { return s.Key == CostTracking }

// Services lists every service in the order of the results page.
func Services() []Service {
	return []Service{
		{GitMonitor, "git-monitor-service", CodeRepo, ""},
		{DeploymentMonitor, "deployment-monitor-service", DeployedSolution, ""},
		{SearchTesting, "k6-search-testing-service", EventSearch, "search"},
		{ArchiveTesting, "k6-archive-testing-service", ArchiveSearch, "archive"},
		{AuthTesting, "k6-auth-testing-service", AuthPerformance, "auth"},
		{BookingTesting, "k6-booking-testing-service", TicketBooking, "booking"},
		{CancellationTesting, "k6-cancellation-testing-service", TicketCancellation, "cancellation"},
		{CostTracking, "cost-tracking-service", BudgetTracking, ""},
	}
}

// FindService returns the service that name means: a key, a full name or a criterion.
func FindService(name string) (Service, error) {
	for _, s := range Services() {
		if name == string(s.Key) || name == s.Name || name == string(s.Criterion) {
			return s, nil
		}
	}
	return Service{}, fmt.Errorf("unknown service %q: want a key like %q, a name like %q or a criterion like %q",
		name, GitMonitor, "git-monitor-service", CodeRepo)
}
