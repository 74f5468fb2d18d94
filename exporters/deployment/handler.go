package deployment

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/exporters/scrape"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Run measures all teams now and then every so often, for an exporter that
// stands alone, until ctx ends; then it returns nil. What goes wrong with a round
// is handed to failed, and the next one is tried all the same.
func (x *Exporter) Run(ctx context.Context, every time.Duration, teams func(context.Context) ([]contest.Team, error), failed func(error)) error {
	scrape.Rounds(ctx, every, teams, func(ctx context.Context, all []contest.Team) error {
		return x.Measure(ctx, all, func(contest.Verdict) {})
	}, failed)
	return nil
}

// Handler serves what a Prometheus exporter does, see [scrape.Site]. A probe never
// resets the team's service.
func (x *Exporter) Handler(teams func(context.Context) ([]contest.Team, error)) http.Handler {
	return scrape.Site{
		Name: "deployment", What: "Deployed services of the contest's teams: what answers, how, and how soon.",
		All: x.Collector(), Teams: teams, Look: x.lookAt,
	}.Handler()
}

func (x *Exporter) lookAt(ctx context.Context, team contest.Team) (seen prometheus.Collector, certain bool) {
	s, ok := x.glance(ctx, team, false)
	if !ok {
		return nil, false
	}
	return collector{rules: x.rules, sights: func() map[contest.Slug]sight { return map[contest.Slug]sight{team.Slug: s} }}, !s.verdict.Invalid
}
