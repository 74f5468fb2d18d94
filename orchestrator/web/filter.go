package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// filter is which teams a reader wants to see. Ranks stay those among all.
type filter struct {
	Team      string // part of a name or a slug
	Criterion contest.Criterion
	Status    string // a badge's class
}

// filterOf reads a filter; what is none selects all.
func filterOf(r *http.Request) filter {
	q := r.URL.Query()
	f := filter{Team: shown(q.Get("team"), shortText), Criterion: contest.Criterion(q.Get("criterion")), Status: q.Get("status")}
	if !slices.Contains(contest.Criteria(), f.Criterion) {
		f.Criterion = ""
	}
	if !slices.Contains(statuses(), f.Status) {
		f.Status = ""
	}
	return f
}

func statuses() []string { return []string{"passed", "failed", "invalid", "none"} }

// Statuses are what can be chosen from.
func (f filter) Statuses() []badge {
	return []badge{
		statusBadge(contest.Verdict{Status: contest.Passed}), statusBadge(contest.Verdict{Status: contest.Failed}),
		statusBadge(contest.Verdict{Invalid: true}), statusBadge(contest.Verdict{}),
	}
}

// Any reports whether it leaves anything out.
func (f filter) Any() bool { return f != filter{} }

// of returns the rows that a reader wants to see.
func (f filter) of(rows []standing) []standing {
	if !f.Any() {
		return rows
	}
	var some []standing
	for _, row := range rows {
		if f.named(row.Team) && f.fits(row) {
			some = append(some, row)
		}
	}
	return some
}

func (f filter) named(t contest.Team) bool {
	part := strings.ToLower(f.Team)
	return strings.Contains(strings.ToLower(t.Name), part) || strings.Contains(strings.ToLower(string(t.Slug)), part)
}

// fits reports whether the row has the status, in the criterion where one is chosen.
func (f filter) fits(row standing) bool {
	if f.Status == "" && f.Criterion == "" {
		return true
	}
	for c, v := range row.Verdicts {
		if (f.Criterion == "" || f.Criterion == c) && (f.Status == "" || statusBadge(v).Class == f.Status) {
			return true
		}
	}
	return false
}
