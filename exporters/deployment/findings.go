package deployment

import (
	"fmt"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// expirySoon is when a certificate's end is worth a remark.
const expirySoon = 14 * 24 * time.Hour

// findings are everything that was looked at, what decides first.
func findings(r Rules, f Facts) []contest.Finding {
	if f.State != Looked {
		all := []contest.Finding{{Rule: "endpoint", Outcome: outcomeOf(f.State), Sentence: f.Reason}}
		return append(append(all, dnsFinding(f)...), remarks(f)...)
	}
	var all []contest.Finding
	if f.UnderLoad {
		all = append(all, loadFinding(r, f))
	}
	if r.Rule == RuleHTTP {
		all = append(all, probeFinding(f))
	}
	all = append(all, walkFindings(r, f)...)
	all = append(append(append(all, dnsFinding(f)...), tlsFinding(f)...), remarks(f)...)
	return append(all, readingFinding(f)...)
}

func outcomeOf(s State) contest.Outcome {
	if s == Unresolved {
		return contest.OutcomeInvalid
	}
	return contest.OutcomeFailed
}

func loadFinding(r Rules, f Facts) contest.Finding {
	finding := contest.Finding{Rule: "under load", Outcome: contest.OutcomeWarning}
	finding.Sentence = "A load run held the service, so its endpoints were not walked"
	if unmeasured(r, f) {
		finding.Outcome = contest.OutcomeInvalid
		finding.Sentence += " and nothing is held against it: the last result stays."
		return finding
	}
	if len(f.Walk) > 0 {
		finding.Sentence += fmt.Sprintf("; those shown are of %s", f.WalkedAt.UTC().Format("2 January 2006 15:04 MST"))
	}
	finding.Sentence += "."
	return finding
}

func probeFinding(f Facts) contest.Finding {
	finding := contest.Finding{Rule: "http", Outcome: contest.OutcomeFailed, Value: float64(f.Probe.Status), Bound: 299, Op: "<=", Unit: "status"}
	took := f.Probe.Took.Milliseconds()
	switch {
	case f.Probe.OK():
		finding.Outcome = contest.OutcomePassed
		finding.Sentence = fmt.Sprintf("The endpoint answered %d after %d ms%s.", f.Probe.Status, took, hops(f.Hops))
	case f.Probe.Status != 0 && f.Probe.Reason != "":
		finding.Sentence = fmt.Sprintf("The endpoint answered %d%s, but %s.", f.Probe.Status, hops(f.Hops), f.Probe.Reason)
	case f.Probe.Status != 0:
		finding.Sentence = fmt.Sprintf("The endpoint answered %d after %d ms%s; 200 to 299 is wanted.", f.Probe.Status, took, hops(f.Hops))
	default:
		finding.Sentence = fmt.Sprintf("The endpoint could not be reached%s: %s.", hops(f.Hops), f.Probe.Reason)
	}
	if f.Probe.Failure == Ours || f.UnderLoad && !f.Probe.OK() {
		finding.Outcome = contest.OutcomeInvalid
	}
	return finding
}

func hops(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " and one redirect"
	}
	return fmt.Sprintf(" and %d redirects", n)
}

// walkFindings are the shares of endpoints that work, and what each that does
// not work answered. Under rule "http" they decide nothing.
func walkFindings(r Rules, f Facts) []contest.Finding {
	if len(f.Walk) == 0 {
		return nil
	}
	decides := r.Rule == RuleEndpoints
	all := []contest.Finding{shareFinding("critical endpoints", f, true), shareFinding("endpoints", f, false)}
	if decides {
		all[0].Bound, all[0].Op = r.Critical, ">="
		all[0].Outcome = outcome(accessible(r, f), contest.OutcomeFailed)
		all[0].Sentence += fmt.Sprintf(" At least %v %% are wanted.", r.Critical)
	}
	for _, one := range f.Walk {
		finding := contest.Finding{
			Rule: one.Endpoint.String(), Outcome: contest.OutcomePassed, Value: float64(one.Answer.Status), Unit: "status",
			Sentence: fmt.Sprintf("%s answered %d after %d ms.", one.Endpoint, one.Answer.Status, one.Answer.Took.Milliseconds()),
		}
		if why := wrong(one); why != "" {
			finding.Outcome = outcome(!decides || !one.Endpoint.Critical, contest.OutcomeFailed)
			if finding.Outcome == contest.OutcomePassed {
				finding.Outcome = contest.OutcomeWarning
			}
			finding.Sentence = fmt.Sprintf("%s does not work: %s.", one.Endpoint, why)
		}
		if one.Answer.Failure == Ours {
			finding.Outcome = contest.OutcomeInvalid
		}
		all = append(all, finding)
	}
	if decides && !f.Reset {
		all = append(all, contest.Finding{
			Rule: resetPath, Outcome: contest.OutcomeWarning,
			Sentence: "POST " + resetPath + " is not called and not counted: the configuration does not ask for it.",
		})
	}
	return all
}

