package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Contest is contest.yaml: when the contest is, who takes part, and by which
// rules each criterion is judged.
type Contest struct {
	StartsAt time.Time      `yaml:"starts_at" json:"startsAt"` // zero: has always been on
	EndsAt   time.Time      `yaml:"ends_at" json:"endsAt"`     // zero: never ends
	FreezeAt time.Time      `yaml:"freeze_at" json:"freezeAt"` // zero: results are always shown
	Timezone *time.Location `yaml:"timezone" json:"-"`         // cron runs in it, pages show it

	Hub      ContestHub   `yaml:"hub" json:"hub"`
	Teams    ContestTeams `yaml:"teams" json:"teams"`
	Windows  []LoadWindow `yaml:"windows" json:"windows"` // load only within one of them; none: always
	Criteria Criteria     `yaml:"criteria" json:"criteria"`
}

// ContestHub selects the contest among the Hub's.
type ContestHub struct {
	Hackathon string `yaml:"hackathon" json:"hackathon"` // id or slug; empty mixes all hackathons' teams
}

// ContestTeams says who does not take part.
type ContestTeams struct {
	Exclude []contest.Slug `yaml:"exclude" json:"exclude"`
}

// LoadWindow is a part of each day, in the contest's timezone, in which load
// runs may start. One that ends before it begins goes over midnight.
type LoadWindow struct {
	From Clock `yaml:"from" json:"from"`
	To   Clock `yaml:"to" json:"to"`
}

// Clock is a time of day in minutes since midnight, written "09:30".
type Clock int

// UnmarshalText reads "09:30"; "24:00" is the end of the day.
func (c *Clock) UnmarshalText(text []byte) error {
	if string(text) == "24:00" {
		*c = 24 * 60
		return nil
	}
	t, err := time.Parse("15:04", string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time of day: write it like \"09:30\"", text)
	}
	*c = Clock(t.Hour()*60 + t.Minute())
	return nil
}

// MarshalText writes "09:30".
func (c Clock) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%02d:%02d", int(c)/60, int(c)%60), nil
}

// Criteria holds the rules of each criterion.
type Criteria map[contest.Criterion]Criterion

// canonicalKey accepts a criterion or any other name of its service.
func (Criteria) canonicalKey(name string) (string, error) {
	s, err := contest.FindService(name)
	return string(s.Criterion), err
}

// keyNames lists the criteria that we judge.
func (Criteria) keyNames() []string {
	var names []string
	for _, s := range contest.Services() {
		names = append(names, string(s.Criterion))
	}
	return names
}

// How the levels that a team passed become its score, and which of its climbs
// counts.
const (
	ScoreSum     = "sum"     // the points of all levels passed
	ScoreHighest = "highest" // the points of the highest level passed
	ResultLatest = "latest"  // the latest valid climb
	ResultBest   = "best"    // the best valid climb
)

// Names of rules other than a criterion's thresholds.
const (
	RuleCommits       = "commits"        // enough commits, and a recent one: points or nothing
	RuleCommitsGraded = "commits-graded" // part of the points for some commits and for a recent one
	RuleHTTP          = "http"           // any 2xx answer
	RuleEndpoints     = "endpoints"      // enough of the critical endpoints answer as the API says
	RuleInformational = "informational"  // passed when there is data
	RuleRank          = "rank"           // points by rank among the teams, the cheapest first
	RuleWalk          = "walk"           // half the points for a complete walk, half by its success share
	RuleConflicts     = "conflicts-fail" // a booking lost to another user counts as failed
)

// rulesOf lists the rules that a criterion may have; the first is its default,
// an empty one means its thresholds alone.
func rulesOf(c contest.Criterion) []string {
	switch c {
	case contest.CodeRepo:
		return []string{RuleCommits, RuleCommitsGraded}
	case contest.DeployedSolution:
		return []string{RuleHTTP, RuleEndpoints}
	case contest.BudgetTracking:
		return []string{RuleInformational, RuleRank}
	case contest.AuthPerformance:
		return []string{"", RuleWalk}
	case contest.TicketBooking, contest.TicketCancellation:
		return []string{"", RuleConflicts}
	}
	return []string{""}
}

