package verdict

import (
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// delivered holds the load that was put on the service against the plan. Load
// that is missing while answers came within the bound is the generators' fault
// (invalid); load that is missing because answers took longer is the service's.
func (j *judgement) delivered() {
	planned := float64(j.e.Script.Planned(j.rules.Judged))
	if planned == 0 {
		return // the executor fixes no number of iterations
	}
	done := j.e.Count("iterations", j.rules.Judged)
	f := contest.Finding{Rule: ruleDelivered, Outcome: contest.OutcomePassed, Value: percent(done, planned), Bound: round(j.rules.MinDelivered*100, 4), Op: ">=", Unit: "%"}
	f.Sentence = fmt.Sprintf("%s of %s planned iterations were delivered (%s), needs %s %%.", number(done), number(planned), percentText(done, planned), plain(f.Bound))
	switch {
	case j.e.Launch.Aborted:
		j.aborted(&f)
	case done+1 >= planned || done >= j.rules.MinDelivered*planned:
		// One iteration more or less is the executor's rounding.
	case j.waited() && j.overBound():
		f.Outcome = contest.OutcomeFailed
		f.Sentence += fmt.Sprintf(" The service answered slower than the bound: %s arrivals found nobody free and %s never ended, all count as failures.",
			number(j.e.Count("dropped_iterations", j.rules.Judged)), number(j.unfinished(j.rules.Judged)))
	case !j.waited():
		f.Outcome = contest.OutcomeInvalid
		f.Sentence += " Nothing shows that the service was asked at all."
	default:
		f.Outcome = contest.OutcomeInvalid
		f.Sentence += " The service answered within the bound, so the load generators could not keep up."
	}
	j.add(f)
}

// aborted judges a run that a threshold ended early: the broken rule decides,
// and there must be one.
func (j *judgement) aborted(f *contest.Finding) {
	f.Outcome = contest.OutcomeWarning
	f.Sentence += " The run was ended early, because a rule could not be met any more."
	if !j.has(contest.OutcomeFailed) {
		j.add(contest.Finding{Rule: ruleAborted, Outcome: contest.OutcomeInvalid,
			Sentence: "The run was ended early, but over all generators no rule is broken."})
	}
}

// unfinished returns how many iterations of a k6 scenario were started and
// never came to their end.
func (j *judgement) unfinished(scenario string) float64 {
	return max(0, float64(j.e.Script.Planned(scenario))-j.e.Count("dropped_iterations", scenario)-j.e.Count("iterations", scenario))
}

// waited reports whether something shows that the generators did wait for the
// service: answers were recorded, or the virtual users were used up.
func (j *judgement) waited() bool {
	if j.e.Count("http_reqs") > 0 {
		return true
	}
	for _, g := range j.e.Generators {
		if g.MaxVUs > 0 && g.VUs >= j.rules.VULimit*g.MaxVUs {
			return true
		}
	}
	return false
}

// overBound reports whether answers took longer than the bound, where an
// iteration that never ended counts as one that did: only looking at answers
// that came would favour a service that holds requests for ever.
func (j *judgement) overBound() bool {
	unfinished := j.unfinished(j.rules.Judged)
	ruled := false
	for _, t := range j.rules.Thresholds {
		if !j.rules.latencyRule(t) {
			continue
		}
		ruled = true
		c, _ := j.count(t)
		if c.Samples+unfinished > 0 && !t.HoldsByCount(c.Within, c.Samples+unfinished) {
			return true
		}
	}
	if ruled {
		return false
	}
	if unfinished > (1-j.rules.MinDelivered)*float64(j.e.Script.Planned(j.rules.Judged)) {
		return true
	}
	return j.e.Latency != nil && j.e.Latency.P95.Low > float64(j.rules.LatencyBound.D().Milliseconds())
}