func shareFinding(rule string, f Facts, critical bool) contest.Finding {
	working, total := f.count(critical)
	return contest.Finding{
		Rule: rule, Outcome: outcome(working == total, contest.OutcomeWarning), Value: round1(share(working, total)), Unit: "%",
		Sentence: fmt.Sprintf("%d of %d %s work.", working, total, rule),
	}
}

func dnsFinding(f Facts) []contest.Finding {
	if f.DNS.Literal || f.DNS.Addresses == 0 {
		return nil
	}
	finding := contest.Finding{Rule: "dns", Outcome: contest.OutcomePassed, Value: float64(f.DNS.Addresses), Bound: 1, Op: ">=", Unit: "addresses"}
	finding.Sentence = fmt.Sprintf("The host name leads to %s, found in %d ms.", plural(f.DNS.Addresses, "address", "addresses"), f.DNS.Took.Milliseconds())
	if f.DNS.Private > 0 {
		finding.Outcome = contest.OutcomeWarning
		finding.Sentence = fmt.Sprintf("The host name leads to %s, of which %d cannot be called because they are not public.",
			plural(f.DNS.Addresses, "address", "addresses"), f.DNS.Private)
	}
	return []contest.Finding{finding}
}

func tlsFinding(f Facts) []contest.Finding {
	if f.Address.Scheme != "https" && f.certificate() == nil {
		return []contest.Finding{{Rule: "tls", Outcome: contest.OutcomeWarning, Sentence: "The endpoint is http, not https: what users send can be read on the way."}}
	}
	c := f.certificate()
	if c == nil {
		return nil
	}
	days := c.Expires.Sub(f.At).Hours() / 24
	finding := contest.Finding{Rule: "tls", Outcome: contest.OutcomePassed, Value: round1(days), Bound: 0, Op: ">", Unit: "days"}
	switch {
	case c.Problem != "":
		finding.Outcome, finding.Sentence = contest.OutcomeFailed, fmt.Sprintf("The certificate %s%s.", c.Problem, until(c))
	default:
		finding.Outcome = outcome(c.Expires.Sub(f.At) > expirySoon, contest.OutcomeWarning)
		finding.Sentence = fmt.Sprintf("The connection is %s; the certificate of %s is good until %s.", c.Version, issued(c), c.Expires.UTC().Format("2 January 2006"))
	}
	if c.Expires.IsZero() {
		finding.Value = 0
	}
	return []contest.Finding{finding}
}

func until(c *TLS) string {
	if c.Expires.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (of %s, until %s)", issued(c), c.Expires.UTC().Format("2 January 2006"))
}

func issued(c *TLS) string {
	if c.Issuer == "" {
		return "an issuer without a name"
	}
	return fmt.Sprintf("%q", c.Issuer)
}

// remarks are what is worth knowing and decides nothing.
func remarks(f Facts) []contest.Finding {
	var all []contest.Finding
	warn := func(is bool, rule, sentence string) {
		if is {
			all = append(all, contest.Finding{Rule: rule, Outcome: contest.OutcomeWarning, Sentence: sentence})
		}
	}
	warn(f.Address.User != nil, "credentials", "The endpoint holds credentials. They are shown to nobody, but whoever saw it before knows them: change them.")
	cut := f.Probe.Cut
	for _, r := range f.Walk {
		if cut == "" {
			cut = r.Answer.Cut
		}
	}
	warn(cut != "", "answers", "Answers "+cut+": the rest was not read.")
	return all
}

func readingFinding(f Facts) []contest.Finding {
	if !f.Reading.Asked {
		return nil
	}
	if f.Reading.Problem != "" {
		return []contest.Finding{{Rule: "evidence", Outcome: contest.OutcomeWarning, Sentence: "Further evidence could not be had: " + f.Reading.Problem + "."}}
	}
	return []contest.Finding{{
		Rule: "evidence", Outcome: contest.OutcomePassed, Value: f.Reading.Value,
		Sentence: fmt.Sprintf("Further evidence from Prometheus: %v. It decides nothing.", f.Reading.Value),
	}}
}

func outcome(good bool, otherwise contest.Outcome) contest.Outcome {
	if good {
		return contest.OutcomePassed
	}
	return otherwise
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// oneOf writes "200, 400 or 404".
func oneOf(statuses []int) string {
	words := make([]string, len(statuses))
	for i, s := range statuses {
		words[i] = fmt.Sprint(s)
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