// Criterion is the rules of one criterion.
type Criterion struct {
	// Scenario is the k6 script without ".js"; empty for one that is looked at
	// without load.
	Scenario string `yaml:"scenario" json:"scenario,omitempty"`
	// Thresholds replace all of the script's own when there are any: selector
	// to expressions, as in a script's options.thresholds.
	Thresholds map[string][]string `yaml:"thresholds" json:"thresholds,omitempty"`
	Levels     []contest.Level     `yaml:"levels" json:"levels,omitempty"`
	Repeats    int                 `yaml:"repeats" json:"repeats,omitempty" min:"1" max:"15"` // of a level; odd, the median decides
	Score      string              `yaml:"score" json:"score" enum:"sum,highest"`
	Result     string              `yaml:"result" json:"result" enum:"latest,best"`
	Rule       string              `yaml:"rule" json:"rule,omitempty"`
	Points     int                 `yaml:"points" json:"points,omitempty" min:"0" max:"1000000"` // of one without levels
	Commits    Commits             `yaml:"commits" json:"commits,omitzero"`
	Critical   float64             `yaml:"critical" json:"critical,omitempty" min:"0" max:"100"` // % of critical endpoints that must answer
	Keys       []string            `yaml:"keys" json:"keys,omitempty"`                           // of the team's environment, first that is set counts
	Env        map[string]string   `yaml:"env" json:"env,omitempty"`                             // more environment of the script
}

// Commits is the rule of a repository.
type Commits struct {
	Min    int              `yaml:"min" json:"min" min:"0" max:"1000000"` // since starts_at
	Recent contest.Duration `yaml:"recent" json:"recent"`                 // the last commit is younger
}

// ParsedThresholds returns the thresholds that replace the script's, in order of
// selector; none when the script's own are in force.
func (c Criterion) ParsedThresholds() ([]contest.Threshold, error) {
	var parsed []contest.Threshold
	for _, selector := range sortedKeys(c.Thresholds) {
		for _, expression := range c.Thresholds[selector] {
			t, err := contest.ParseThreshold(selector, expression)
			if err != nil {
				return nil, err
			}
			parsed = append(parsed, t)
		}
	}
	return parsed, nil
}

// Keys returns the keys of the team environment that hold what the criterion
// needs, in the order to look: its own, or those of the deployed solution for a
// criterion that puts load on the same endpoint.
func (c *Contest) Keys(criterion contest.Criterion) []string {
	if own := c.Criteria[criterion].Keys; len(own) > 0 {
		return own
	}
	return c.Criteria[contest.DeployedSolution].Keys
}

// Excluded reports whether a team does not take part.
func (c *Contest) Excluded(team contest.Slug) bool { return slices.Contains(c.Teams.Exclude, team) }

// LoadAllowed reports whether a load run may start at t.
func (c *Contest) LoadAllowed(t time.Time) bool {
	if len(c.Windows) == 0 {
		return true
	}
	local := t.In(c.Timezone)
	now := Clock(local.Hour()*60 + local.Minute())
	return slices.ContainsFunc(c.Windows, func(w LoadWindow) bool {
		if w.From <= w.To {
			return w.From <= now && now < w.To
		}
		return w.From <= now || now < w.To
	})
}

// Running reports whether t is between the contest's start and end.
func (c *Contest) Running(t time.Time) bool {
	return (c.StartsAt.IsZero() || !t.Before(c.StartsAt)) && (c.EndsAt.IsZero() || t.Before(c.EndsAt))
}

// newContest returns the contest that a file starts from: no team excluded, no
// time limits, no criterion.
func newContest() *Contest {
	return &Contest{Timezone: time.UTC, Criteria: Criteria{}}
}

// fillCriteria gives each criterion what its file left out.
func fillCriteria(criteria Criteria) {
	for name, c := range criteria {
		if c.Repeats == 0 {
			c.Repeats = 3
		}
		if c.Score == "" {
			c.Score = ScoreSum
		}
		if c.Result == "" {
			c.Result = ResultLatest
		}
		if c.Rule == "" {
			c.Rule = rulesOf(name)[0]
		}
		criteria[name] = c
	}
}

// ruleProblem says what is wrong with a criterion's rule; empty when nothing is.
func ruleProblem(name contest.Criterion, rule string) string {
	allowed := rulesOf(name)
	if slices.Contains(allowed, rule) {
		return ""
	}
	allowed = slices.DeleteFunc(allowed, func(s string) bool { return s == "" })
	if len(allowed) == 0 {
		return fmt.Sprintf("%q is not known: %s has no rule but its thresholds", rule, name)
	}
	return unknown(rule, allowed)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}
