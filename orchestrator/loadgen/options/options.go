package options

import (
	"net/netip"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// Options is one tier of a test's options, or all tiers together. What is nil
// was not said.
type Options struct {
	VUs        *int64
	Iterations *int64
	Duration   *time.Duration
	Stages     []pace.Stage
	Scenarios  []Scenario // in order of name

	Thresholds []contest.Threshold // in order of key
	// Written holds how the script wrote selectors (by Threshold.Selector) and
	// expressions (by Threshold.String), where that is not our form of them.
	Written map[string]string
	Tags    map[string]string

	UserAgent             *string
	InsecureSkipTLSVerify *bool
	NoConnectionReuse     *bool
	NoVUConnectionReuse   *bool
	DiscardResponseBodies *bool
	NoCookiesReset        *bool
	Throw                 *bool
	MaxRedirects          *int64
	BlacklistIPs          []string // CIDRs or addresses

	Paused               *bool // wait for a start from outside, before setup
	NoSetup              *bool
	NoTeardown           *bool
	SetupTimeout         *time.Duration
	TeardownTimeout      *time.Duration
	HandleSummaryTimeout *time.Duration
	MinIterationDuration *time.Duration

	SystemTags        []string
	SummaryTrendStats []string
	SummaryTimeUnit   *string

	RPS, Batch, BatchPerHost *int64
	HTTPDebug                *string
	Hosts                    map[string]string
	BlockHostnames           []string
	DNS                      DNS
	LocalIPs                 []netip.Addr
	TLSVersion               *TLSVersions
	TLSCipherSuites          []uint16
	TLSAuth                  []ClientCertificate

	ExecutionSegment         *string
	ExecutionSegmentSequence *string
}

// Over lays o over lower: what o says wins.
func (o Options) Over(lower Options) Options {
	out := lower
	if o.runs() {
		out.Duration, out.Iterations, out.Stages, out.Scenarios = o.Duration, o.Iterations, o.Stages, o.Scenarios
	}
	over(&out.VUs, o.VUs)
	over(&out.UserAgent, o.UserAgent)
	over(&out.InsecureSkipTLSVerify, o.InsecureSkipTLSVerify)
	over(&out.NoConnectionReuse, o.NoConnectionReuse)
	over(&out.NoVUConnectionReuse, o.NoVUConnectionReuse)
	over(&out.DiscardResponseBodies, o.DiscardResponseBodies)
	over(&out.NoCookiesReset, o.NoCookiesReset)
	over(&out.Throw, o.Throw)
	over(&out.MaxRedirects, o.MaxRedirects)
	over(&out.Paused, o.Paused)
	over(&out.NoSetup, o.NoSetup)
	over(&out.NoTeardown, o.NoTeardown)
	over(&out.SetupTimeout, o.SetupTimeout)
	over(&out.TeardownTimeout, o.TeardownTimeout)
	over(&out.HandleSummaryTimeout, o.HandleSummaryTimeout)
	over(&out.MinIterationDuration, o.MinIterationDuration)
	over(&out.SummaryTimeUnit, o.SummaryTimeUnit)
	over(&out.ExecutionSegment, o.ExecutionSegment)
	over(&out.ExecutionSegmentSequence, o.ExecutionSegmentSequence)
	overList(&out.SystemTags, o.SystemTags)
	overList(&out.SummaryTrendStats, o.SummaryTrendStats)
	overList(&out.BlacklistIPs, o.BlacklistIPs)
	if o.Thresholds != nil {
		out.Thresholds, out.Written = o.Thresholds, o.Written
	}
	o.overNetwork(&out)
	if o.Tags != nil {
		out.Tags = o.Tags
	}
	return out
}

// runs reports whether o says what to run.
func (o Options) runs() bool {
	return o.Duration != nil || o.Iterations != nil || o.Stages != nil || o.Scenarios != nil
}

func over[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

func overList[T any](to *[]T, from []T) {
	if from != nil {
		*to = from
	}
}

// Or returns the value that p points to, or def when it was not said.
func Or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}
