package git

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// sight is what was seen of a team last, and when it was last seen for certain.
type sight struct {
	facts   Facts
	verdict contest.Verdict
	success time.Time
	good    Facts          // of that time
	status  contest.Status // of that time
}

// look takes in one more look.
func (s sight) look(f Facts, v contest.Verdict) sight {
	s.facts, s.verdict = f, v
	if !v.Invalid {
		s.success, s.good, s.status = f.At, f, v.Status
	}
	return s
}

func (x *Exporter) remember(team contest.Slug, f Facts, v contest.Verdict) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen[team] = x.seen[team].look(f, v)
}

// forget drops the teams that are no more.
func (x *Exporter) forget(teams []contest.Team) {
	x.mu.Lock()
	defer x.mu.Unlock()
	maps.DeleteFunc(x.seen, func(slug contest.Slug, _ sight) bool {
		return !slices.ContainsFunc(teams, func(t contest.Team) bool { return t.Slug == slug })
	})
}

func (x *Exporter) sights() map[contest.Slug]sight {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.seen)
}

// Collector shows what Measure saw last of each team, and the state of GitHub's
// limits. It measures nothing itself: GitHub's limits are no scraper's to spend.
func (x *Exporter) Collector() prometheus.Collector {
	return collector{sights: x.sights, limits: x.github.limits}
}

type collector struct {
	sights func() map[contest.Slug]sight
	limits *limiter // nil: not shown
}

// series are the metrics of one team.
func series() []struct {
	name, help string
	value      func(s sight) (float64, bool)
} {
	seen := func(f func(Facts) float64) func(sight) (float64, bool) {
		return func(s sight) (float64, bool) { return f(s.good), !s.success.IsZero() }
	}
	found := func(f func(Facts) float64) func(sight) (float64, bool) {
		return func(s sight) (float64, bool) { return f(s.good), !s.success.IsZero() && s.good.State == Found }
	}
	always := func(f func(sight) float64) func(sight) (float64, bool) {
		return func(s sight) (float64, bool) { return f(s), true }
	}
	return []struct {
		name, help string
		value      func(s sight) (float64, bool)
	}{
		{"hackload_git_up", "Whether the last look at the team's repository told anything for certain.",
			always(func(s sight) float64 { return flag(!s.verdict.Invalid) })},
		{"hackload_git_probe_duration_seconds", "How long the last look at the team's repository took.",
			always(func(s sight) float64 { return s.facts.Took.Seconds() })},
		{"hackload_git_last_success_timestamp_seconds", "When the team's repository was last seen for certain. All other values are of then.",
			seen(func(f Facts) float64 { return unix(f.At) })},
		{"hackload_git_repository_accessible", "Whether the team's repository can be read.",
			seen(func(f Facts) float64 { return flag(f.State == Found || f.State == Undated) })},
		{"hackload_git_commits", "Commits on the default branch since the contest's start.",
			found(func(f Facts) float64 { return float64(f.Commits) })},
		{"hackload_git_recent_commits", "Commits on the default branch within the rule's span, up to a few hundred.",
			found(func(f Facts) float64 { return float64(f.Recent) })},
		{"hackload_git_contributors", "People who contributed, up to a hundred.",
			func(s sight) (float64, bool) {
				return float64(s.good.Contributors), !s.success.IsZero() && s.good.State == Found && s.good.Contributors >= 0
			}},
		{"hackload_git_last_commit_timestamp_seconds", "When the last commit on the default branch was made.",
			func(s sight) (float64, bool) {
				return unix(s.good.Last), !s.success.IsZero() && !s.good.Last.IsZero()
			}},
		{"hackload_git_passed", "Whether the team's repository meets the contest's rule.",
			func(s sight) (float64, bool) {
				return flag(s.status == contest.Passed), s.status == contest.Passed || s.status == contest.Failed
			}},
	}
}

// Describe implements prometheus.Collector. It describes nothing, as which
// series there are depends on the teams.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	sights := c.sights()
	for _, s := range series() {
		desc := prometheus.NewDesc(s.name, s.help, []string{"team"}, nil)
		for team, sight := range sights {
			if value, ok := s.value(sight); ok && team.Valid() {
				ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, string(team))
			}
		}
	}
	info := prometheus.NewDesc("hackload_git_repository_info", "What is known of the team's repository; always 1.",
		[]string{"team", "provider", "state", "archived", "fork", "moved"}, nil)
	for team, s := range sights {
		if team.Valid() {
			ch <- prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, string(team), provider(s.facts), string(s.facts.State),
				yes(s.facts.Archived), yes(s.facts.Fork), yes(s.facts.Moved))
		}
	}
	if c.limits != nil {
		c.limits.collect(ch)
	}
}

func (l *limiter) collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests := prometheus.NewDesc("hackload_github_requests_total", "Answers of GitHub's API by class of status; 304 are free.", []string{"code"}, nil)
	for code, n := range l.answered {
		ch <- prometheus.MustNewConstMetric(requests, prometheus.CounterValue, float64(n), code)
	}
	if !l.known {
		return
	}
	for _, g := range []struct {
		name, help string
		value      float64
	}{
		{"hackload_github_rate_limit_requests", "Requests that GitHub allows us in an hour.", float64(l.limit)},
		{"hackload_github_rate_limit_remaining_requests", "Requests that GitHub still allows us in this hour.", float64(l.left)},
		{"hackload_github_rate_limit_reset_timestamp_seconds", "When GitHub begins to count anew.", unix(l.resets)},
	} {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.name, g.help, nil, nil), prometheus.GaugeValue, g.value)
	}
}

// provider is a label from a closed set: a host's name would be the team's to choose.
func provider(f Facts) string {
	switch {
	case f.Repository.Host == "":
		return "none"
	case f.GitHub:
		return "github"
	}
	return "other"
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func yes(is bool) string {
	if is {
		return "true"
	}
	return "false"
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
