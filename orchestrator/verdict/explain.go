package verdict

import (
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Explain derives the verdict of a run again and returns where it differs from
// the one that was stored, a sentence each that names the rule and the values.
// No sentence means that the two agree.
func Explain(rules Rules, e contest.Evidence, stored contest.RunVerdict) []string {
	derived := Judge(rules, e)
	var differences []string
	if derived.Outcome != stored.Outcome {
		differences = append(differences, fmt.Sprintf("outcome: stored %s, derived %s", orNone(stored.Outcome), derived.Outcome))
	}
	rest := map[string][]contest.Finding{}
	for _, f := range stored.Findings {
		rest[f.Rule] = append(rest[f.Rule], f)
	}
	for _, want := range derived.Findings {
		same := rest[want.Rule]
		if len(same) == 0 {
			differences = append(differences, fmt.Sprintf("%s: derived %s, but the stored verdict has no such finding", want.Rule, want.Outcome))
			continue
		}
		rest[want.Rule] = same[1:]
		differences = append(differences, compare(want, same[0])...)
	}
	for _, f := range stored.Findings {
		if left := rest[f.Rule]; len(left) > 0 {
			rest[f.Rule] = left[1:]
			differences = append(differences, fmt.Sprintf("%s: stored %s, but nothing leads to such a finding", left[0].Rule, orNone(left[0].Outcome)))
		}
	}
	return differences
}

func compare(derived, stored contest.Finding) []string {
	var differences []string
	differ := func(what string, was, is any) {
		differences = append(differences, fmt.Sprintf("%s: %s is stored as %v, derived as %v", derived.Rule, what, was, is))
	}
	if derived.Outcome != stored.Outcome {
		differ("outcome", orNone(stored.Outcome), derived.Outcome)
	}
	if derived.Value != stored.Value {
		differ("value", stored.Value, derived.Value)
	}
	if derived.Bound != stored.Bound || derived.Op != stored.Op || derived.Unit != stored.Unit {
		differ("bound", fmt.Sprintf("%s %v %s", stored.Op, stored.Bound, stored.Unit), fmt.Sprintf("%s %v %s", derived.Op, derived.Bound, derived.Unit))
	}
	if derived.Sentence != stored.Sentence {
		differ("sentence", fmt.Sprintf("%q", stored.Sentence), fmt.Sprintf("%q", derived.Sentence))
	}
	return differences
}

func orNone(o contest.Outcome) contest.Outcome {
	if o == "" {
		return "none"
	}
	return o
}
