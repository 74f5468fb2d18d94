package git

import (
	"fmt"
	"math"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Kinds of rules.
const (
	KindCommits = "commits"        // enough commits and a recent one: all points or none
	KindGraded  = "commits-graded" // as HackLoad 2025 was scored: a part of the points for some commits
)

// Rules is how a repository is judged.
type Rules struct {
	Kind     string
	Min      int           // commits since StartsAt
	Recent   time.Duration // the last commit is younger
	Points   int
	StartsAt time.Time // zero: all commits count
}

// Check says what is wrong with the rules.
func (r Rules) Check() error {
	switch {
	case r.Kind != KindCommits && r.Kind != KindGraded:
		return fmt.Errorf("rule %q is not known: want %s or %s", r.Kind, KindCommits, KindGraded)
	case r.Min < 0 || r.Points < 0:
		return fmt.Errorf("commits %d and points %d cannot be negative", r.Min, r.Points)
	case r.Recent <= 0:
		return fmt.Errorf("a commit that is younger than %s is none", r.Recent)
	}
	return nil
}

// Judge derives a team's verdict from what was seen of its repository. It asks
// nobody: the same facts and rules give the same verdict.
func Judge(team contest.Team, r Rules, f Facts) contest.Verdict {
	v := contest.Verdict{
		Team: team, Service: contest.GitMonitor, Criterion: contest.CodeRepo, At: f.At,
		Metrics: metrics(team, r, f), Findings: findings(r, f), Invalid: f.State == Unmeasured,
	}
	v.Status = status(r, f)
	v.Score = score(r, f, v.Status)
	return v
}

func (r Rules) recent(f Facts) bool { return !f.Last.IsZero() && f.At.Sub(f.Last) < r.Recent }

func status(r Rules, f Facts) contest.Status {
	switch f.State {
	case None, Undated, Unmeasured:
		return contest.NoData
	case Found:
	default:
		if r.Kind == KindGraded {
			return contest.NoData
		}
		return contest.Failed
	}
	switch {
	case f.Commits >= r.Min && r.recent(f) && (f.Commits > 0 || r.Kind == KindCommits):
		return contest.Passed
	case f.Commits == 0 && r.Kind == KindGraded:
		return contest.NoData
	}
	return contest.Failed
}

// score gives all points to who passed. Graded, one commit is worth 24 of a
// hundred and each further one 14, up to 80, and 10 more are for a recent one.
func score(r Rules, f Facts, s contest.Status) int {
	switch {
	case s == contest.Passed:
		return r.Points
	case s == contest.NoData || r.Kind != KindGraded:
		return 0
	}
	share := 10 + 14*min(f.Commits, 5)
	if r.recent(f) {
		share += 10
	}
	return int(math.Round(float64(share) * float64(r.Points) / 100))
}

// metrics are the keys that the Hub's page reads. Strings are always strings; an
// address that the team marked as secure is an empty one.
func metrics(team contest.Team, r Rules, f Facts) map[string]any {
	address := f.Repository.URL()
	if team.Secured(contest.SecureRepository) {
		address = ""
	}
	m := map[string]any{
		"commitsCount": f.Commits, "hasRecentActivity": r.recent(f),
		"repositoryUrl": address, "hasRepository": f.Repository.Host != "",
		"confirmationUrl": address, "confirmationTitle": "Репозиторий", "confirmationDescription": "Исходный код решения команды",
	}
	if !f.Last.IsZero() {
		m["lastCommitTime"] = f.Last.UTC().Format(time.RFC3339)
	}
	return m
}

func findings(r Rules, f Facts) []contest.Finding {
	all := []contest.Finding{stateFinding(r, f)}
	if f.State == Found {
		all = append(all, commitsFinding(r, f), lastFinding(r, f))
		if f.Contributors >= 0 {
			all = append(all, contest.Finding{
				Rule: "contributors", Outcome: contest.OutcomePassed, Value: float64(f.Contributors), Unit: "people",
				Sentence: fmt.Sprintf("%s have contributed.", count(f.Contributors, f.ManyMore, "person", "people")),
			})
		}
	}
	return append(all, warnings(f)...)
}

func stateFinding(r Rules, f Facts) contest.Finding {
	finding := contest.Finding{Rule: "repository", Outcome: contest.OutcomeFailed, Sentence: f.Reason}
	switch f.State {
	case Found:
		finding.Outcome = contest.OutcomePassed
		finding.Sentence = fmt.Sprintf("The repository can be read; its default branch is %q.", f.Branch)
	case Undated:
		finding.Outcome = contest.OutcomeWarning
	case Unmeasured:
		finding.Outcome = contest.OutcomeInvalid
	}
	return finding
}

func commitsFinding(r Rules, f Facts) contest.Finding {
	since := "in all"
	if !r.StartsAt.IsZero() {
		since = "since " + r.StartsAt.UTC().Format("2 January 2006 15:04 MST")
	}
	return contest.Finding{
		Rule: "commits", Outcome: outcome(f.Commits >= r.Min), Value: float64(f.Commits), Bound: float64(r.Min), Op: ">=", Unit: "commits",
		Sentence: fmt.Sprintf("%s %s, of them %s in the last %s; at least %d are wanted.", count(f.Commits, false, "commit", "commits"), since,
			number(f.Recent, f.RecentMore), span(r.Recent), r.Min),
	}
}

func lastFinding(r Rules, f Facts) contest.Finding {
	finding := contest.Finding{Rule: "last commit", Outcome: outcome(r.recent(f)), Bound: hours(r.Recent), Op: "<", Unit: "h"}
	if f.Last.IsZero() {
		finding.Value = finding.Bound
		finding.Sentence = "No commit has a date that can be true."
		return finding
	}
	age := max(0, f.At.Sub(f.Last))
	finding.Value = hours(age)
	finding.Sentence = fmt.Sprintf("The last commit is %s old; less than %s is wanted.", span(age), span(r.Recent))
	return finding
}

func warnings(f Facts) []contest.Finding {
	var all []contest.Finding
	for _, w := range []struct {
		is             bool
		rule, sentence string
	}{
		{f.Repository.Credentials, "credentials", "The address that the team gave holds credentials. They were not used, but whoever saw them knows them: change them."},
		{f.Moved, "moved", "The repository has moved: the address that the team gave is an old one."},
		{f.Archived, "archived", "The repository is archived: nothing can be added to it."},
		{f.Disabled, "disabled", "The repository is disabled by its host."},
		{f.Fork, "fork", "The repository is a fork: commits that were made where it comes from count too."},
		{f.Ahead > 0, "dates", fmt.Sprintf("%s in the future; no such one is taken for the last.", count(f.Ahead, false, "commit is dated", "commits are dated"))},
	} {
		if w.is {
			all = append(all, contest.Finding{Rule: w.rule, Outcome: contest.OutcomeWarning, Sentence: w.sentence})
		}
	}
	return all
}

func outcome(good bool) contest.Outcome {
	if good {
		return contest.OutcomePassed
	}
	return contest.OutcomeFailed
}

// count writes "1 commit", "12 commits" or "more than 300 commits".
func count(n int, more bool, one, many string) string {
	if n == 1 && !more {
		many = one
	}
	return number(n, more) + " " + many
}

func number(n int, more bool) string {
	if more {
		return fmt.Sprintf("more than %d", n)
	}
	return fmt.Sprint(n)
}

// span writes a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d <= 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// hours rounds to what a page shows.
func hours(d time.Duration) float64 { return math.Round(d.Hours()*100) / 100 }
