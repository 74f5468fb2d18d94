package deployment

import (
	"slices"
	"time"
)

// State is how far the look at a team's service came.
type State string

// The states of a look. Only Looked has answers.
const (
	Looked     State = "looked"     // the service was called, or would have been but for a load run
	None       State = "none"       // the team gave no endpoint
	Malformed  State = "malformed"  // what it gave is no web address
	NoHost     State = "no-host"    // its host name does not exist
	Private    State = "private"    // its host is not a public one, so it is not called
	Unresolved State = "unresolved" // the name could not be looked up
)

// States lists all states.
func States() []State { return []State{Looked, None, Malformed, NoHost, Private, Unresolved} }

// Failure is why a call got no answer.
type Failure string

// The failures of a call. Ours is the only one that is not the service's.
const (
	Timeout     Failure = "timeout"
	Refused     Failure = "refused"
	Closed      Failure = "closed"
	Hidden      Failure = "private" // its address turned out not to be public
	Gone        Failure = "no-host"
	Certificate Failure = "certificate"
	Garbled     Failure = "garbled"
	Unreachable Failure = "unreachable"
	Untried     Failure = "untried"
	Ours        Failure = "ours"
)

// Answer is what became of one call.
type Answer struct {
	Status  int           // 0: there was no answer
	Took    time.Duration // until the answer's head, with the time to connect; or until the failure
	Failure Failure       // empty when there is a status
	Reason  string        // of the failure, a clause that goes on a sentence
	Cut     string        // why the body was not read to its end; empty: it was
	TLS     *TLS          // nil without TLS

	location string // where a redirect leads
}

// OK reports whether the answer is a success.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Result is an endpoint and its answer.
type Result struct {
	Endpoint Endpoint
	Answer   Answer
}

// Working reports whether the endpoint answered as the API says.
func (r Result) Working() bool { return slices.Contains(r.Endpoint.Accepted, r.Answer.Status) }

// DNS is what the look-up of a service's host gave.
type DNS struct {
	Literal   bool // the host is an IP address
	Addresses int
	Private   int // of those, how many the guard refuses
	Took      time.Duration
}

// TLS is what the service showed of itself when it was called over https.
type TLS struct {
	Version string // "TLS 1.3"; empty where the handshake failed
	Issuer  string
	Expires time.Time // of the chain's certificate that expires first
	Problem string    // what is wrong with the certificate; empty: nothing
}

// Reading is the further evidence that PromQL gave of a team.
type Reading struct {
	Asked   bool
	Value   float64
	Problem string // why there is no value
}

// Facts is what was seen of one team's service.
type Facts struct {
	State   State
	Reason  string // in a sentence, for every state but Looked
	Address Address
	At      time.Time
	Took    time.Duration

	DNS       DNS
	UnderLoad bool      // a load run held the target, so there was no walk
	Probe     Answer    // of the endpoint itself; rule "http" only
	Hops      int       // redirects that were followed on the way
	Walk      []Result  // in order
	WalkedAt  time.Time // before At where the results are kept ones
	Reset     bool      // POST /api/reset is part of the walk
	Reading   Reading
}

// count returns how many of the walk's endpoints there are and work.
func (f Facts) count(critical bool) (working, total int) {
	for _, r := range f.Walk {
		if critical && !r.Endpoint.Critical {
			continue
		}
		total++
		if r.Working() {
			working++
		}
	}
	return working, total
}

// average is the mean time of the walk's calls that were tried.
func (f Facts) average() time.Duration {
	var sum time.Duration
	tried := 0
	for _, r := range f.Walk {
		if r.Answer.Failure != Untried {
			sum += r.Answer.Took
			tried++
		}
	}
	return sum / time.Duration(max(1, tried))
}

// certificate is what is known of the service's TLS.
func (f Facts) certificate() *TLS {
	if f.Probe.TLS != nil {
		return f.Probe.TLS
	}
	for _, r := range f.Walk {
		if r.Answer.TLS != nil {
			return r.Answer.TLS
		}
	}
	return nil
}

func share(working, total int) float64 {
	if total == 0 {
		return 0
	}
	return 100 * float64(working) / float64(total)
}
