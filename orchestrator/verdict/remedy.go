package verdict

import (
	"fmt"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Keys of the configuration that bound a shape.
const (
	keyMostRunners = "kubernetes.max_runners"
	keyMostMemory  = "kubernetes.max_runner_memory"
)

// Remedy returns the shape of a climb's next run at a level: that of base, which
// is made for the level, or a larger one where what was done of the climb needed
// it. A run that became invalid through its generators is tried again with more
// of them, or with more memory for each, as far as base allows. done is in the
// order of the ladder.
func Remedy(base contest.Shape, levelNo int, done []RunResult) contest.Shape {
	var last *RunResult
	for i, r := range done {
		if r.Evidence.Launch.Shape != nil && r.Run.LevelNo <= levelNo {
			last = &done[i]
		}
	}
	if last == nil {
		return base
	}
	next, before := base, *last.Evidence.Launch.Shape
	if base.Memory > 0 {
		next.Memory = max(base.Memory, min(before.Memory, base.MostMemory))
	}
	if last.Run.LevelNo < levelNo {
		return next // another load: what one generator needs stays, how many there are does not
	}
	next.Runners = max(base.Runners, min(before.Runners, base.MostRunners))
	short := Shortage(last.Evidence, last.Verdict)
	grown := grow(next, short)
	if short == "" || grown == next {
		return next
	}
	because := "the load generators could not keep up"
	if short == contest.ShortOfMemory {
		because = strings.TrimSuffix(last.Evidence.Launch.Trouble, ".")
	}
	grown.Remedy = fmt.Sprintf("Tried again with %s in place of %s, because %s.", grown, before, because)
	return grown
}

// grow returns the next larger shape for generators that are short of something,
// or the same where the bounds allow none.
func grow(s contest.Shape, short contest.Shortage) contest.Shape {
	switch {
	case short == "":
	case short == contest.ShortOfMemory && s.Memory > 0 && s.Memory < s.MostMemory:
		s.Memory = min(2*s.Memory, s.MostMemory)
	case s.Runners < s.MostRunners: // each then carries less, and needs less memory for it
		s.Runners = min(s.Runners+(s.Runners+1)/2, s.MostRunners)
	}
	return s
}

// Shortage returns what the generators of an invalid run had too little of, or
// nothing where they did not make it invalid, or more of them would not help.
func Shortage(e contest.Evidence, v contest.RunVerdict) contest.Shortage {
	if v.Outcome != contest.OutcomeInvalid || e.Launch.Unusable != "" {
		return ""
	}
	if e.Launch.Short != "" || e.Launch.Trouble != "" {
		return e.Launch.Short
	}
	short := contest.Shortage("")
	for _, f := range v.Findings {
		switch {
		case f.Outcome != contest.OutcomeInvalid:
		case f.Rule == ruleCPU, f.Rule == ruleDelivered && e.Count("http_reqs") > 0:
			short = contest.ShortOfPower
		default:
			return "" // what is missing altogether says nothing of the rest
		}
	}
	return short
}

// shape tells what the generators were, how that came, and where a larger one is
// not allowed although it is needed.
func (j *judgement) shape() {
	s := j.e.Launch.Shape
	if s == nil {
		return
	}
	f := contest.Finding{Rule: ruleShape, Outcome: contest.OutcomePassed, Value: float64(s.Runners), Bound: float64(s.MostRunners), Op: "<=", Unit: "runners"}
	f.Sentence = fmt.Sprintf("The load was shared by %s; one is taken to have %s virtual users and to begin %s iterations a second (%s).",
		s, number(float64(s.VUs)), number(float64(s.Rate)), origin(*s))
	j.add(f)
	if s.Remedy != "" {
		j.add(contest.Finding{Rule: ruleRemedy, Outcome: contest.OutcomeWarning, Sentence: s.Remedy})
	}
	short := Shortage(j.e, j.verdict())
	if short == "" || grow(*s, short) != *s {
		return
	}
	said := fmt.Sprintf("Nothing larger can be tried: %s allows no more runners than %d. Raise it where the cluster has room.", keyMostRunners, s.MostRunners)
	if short == contest.ShortOfMemory && s.Memory > 0 {
		said = fmt.Sprintf("Nothing larger can be tried: %s allows no more memory than %s and %s no more runners than %d. Raise one of them where the cluster has room.",
			keyMostMemory, contest.Bytes(s.MostMemory), keyMostRunners, s.MostRunners)
	}
	j.add(contest.Finding{Rule: ruleRemedy, Outcome: contest.OutcomeWarning, Sentence: said})
}

func origin(s contest.Shape) string {
	switch s.Learned {
	case 0:
		return "as configured"
	case 1:
		return "learned from an earlier run"
	}
	return fmt.Sprintf("learned from %s earlier runs", number(float64(s.Learned)))
}

// Carried returns what each generator of a judged run carried or failed at, for
// the choice of later shapes. There is nothing to learn (nil) from a run that was
// not brought to its end, or was invalid for another reason than its generators.
func Carried(e contest.Evidence, v contest.RunVerdict) *contest.Carried {
	s, short := e.Launch.Shape, Shortage(e, v)
	if s == nil || s.Runners < 1 || e.Launch.Aborted || v.Outcome == contest.OutcomeInvalid && short == "" || !e.Preflight.Answered {
		return nil
	}
	runners := float64(s.Runners)
	c := contest.Carried{Rate: e.Level.Rate() / runners, Short: short, Memory: s.Memory, Asked: s.CPU}
	for _, one := range e.Script.Scenarios {
		c.VUs += float64(one.MaxVUs) / runners
	}
	for _, g := range e.Generators {
		c.CPU, c.Heap = max(c.CPU, finite(g.CPU)), max(c.Heap, finite(g.Heap))
	}
	return &c
}
