package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// mostAdvice bounds what a team is told to fix first.
const mostAdvice = 5

// advice is a failure that a team has to look at: when it was, what was found,
// and of a load run what its checks expected.
type advice struct {
	Criterion contest.Criterion
	At        time.Time
	Finding   contest.Finding
	Endpoint  *endpoint // that failed; nil: it is about none
	Run       *contest.Run
	Checks    []failedCheck
}

// failedCheck is something that the script expected of answers, and how often it
// was not so.
type failedCheck struct {
	Expected   string // the check's name
	Failed, Of float64
}

// mostChecks bounds how many are shown of a run.
const mostChecks = 5

// failedChecks are what a run's checks found wrong, the most frequent first.
func failedChecks(e contest.Evidence) []failedCheck {
	sum := map[string]*failedCheck{}
	var all []*failedCheck
	for _, c := range e.Counts {
		if c.Label == "" || c.Name != "checks_false" && c.Name != "checks_true" {
			continue
		}
		check, ok := sum[c.Label]
		if !ok {
			check = &failedCheck{Expected: c.Label}
			sum[c.Label], all = check, append(all, check)
		}
		check.Of += c.Value
		if c.Name == "checks_false" {
			check.Failed += c.Value
		}
	}
	slices.SortStableFunc(all, func(a, b *failedCheck) int { return cmp.Compare(b.Failed, a.Failed) })
	var failed []failedCheck
	for _, c := range all[:min(mostChecks, len(all))] {
		if c.Failed > 0 {
			failed = append(failed, *c)
		}
	}
	return failed
}

// firstFailed is the run that failed first of those behind the verdict; nil when
// none of them is known.
func (p criterionPart) firstFailed() *contest.Run {
	var first *contest.Run
	for i, run := range p.Runs {
		if run.Outcome == contest.OutcomeFailed && slices.Contains(p.Verdict.Runs, run.ID) && (first == nil || run.PlannedAt.Before(first.PlannedAt)) {
			first = &p.Runs[i]
		}
	}
	return first
}

// explain adds to the first advice of each criterion under load what the checks of
// its run found. A run whose evidence cannot be read any more is left as it is.
func (s *site) explain(ctx context.Context, all []advice) error {
	told := map[contest.Criterion]bool{}
	for i := range all {
		run := all[i].Run
		if run == nil || told[all[i].Criterion] {
			continue
		}
		told[all[i].Criterion] = true
		rec, err := s.Archive.Run(ctx, string(run.ID))
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return fmt.Errorf("read run %s: %w", run.ID, err)
		case rec.Evidence != nil:
			all[i].Checks = failedChecks(*rec.Evidence)
		}
	}
	return nil
}

// fixFirst picks the first distinct failures of a team: of each criterion its
// first cause, in the order of the table, then the further ones. That a level
// did not pass is no cause, unless nothing else is known.
func fixFirst(parts []criterionPart) []advice {
	var first, further []advice
	said := map[string]bool{}
	for _, p := range parts {
		mine := causes(p)
		run := p.firstFailed()
		for i, f := range mine {
			if said[f.Sentence] {
				continue
			}
			said[f.Sentence] = true
			a := advice{Criterion: p.Criterion, At: p.Verdict.At, Finding: f, Endpoint: p.endpoint(f), Run: run}
			if run != nil && run.LaunchedAt != nil {
				a.At = *run.LaunchedAt
			}
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

// endpoint is the one that a finding is about.
func (p criterionPart) endpoint(f contest.Finding) *endpoint {
	for i, e := range p.Endpoints {
		if e.String() == f.Rule {
			return &p.Endpoints[i]
		}
	}
	return nil
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
