package contest

import "time"

// SuspicionKind names what is odd about a service.
type SuspicionKind string

// The kinds of suspicions.
const (
	SuspicionByClient   SuspicionKind = "answers by client"      // the load generator is answered otherwise than others
	SuspicionUnderLoad  SuspicionKind = "answers under load"     // less is answered under load than before it
	SuspicionEmpty      SuspicionKind = "empty lists"            // every list is empty
	SuspicionQuery      SuspicionKind = "query without effect"   // a search finds the same whatever is searched for
	SuspicionPage       SuspicionKind = "page without effect"    // each page is the same
	SuspicionBookingIDs SuspicionKind = "repeated booking ids"   // two users get one booking
	SuspicionShared     SuspicionKind = "another team's service" // what was left at one team is found at another
)

// Suspicion is a finding for organisers alone: a service behaved as one that
// serves the test instead of users. It takes no part in a verdict, and nobody
// else is shown it: it may be a mistake of the team's, or of ours, and whoever
// did cheat would learn from it what gave them away.
type Suspicion struct {
	Team      Slug          `json:"team"`
	Criterion Criterion     `json:"criterion,omitempty"` // under whose load it was seen; empty: under none
	Kind      SuspicionKind `json:"kind"`
	Other     Slug          `json:"other,omitempty"` // the other team of a shared service
	Run       RunID         `json:"run,omitempty"`   // in which it was seen last
	Sentence  string        `json:"sentence"`
	At        time.Time     `json:"at"`    // seen last
	Since     time.Time     `json:"since"` // seen first
	Times     int           `json:"times"` // how often it was seen
}
