package verdict

import (
	"fmt"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Names of the rules that every load run has beside its thresholds.
const (
	rulePreflight  = "preflight"
	ruleEvidence   = "evidence"
	ruleScript     = "script"
	ruleFinished   = "generators finished"
	ruleCPU        = "generator cpu"
	ruleVUs        = "generator virtual users"
	ruleSched      = "generator scheduling"
	ruleWrites     = "generator lost writes"
	ruleExact      = "generator exactness"
	ruleCeiling    = "generator ceiling"
	ruleShape      = "generator shape"
	ruleRemedy     = "generator remedy"
	ruleAborted    = "aborted"
	ruleDelivered  = "delivered"
	ruleWalk       = "walk"
	ruleProvable   = "provable"
	ruleBookings   = "bookings"
	unitIterations = "iterations"
)

// judgement is one run being judged: what was measured, and the findings so far.
type judgement struct {
	rules    Rules
	e        contest.Evidence
	findings []contest.Finding
	proved   bool // a counter is beyond its bound for good
}

// Judge judges one run. It never fails: what it cannot decide is invalid, with
// the reason as a finding. The order of precedence is: no answer to the
// preflight, proof of a broken rule, doubt about the measurement, a broken rule.
func Judge(rules Rules, e contest.Evidence) contest.RunVerdict {
	j := &judgement{rules: rules, e: e}
	if !j.preflight() {
		return j.verdict()
	}
	j.generators()
	j.gaps()
	for _, t := range rules.Thresholds {
		j.threshold(t)
	}
	j.bookings()
	j.walk()
	j.provable()
	j.delivered()
	j.cpu()
	j.shape()
	return j.verdict()
}

func (j *judgement) add(f contest.Finding) {
	f.Value, f.Bound = finite(f.Value), finite(f.Bound)
	j.findings = append(j.findings, f)
}

func (j *judgement) has(o contest.Outcome) bool {
	return slices.ContainsFunc(j.findings, func(f contest.Finding) bool { return f.Outcome == o })
}

func (j *judgement) verdict() contest.RunVerdict {
	v := contest.RunVerdict{Findings: j.findings}
	switch {
	case j.proved:
		v.Outcome = contest.OutcomeFailed
	case j.has(contest.OutcomeInvalid):
		v.Outcome = contest.OutcomeInvalid
	case j.has(contest.OutcomeFailed):
		v.Outcome = contest.OutcomeFailed
	case len(j.rules.Thresholds) == 0:
		v.Outcome = contest.OutcomeInvalid
	default:
		v.Outcome = contest.OutcomePassed
	}
	return v
}

// preflight reports whether there was a service to put under load.
func (j *judgement) preflight() bool {
	p := j.e.Preflight
	switch {
	case p.Answered && p.Finding != "":
		j.add(contest.Finding{Rule: rulePreflight, Outcome: contest.OutcomeWarning, Value: float64(p.Status), Sentence: p.Finding})
	case p.Answered:
		j.add(contest.Finding{Rule: rulePreflight, Outcome: contest.OutcomePassed, Value: float64(p.Status),
			Sentence: fmt.Sprintf("The service answered the smoke test with status %d.", p.Status)})
	case p.Error != "":
		j.add(contest.Finding{Rule: rulePreflight, Outcome: contest.OutcomeFailed,
			Sentence: "The service gave no answer before any load: " + p.Error + "."})
	default:
		j.add(contest.Finding{Rule: rulePreflight, Outcome: contest.OutcomeInvalid,
			Sentence: "The service was not asked before the load, so nothing can be said about it."})
	}
	return p.Answered
}

// gaps makes a run invalid whose evidence is not whole.
func (j *judgement) gaps() {
	for _, gap := range j.e.Gaps {
		j.add(contest.Finding{Rule: ruleEvidence, Outcome: contest.OutcomeInvalid, Sentence: gap})
	}
	if len(j.rules.Thresholds) == 0 {
		j.add(contest.Finding{Rule: ruleEvidence, Outcome: contest.OutcomeInvalid, Sentence: "There is no rule to judge the run by."})
	}
}

// walk holds the authorisation walk against the requests that it consists of.
func (j *judgement) walk() {
	want := float64(j.rules.WalkRequests)
	if want == 0 || j.e.Launch.Aborted || j.e.Script.Planned(walk) == 0 {
		return
	}
	made := j.e.Count("http_reqs", walk)
	f := contest.Finding{Rule: ruleWalk, Outcome: contest.OutcomePassed, Value: made, Bound: want, Op: ">=", Unit: "requests"}
	f.Sentence = fmt.Sprintf("The authorisation walk made %s requests, needs %s.", number(made), number(want))
	if made < want {
		f.Outcome = contest.OutcomeFailed
	}
	j.add(f)
}

// provable fails a service that does not let anyone see whether it sold seats
// once: what cannot be shown is not passed.
func (j *judgement) provable() {
	if !j.rules.Provable || j.e.Launch.Aborted {
		return
	}
	unseen := j.e.Count("not_provable")
	missing := float64(j.e.Script.Planned(verify)) - j.e.Count("iterations", verify)
	f := contest.Finding{Rule: ruleProvable, Outcome: contest.OutcomePassed, Value: unseen, Op: "==",
		Sentence: "What was sold could be read back from the service."}
	switch {
	case missing > 0:
		f.Outcome = contest.OutcomeFailed
		f.Sentence = "Not provable: reading back what was sold did not come to its end."
	case unseen > 0:
		f.Outcome = contest.OutcomeFailed
		f.Sentence = "Not provable: the service did not show which seats were sold to whom."
	}
	j.add(f)
}

// bookings is the day's rule: a booking lost to another user counts as failed.
func (j *judgement) bookings() {
	if !j.rules.ConflictsFail {
		return
	}
	made := j.e.Count("successful_bookings", steady)
	tried := made + j.e.Count("failed_bookings", steady) + j.e.Count("conflict_bookings", steady)
	f := contest.Finding{Rule: ruleBookings, Outcome: contest.OutcomeFailed, Value: percent(made, tried), Bound: 95, Op: ">=", Unit: "%"}
	f.Sentence = fmt.Sprintf("%s of %s attempts became bookings, conflicts counted as failures (%s), needs at least 95 %%.",
		number(made), number(tried), percentText(made, tried))
	if tried > 0 && made*100 >= 95*tried {
		f.Outcome = contest.OutcomePassed
	}
	j.add(f)
}
