package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// mostAdvice bounds what a team is told to fix first.
const mostAdvice = 5

// advice is a failure that a team has to look at.
type advice struct {
	Criterion contest.Criterion
	At        time.Time
	Finding   contest.Finding
}

// fixFirst picks the first distinct failures of a team: of each criterion its
// first cause, in the order of the table, then the further ones. That a level
// did not pass is no cause, unless nothing else is known.
func fixFirst(parts []criterionPart) []advice {
	var first, further []advice
	said := map[string]bool{}
	for _, p := range parts {
		mine := causes(p)
		for i, f := range mine {
			if said[f.Sentence] {
				continue
			}
			said[f.Sentence] = true
			a := advice{p.Criterion, p.Verdict.At, f}
			if i == 0 {
				first = append(first, a)
			} else {
				further = append(further, a)
			}
		}
	}
	all := append(first, further...)
	return all[:min(mostAdvice, len(all))]
}

func causes(p criterionPart) []contest.Finding {
	if !p.Measured || p.Verdict.Invalid || p.Verdict.Status != contest.Failed {
		return nil
	}
	var rules, levels []contest.Finding
	for _, f := range p.Verdict.Findings {
		switch {
		case f.Outcome != contest.OutcomeFailed:
		case levelNo(f) > 0:
			levels = append(levels, f)
		default:
			rules = append(rules, f)
		}
	}
	if len(rules) == 0 {
		return levels
	}
	return rules
}

// levelNo is which level a finding is about as a whole, from 1 on; 0 for others.
func levelNo(f contest.Finding) int {
	digits, ok := strings.CutPrefix(f.Rule, "level ")
	no, err := strconv.Atoi(digits)
	if !ok || err != nil || no < 0 {
		return 0
	}
	return no
}

// levelPart is how a level of a criterion went.
type levelPart struct {
	No      int
	Outcome contest.Outcome
	Level   contest.Level
}

// Levels are those that the verdict tells of, with their load from the runs.
func (p criterionPart) Levels() []levelPart {
	var all []levelPart
	for _, f := range p.Verdict.Findings {
		no := levelNo(f)
		if no == 0 {
			continue
		}
		for _, run := range p.Runs {
			if run.LevelNo == no-1 {
				all = append(all, levelPart{no, f.Outcome, run.Level})
				break
			}
		}
	}
	return all
}
