package verdict

import (
	"fmt"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// thresholdsExit is k6's exit code of a run that worked but crossed a threshold.
const thresholdsExit = 99

// generators looks at what makes every sum doubtful (a generator that is
// missing, broke or lost data: invalid) and at what alone decides nothing.
func (j *judgement) generators() {
	if j.e.Launch.Unusable != "" {
		j.add(contest.Finding{Rule: ruleScript, Outcome: contest.OutcomeInvalid, Sentence: j.e.Launch.Unusable})
	}
	j.finished()
	if j.e.Launch.Trouble != "" {
		j.add(contest.Finding{Rule: ruleFinished, Outcome: contest.OutcomeInvalid, Sentence: j.e.Launch.Trouble})
	}
	for i, code := range j.e.Launch.ExitCodes {
		if code != 0 && code != thresholdsExit {
			j.add(contest.Finding{Rule: ruleFinished, Outcome: contest.OutcomeInvalid, Value: float64(code),
				Sentence: fmt.Sprintf("Load generator %d of %d ended with exit code %d.", i+1, len(j.e.Launch.ExitCodes), code)})
		}
	}
	if j.e.Launch.Inexact != "" {
		j.add(contest.Finding{Rule: ruleExact, Outcome: contest.OutcomeWarning, Sentence: j.e.Launch.Inexact})
	}
	j.lostWrites()
	j.signals()
	j.ceiling()
}

// nearCeiling is the share of a generator's ceiling above which a level's rate
// is too much to ask of it.
const nearCeiling = 0.7

// ceiling warns of a level whose rate is near what a generator reached against
// a target that only echoes. An iteration makes at least one request.
func (j *judgement) ceiling() {
	c := j.e.Ceiling
	if c == nil {
		return
	}
	each := j.e.Level.Rate() / float64(max(1, j.e.Launch.Generators))
	f := contest.Finding{Rule: ruleCeiling, Outcome: contest.OutcomePassed, Value: round(each, 2), Bound: round(nearCeiling*c.RPS, 0), Op: "<=", Unit: "requests/s"}
	f.Sentence = fmt.Sprintf("The level asks for %s iterations a second of each load generator; one reached %s requests a second here (p95 %s ms).",
		plain(f.Value), number(round(c.RPS, 0)), plain(round(c.P95, 2)))
	if f.Value > f.Bound {
		f.Outcome = contest.OutcomeWarning
	}
	j.add(f)
}

func (j *judgement) finished() {
	want := max(1, j.e.Launch.Generators)
	done := 0
	for _, g := range j.e.Generators {
		if g.Finished {
			done++
		}
	}
	f := contest.Finding{Rule: ruleFinished, Outcome: contest.OutcomePassed, Value: float64(done), Bound: float64(want), Op: ">=", Unit: "generators"}
	f.Sentence = fmt.Sprintf("%d of %d load generators reported to the end.", done, want)
	if done < want || done < len(j.e.Generators) {
		f.Outcome = contest.OutcomeInvalid
	}
	j.add(f)
}

// lostWrites is a warning: totals are cumulative, so a flush that arrived later
// carries what an earlier one lost. A last flush that was lost is not finished.
func (j *judgement) lostWrites() {
	lost := 0.0
	for _, g := range j.e.Generators {
		lost += g.DroppedWrites
	}
	if lost > 0 {
		j.add(contest.Finding{Rule: ruleWrites, Outcome: contest.OutcomeWarning, Value: lost,
			Sentence: fmt.Sprintf("%s flushes of the load generators were lost; later ones carried their totals.", number(lost))})
	}
}

// signals warns of generators near a limit.
func (j *judgement) signals() {
	used, sched := 0.0, 0.0
	for _, g := range j.e.Generators {
		if g.MaxVUs > 0 {
			used = max(used, g.VUs/g.MaxVUs)
		}
		sched = max(sched, g.SchedLatency)
	}
	if dropped := j.e.Count("dropped_iterations", j.rules.Judged); used >= j.rules.VULimit && dropped > 0 {
		j.add(contest.Finding{Rule: ruleVUs, Outcome: contest.OutcomeWarning, Value: round(used*100, 2), Bound: round(j.rules.VULimit*100, 2), Op: "<", Unit: "%",
			Sentence: fmt.Sprintf("%s of a load generator's virtual users were in use, and %s iterations were dropped.", percentText(used, 1), number(dropped))})
	}
	if limit := j.rules.SchedLimit.D().Seconds(); limit > 0 && sched > limit {
		j.add(contest.Finding{Rule: ruleSched, Outcome: contest.OutcomeWarning, Value: round(sched*1000, 3), Bound: limit * 1000, Op: "<", Unit: "ms",
			Sentence: fmt.Sprintf("A load generator's own scheduler was %s ms late at times (limit %s ms).", plain(round(sched*1000, 1)), plain(limit*1000))})
	}
}

// cpu judges the generators' CPU last, because what it means depends on the
// rest: a busy generator makes answers look slow, so a broken latency or
// delivery rule says nothing; what passed, passed in spite of it.
func (j *judgement) cpu() {
	busiest := 0.0
	for _, g := range j.e.Generators {
		busiest = max(busiest, g.CPU)
	}
	f := contest.Finding{Rule: ruleCPU, Outcome: contest.OutcomePassed, Value: round(busiest*100, 2), Bound: round(j.rules.CPULimit*100, 2), Op: "<=", Unit: "%"}
	f.Sentence = fmt.Sprintf("The busiest load generator used %s of its CPU (limit %s %%).", percentText(busiest, 1), plain(f.Bound))
	if busiest > j.rules.CPULimit {
		f.Outcome = contest.OutcomeWarning
		if j.slow() {
			f.Outcome = contest.OutcomeInvalid
			f.Sentence += " A busy generator measures itself: what looks slow may not be the service."
		}
	}
	j.add(f)
}

// slow reports whether a rule failed that a busy generator can break by itself.
func (j *judgement) slow() bool {
	return slices.ContainsFunc(j.findings, func(f contest.Finding) bool {
		if f.Outcome != contest.OutcomeFailed {
			return false
		}
		return f.Rule == ruleDelivered || slices.ContainsFunc(j.rules.Thresholds, func(t contest.Threshold) bool {
			return t.IsTrend() && t.String() == f.Rule
		})
	})
}
