package deployment

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Sockets returns the connections that are open, and the most there ever were.
func (x *Exporter) Sockets() (open, peak int64) { return x.network.open.Load(), x.network.peak.Load() }

// CollectorOf shows given facts as if they had been seen.
func CollectorOf(r Rules, facts map[contest.Slug]Facts) prometheus.Collector {
	sights := map[contest.Slug]sight{}
	for slug, f := range facts {
		sights[slug] = sight{}.next(f, Judge(contest.Team{Slug: slug}, r, f))
	}
	return collector{rules: r, open: func() float64 { return 3 }, sights: func() map[contest.Slug]sight { return maps.Clone(sights) }}
}
