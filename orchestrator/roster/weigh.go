package roster

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	maxFindings = 200 // of one reading; what is over is counted
	maxQuoted   = 60  // runes of a value in a sentence
)

// answer is what one source said. An empty source means that it has not yet.
type answer struct {
	source string
	teams  []contest.Team
	err    error
}

// finding is a sentence, and what makes it the same finding the next time: an
// error of the same source may be worded differently each time.
type finding struct{ key, text string }

func found(text string) finding { return finding{key: text, text: text} }

// weigh returns the teams of the answer that won, in order of slug, with the
// differences to the other answers in their notes and in the findings.
func weigh(answers []answer, won int) ([]contest.Team, []finding) {
	var findings []finding
	lists := make([][]contest.Team, len(answers))
	for i, a := range answers {
		if a.err != nil {
			findings = append(findings, finding{
				key:  "failed " + a.source,
				text: fmt.Sprintf("%s was passed over: %v", a.source, a.err),
			})
			continue
		}
		var odd []finding
		lists[i], odd = tidy(a)
		findings = append(findings, odd...)
	}
	teams := lists[won]
	for i := won + 1; i < len(answers); i++ {
		if answers[i].err == nil {
			findings = append(findings, compare(pair{answers[won].source, answers[i].source}, teams, lists[i])...)
		}
	}
	if len(findings) > maxFindings {
		rest := fmt.Sprintf("%d more findings are not listed", len(findings)-maxFindings)
		findings = append(findings[:maxFindings:maxFindings], found(rest))
	}
	return teams, findings
}

// tidy copies an answer's teams in order of slug, without those whose slug
// cannot be one or came before.
func tidy(a answer) (teams []contest.Team, odd []finding) {
	seen := map[contest.Slug]bool{}
	for _, t := range own(a.teams) {
		switch {
		case !t.Slug.Valid():
			odd = append(odd, found(fmt.Sprintf("%s has a team with the slug %s, which cannot be one: it was left out", a.source, quote(string(t.Slug)))))
		case seen[t.Slug]:
			odd = append(odd, found(fmt.Sprintf("%s has the team %s twice: the second was left out", a.source, t.Slug)))
		default:
			seen[t.Slug] = true
			teams = append(teams, t)
		}
	}
	slices.SortFunc(teams, func(a, b contest.Team) int { return strings.Compare(string(a.Slug), string(b.Slug)) })
	if len(teams) == 0 {
		odd = append(odd, found(a.source+" lists no team"))
	}
	return teams, odd
}

// pair names the two sources of a comparison: the one that counts and another.
type pair struct{ winner, other string }

// compare notes on the teams what the other source says differently.
func compare(p pair, teams, others []contest.Team) (findings []finding) {
	rest := make(map[contest.Slug]contest.Team, len(others))
	for _, t := range others {
		rest[t.Slug] = t
	}
	for i := range teams {
		t := &teams[i]
		other, ok := rest[t.Slug]
		notes := []string{fmt.Sprintf("%s lists the team, %s does not", p.winner, p.other)}
		if ok {
			notes = differences(p, *t, other)
		}
		for _, note := range notes {
			findings = append(findings, found(fmt.Sprintf("team %s: %s", t.Slug, note)))
		}
		t.Notes = append(t.Notes, notes...)
		delete(rest, t.Slug)
	}
	for _, t := range others {
		if _, left := rest[t.Slug]; left {
			findings = append(findings, found(fmt.Sprintf("team %s: %s lists the team, %s does not, so it does not take part", t.Slug, p.other, p.winner)))
		}
	}
	return findings
}

// differences says in sentences where two descriptions of a team disagree. What
// only one of two may leave open (name, hackathon) is compared when both say it.
func differences(p pair, a, b contest.Team) (notes []string) {
	for _, f := range []struct {
		name     string
		a, b     string
		optional bool
		say      func(string) string
	}{
		{"name", a.Name, b.Name, true, quote},
		{"hackathonId", a.HackathonID, b.HackathonID, true, quote},
		{"endpoint", strings.TrimRight(a.Endpoint, "/"), strings.TrimRight(b.Endpoint, "/"), false, place},
		{"repository", strings.TrimRight(a.Repository, "/"), strings.TrimRight(b.Repository, "/"), false, place},
		{"spend", a.Spend, b.Spend, false, quote},
	} {
		if f.a == f.b || f.optional && (f.a == "" || f.b == "") {
			continue
		}
		if slices.Contains(a.Secure, f.name) || slices.Contains(b.Secure, f.name) {
			f.say = func(string) string { return "a secret one" }
		}
		notes = append(notes, differ(p, f.name, [2]string{worded(f.a, f.say), worded(f.b, f.say)}))
	}
	return notes
}

func differ(p pair, name string, said [2]string) string {
	if said[0] == said[1] { // what differs is in the part that is not shown
		return fmt.Sprintf("%s of %s and of %s differ, which is not shown whole: %s; the first is used", name, p.winner, p.other, said[0])
	}
	return fmt.Sprintf("%s: %s has %s, which is used; %s has %s", name, p.winner, said[0], p.other, said[1])
}

func worded(value string, say func(string) string) string {
	if value == "" {
		return "none"
	}
	return say(value)
}

// place names a URL by its host and path alone: credentials stand elsewhere.
func place(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "one that is not a URL"
	}
	return quote(u.Scheme + "://" + u.Host + u.EscapedPath())
}

// quote shortens text for a sentence and makes what is not printable visible.
func quote(text string) string {
	if r := []rune(text); len(r) > maxQuoted {
		text = string(r[:maxQuoted]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
