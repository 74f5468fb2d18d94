package git

import "time"

// State is what became of the look at a repository.
type State string

// The states of a repository. Found is the only one with commits.
const (
	Found       State = "found"
	None        State = "none"        // the team gave none
	Malformed   State = "malformed"   // what it gave is no address of a repository
	Missing     State = "missing"     // is not there, or only for others to see
	Private     State = "private"     // is there, but not for the jury
	Empty       State = "empty"       // has no commit
	Blocked     State = "blocked"     // its host keeps it shut
	Unreachable State = "unreachable" // its host is not there, or no host of git
	Undated     State = "undated"     // is there, but its host does not tell of commits
	Unmeasured  State = "unmeasured"  // we, or its host, failed
)

// States lists all states.
func States() []State {
	return []State{Found, None, Malformed, Missing, Private, Empty, Blocked, Unreachable, Undated, Unmeasured}
}

// Facts is what was seen of one team's repository.
type Facts struct {
	State      State
	Reason     string // in a sentence, for every state but Found
	Repository Repository
	GitHub     bool
	At         time.Time
	Took       time.Duration

	Commits      int       // on the default branch, since the contest's start
	Recent       int       // of those, how many in the rule's span before At
	RecentMore   bool      // there are more than Recent
	Last         time.Time // of all commits that are not of the future; zero: unknown
	Ahead        int       // commits that claim to be of the future
	Contributors int       // all there ever were; negative: unknown
	ManyMore     bool      // there are more than Contributors
	Branch       string    // the default branch
	Branches     int       // as a host other than GitHub tells them
	Archived     bool
	Disabled     bool
	Fork         bool
	Moved        bool // the team's address is an old one; Repository has the new
}
