package cost

import (
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Entry is a spend that an organiser or a team typed into our form: the whole
// spend so far, not an addition.
type Entry struct {
	Team   contest.Slug `json:"team"`
	Amount Amount       `json:"amount"` // see [Parse]; without a currency it is the contest's
	Note   string       `json:"note,omitempty"`
	Who    string       `json:"who"`
	At     time.Time    `json:"at"`
}

// Facts is what is known of one team's spend.
type Facts struct {
	Team  contest.Team
	Entry *Entry // the form's newest; nil without one
	Bills []Bill
	Usage Usage
}

// Bill is what one provider charges for a team, once per currency.
type Bill struct {
	Provider string
	Amounts  []Amount
}

// Usage is what a team's namespace used. It is information and no money.
type Usage struct {
	CoreHours *float64 // nil: not known
	GiBHours  *float64
}

// Trouble is a source that failed.
type Trouble struct {
	Source   string // the provider's name, or "Prometheus"
	Sentence string // why, for people
	Bills    bool   // bills are missing: a total made of bills is not whole
}

// Round is what is known of all teams at once.
type Round struct {
	Teams   []Facts
	Trouble []Trouble
	At      time.Time
	Link    func(contest.Team) string // page that a cell of the Hub links to; nil: none
}

// Names of the rules; see contest.yaml.
const (
	RuleInformational = "informational" // passed when there is data
	RuleRank          = "rank"          // points by rank, the cheapest first
)

// Rules is how spends are judged.
type Rules struct {
	Rule     string // RuleInformational when empty
	Points   int    // of who has data, or of the cheapest; the dearest gets a sixth
	Currency string // the contest's, of amounts that name none; KZT when empty
}

// Source says where a total comes from.
type Source string

// The sources of a total, in the order in which they count.
const (
	SourceForm        Source = "form"
	SourceEnvironment Source = "environment" // MONEY_SPEND
	SourceBills       Source = "bills"
	SourceNone        Source = "none"
)
