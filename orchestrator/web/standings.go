package web

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// standings is the results table: teams in order of their total.
type standings struct {
	Criteria []contest.Criterion
	Rows     []standing
	Updated  time.Time // of the newest verdict; zero when there is none
}

// standing is one team's row.
type standing struct {
	Team     contest.Team
	Rank     int // 1 is best; equal totals share a rank and the next ones are skipped
	Tied     bool
	Total    int
	Verdicts map[contest.Criterion]contest.Verdict
	Changes  map[contest.Criterion]change // since the round before, where there are any
}

// change is how a verdict differs from the one before.
type change struct {
	Points int   // more than before; also 0, when only the status is another one
	Was    badge // empty when the status is the same
}

// Better reports whether the change is for the better.
func (c change) Better() bool { return c.Points > 0 || c.Points == 0 && c.Was.Class != "passed" }

// Size is how many points, in digits; empty for none. Which way is said by the style.
func (c change) Size() string {
	if c.Points == 0 {
		return ""
	}
	return number(math.Abs(float64(c.Points)))
}

// compare notes what has changed since the verdicts before.
func (s *standings) compare(before []contest.Verdict) {
	index := make(map[contest.Slug]int, len(s.Rows))
	for i, row := range s.Rows {
		index[row.Team.Slug] = i
	}
	for _, old := range before {
		i, ok := index[old.Team.Slug]
		if !ok {
			continue
		}
		row := &s.Rows[i]
		v, was := row.Verdicts[old.Criterion], statusBadge(old)
		if statusBadge(v) == was {
			was = badge{}
		}
		if v.Score == old.Score && was == (badge{}) || v.Criterion == "" {
			continue
		}
		if row.Changes == nil {
			row.Changes = map[contest.Criterion]change{}
		}
		row.Changes[old.Criterion] = change{v.Score - old.Score, was}
	}
}

// rank orders the teams by the sum of all their scores, as the Hub does, and
// equal ones by slug. A verdict of a team that does not take part is left out.
func rank(teams []contest.Team, verdicts []contest.Verdict) standings {
	s := standings{Criteria: columns(verdicts)}
	index := make(map[contest.Slug]int, len(teams))
	for _, t := range teams {
		index[t.Slug] = len(s.Rows)
		s.Rows = append(s.Rows, standing{Team: t, Verdicts: map[contest.Criterion]contest.Verdict{}})
	}
	for _, v := range verdicts {
		i, ok := index[v.Team.Slug]
		if !ok {
			continue
		}
		s.Rows[i].Verdicts[v.Criterion] = v
		s.Rows[i].Total += v.Score
		if v.At.After(s.Updated) {
			s.Updated = v.At
		}
	}
	slices.SortFunc(s.Rows, func(a, b standing) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Team.Slug, b.Team.Slug))
	})
	for i := range s.Rows {
		s.Rows[i].Rank = i + 1
		if i > 0 && s.Rows[i].Total == s.Rows[i-1].Total {
			s.Rows[i].Rank = s.Rows[i-1].Rank
			s.Rows[i].Tied, s.Rows[i-1].Tied = true, true
		}
	}
	return s
}

// columns lists what is measured, and the judges' score once there is one.
func columns(verdicts []contest.Verdict) []contest.Criterion {
	judged := slices.ContainsFunc(verdicts, func(v contest.Verdict) bool { return v.Criterion == contest.JudgeScore })
	return slices.DeleteFunc(contest.Criteria(), func(c contest.Criterion) bool {
		return c == contest.JudgeScore && !judged
	})
}

// find returns the row of a team.
func (s standings) find(slug contest.Slug) (standing, bool) {
	for _, r := range s.Rows {
		if r.Team.Slug == slug {
			return r, true
		}
	}
	return standing{}, false
}

// badge is how an outcome or a status looks: a class, a sign and a word, so
// that nothing rests on colour alone.
type badge struct{ Class, Sign, Word string }

func statusBadge(v contest.Verdict) badge {
	switch {
	case v.Invalid:
		return badge{"invalid", "?", "Not measurable"}
	case v.Status == contest.Passed:
		return badge{"passed", "✓", "Passed"}
	case v.Status == contest.Failed:
		return badge{"failed", "✕", "Failed"}
	}
	return badge{"none", "–", "No data"}
}

func outcomeBadge(o contest.Outcome) badge {
	switch o {
	case contest.OutcomePassed:
		return badge{"passed", "✓", "Passed"}
	case contest.OutcomeFailed:
		return badge{"failed", "✕", "Failed"}
	case contest.OutcomeInvalid:
		return badge{"invalid", "?", "Not measurable"}
	case contest.OutcomeWarning:
		return badge{"warning", "!", "Near a limit"}
	}
	return badge{"none", "–", "Not judged yet"}
}

// runBadge shows the outcome of a run, or its state while it has none.
func runBadge(r contest.Run) badge {
	switch {
	case r.Outcome != "":
		return outcomeBadge(r.Outcome)
	case r.State == contest.RunCancelled:
		return badge{"none", "–", "Cancelled"}
	case r.State == contest.RunPlanned:
		return badge{"none", "…", "Waiting"}
	}
	return badge{"active", "●", "Under way"}
}

// worstFirst orders findings by what a team has to look at first and keeps the
// order of the rules within each kind.
func worstFirst(findings []contest.Finding) []contest.Finding {
	order := []contest.Outcome{contest.OutcomeFailed, contest.OutcomeInvalid, contest.OutcomeWarning, contest.OutcomePassed}
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b contest.Finding) int {
		return cmp.Compare(slices.Index(order, a.Outcome), slices.Index(order, b.Outcome))
	})
	return sorted
}

// gist is what stands under a score in the results table: the one or two
// numbers that the criterion is about. The second is the share of requests that
// succeeded; the style sheet says so.
func (w words) gist(v contest.Verdict) []string {
	if v.Invalid || v.Status == contest.NoData {
		return nil
	}
	var parts []string
	add := func(key, before, unit, after string) {
		if n, ok := metric(v.Metrics, key); ok {
			if math.Abs(n) >= 100 {
				n = math.Round(n)
			}
			parts = append(parts, before+w.amount(n, unit)+w.say(after))
		}
	}
	switch v.Criterion {
	case contest.CodeRepo:
		add("commitsCount", "", "commits", "")
	case contest.DeployedSolution:
		if code, _ := metric(v.Metrics, "statusCode"); code > 0 { // 0: it gave no answer
			add("statusCode", "HTTP ", "", "")
		}
	case contest.BudgetTracking:
		add("totalSpent", "", "KZT", "")
	default:
		add("p95", "p95 ", "ms", "")
		add("successRate", "", "%", "")
	}
	return parts
}
