package cost

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// spend is one team's total and what there is to say about it.
type spend struct {
	total    Amount // in the contest's currency when nothing is known
	source   Source
	invalid  bool // the total, or its absence, cannot be trusted: a source failed
	hidden   bool // the total is a MONEY_SPEND that the team marked as secure
	parts    map[string]any
	findings []contest.Finding
}

func (s *spend) known() bool { return s.source != SourceNone && !s.invalid }

func (s *spend) say(rule string, outcome contest.Outcome, value Amount, sentence string) {
	s.findings = append(s.findings, contest.Finding{
		Rule: rule, Outcome: outcome, Value: value.Number(), Unit: value.Currency, Sentence: sentence,
	})
}

// public returns the total as people may see it, and in words. One that a team
// marked as secure counts, but is told to nobody.
func (s *spend) public() (Amount, string) {
	if s.hidden {
		return Amount{}, "<secret>"
	}
	return s.total, s.total.String()
}

// part notes an amount for the breakdown.
func (s *spend) part(name string, a Amount) { s.parts[name+" ("+a.Currency+")"] = cents(a.Micros) }

// spendOf finds one team's total: the form's, else MONEY_SPEND, else its bills.
func spendOf(code string, f Facts, trouble []Trouble) spend {
	s := spend{total: Amount{Currency: code}, source: SourceNone, parts: map[string]any{}}
	typed, typedErr := Parse(f.Team.Spend)
	typed = typed.Or(code)
	secure := f.Team.Secured(contest.SecureSpend)
	if typedErr == nil && !secure {
		s.part("MONEY_SPEND", typed)
	}
	for _, b := range f.Bills {
		for _, a := range b.Amounts {
			s.part(b.Provider, a)
		}
	}
	switch {
	case f.Entry != nil:
		s.fromForm(f.Entry.Amount.Or(code))
		if !s.invalid {
			s.differs(typed, typedErr, secure)
		}
	case typedErr == nil:
		s.total, s.source, s.hidden = typed, SourceEnvironment, secure
		shown, words := s.public()
		s.say("spend", contest.OutcomePassed, shown, "Spent "+words+": so MONEY_SPEND was read.")
	default:
		s.fromBills(code, f.Bills, trouble)
		s.unreadable(typedErr, secure)
	}
	if s.known() && s.source != SourceBills && !s.hidden {
		s.compareBills(f.Bills)
	}
	if s.source == SourceNone && !s.invalid {
		s.say("spend", contest.OutcomeFailed, s.total, "Nothing is known of the spend: type it into the form or into MONEY_SPEND, 0 if nothing was spent.")
	}
	return s
}

// fromForm takes the form's amount, which was checked when it was typed.
func (s *spend) fromForm(a Amount) {
	s.source = SourceForm
	if !a.Valid() {
		s.invalid = true
		s.say("spend", contest.OutcomeInvalid, Amount{}, "The form's entry is no amount of money: type it again.")
		return
	}
	s.total = a
	s.part("Form", a)
	s.say("spend", contest.OutcomePassed, a, "Spent "+a.String()+", as the form says.")
}

// differs tells what MONEY_SPEND says beside a form that counts.
func (s *spend) differs(typed Amount, err error, secure bool) {
	switch {
	case errors.Is(err, ErrNothing):
	case err != nil:
		s.unreadable(err, secure)
	case secure && (typed.Micros != s.total.Micros || typed.Currency != s.total.Currency):
		s.say("spend by hand", contest.OutcomeWarning, Amount{}, "MONEY_SPEND, which the team keeps secret, differs from the form: the form counts.")
	case typed.Micros != s.total.Micros || typed.Currency != s.total.Currency:
		s.say("spend by hand", contest.OutcomeWarning, typed,
			fmt.Sprintf("MONEY_SPEND says %s, the form says %s: the form counts.", typed, s.total))
	}
}

// unreadable tells why MONEY_SPEND was not used; an empty one is no fault. The
// reason says something of the text, so it is not told of a secret one.
func (s *spend) unreadable(err error, secure bool) {
	if err == nil || errors.Is(err, ErrNothing) {
		return
	}
	outcome := contest.OutcomeWarning
	if s.source == SourceNone {
		outcome = contest.OutcomeFailed
	}
	reason := err.Error()
	if secure {
		reason = "It is kept secret, and so is why: " + examples + "."
	}
	s.say("MONEY_SPEND", outcome, Amount{}, "MONEY_SPEND cannot be read. "+reason)
}

// fromBills makes the total of what providers charge. Amounts in the contest's
// currency come first; else those in the first currency by name. Others are not
// added.
func (s *spend) fromBills(code string, bills []Bill, trouble []Trouble) {
	for _, t := range trouble {
		s.invalid = s.invalid || t.Bills
	}
	sums, whole := sumBills(bills)
	if len(sums) == 0 {
		return
	}
	s.source, s.total = SourceBills, sums[0]
	if i := slices.IndexFunc(sums, func(a Amount) bool { return a.Currency == code }); i >= 0 {
		s.total = sums[i]
	}
	s.say("spend", contest.OutcomePassed, s.total, fmt.Sprintf("Spent %s, as billed by %s.", s.total, providers(bills)))
	for _, other := range sums {
		if other.Currency != s.total.Currency {
			s.say("currency", contest.OutcomeWarning, other,
				fmt.Sprintf("%s more were billed in another currency: they are not part of the total.", other))
		}
	}
	if !whole {
		s.invalid = true
		s.say("spend", contest.OutcomeInvalid, s.total, "The bills sum to more than an amount can be.")
	}
}

// compareBills tells when more was billed than was typed.
func (s *spend) compareBills(bills []Bill) {
	sums, _ := sumBills(bills)
	for _, billed := range sums {
		switch {
		case billed.Micros == 0:
		case billed.Currency != s.total.Currency:
			s.say("currency", contest.OutcomeWarning, billed,
				fmt.Sprintf("%s billed %s, which is not compared with the %s that were typed.", providers(bills), billed, s.total))
		case billed.Micros > s.total.Micros:
			s.say("bills", contest.OutcomeWarning, billed,
				fmt.Sprintf("%s billed %s, more than the %s that were typed: what was typed counts.", providers(bills), billed, s.total))
		}
	}
}

// sumBills adds what is in one currency, in order of its name. whole is false
// when a sum went over what an amount can be; it is left at that bound.
func sumBills(bills []Bill) (sums []Amount, whole bool) {
	whole = true
	for _, b := range bills {
		for _, a := range b.Amounts {
			i := slices.IndexFunc(sums, func(have Amount) bool { return have.Currency == a.Currency })
			if i < 0 {
				sums = append(sums, Amount{Currency: a.Currency})
				i = len(sums) - 1
			}
			sums[i].Approximate = sums[i].Approximate || a.Approximate
			if !a.Valid() || a.Micros > most-sums[i].Micros {
				sums[i].Micros, whole = most, false
				continue
			}
			sums[i].Micros += a.Micros
		}
	}
	slices.SortFunc(sums, func(a, b Amount) int { return strings.Compare(a.Currency, b.Currency) })
	return sums, whole
}

func providers(bills []Bill) string {
	var names []string
	for _, b := range bills {
		if len(b.Amounts) > 0 {
			names = append(names, b.Provider)
		}
	}
	return strings.Join(names, " and ")
}
