package git

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// NewLimiter opens the limiter to tests in a bubble of fake time, where no real
// socket may be.
func NewLimiter(perSecond float64, next http.RoundTripper) http.RoundTripper {
	return newLimiter(Config{PerSecond: perSecond}.withDefaults(), next)
}

// NewCached opens the conditional requests to tests.
func NewCached(c Cache, next http.RoundTripper) http.RoundTripper {
	return &cached{next: next, cache: c}
}

// CollectorOf shows facts as a collector does, with GitHub's limits as given.
func CollectorOf(facts map[contest.Slug]Facts, r Rules, limit, left int, resets time.Time) prometheus.Collector {
	sights := map[contest.Slug]sight{}
	for slug, f := range facts {
		sights[slug] = sight{}.look(f, Judge(contest.Team{Slug: slug}, r, f))
	}
	return collector{
		sights: func() map[contest.Slug]sight { return sights },
		limits: &limiter{known: true, limit: limit, left: left, resets: resets, answered: map[string]int{"2xx": 7, "304": 12}},
	}
}

// ExplainRemote says what an error of another host means.
func ExplainRemote(err error) (State, string) { return remote{timeout: time.Second}.explain(err) }
