package web

import (
	"net/http"

	"golang.org/x/time/rate"
)

// routes are what is served. Their patterns are noted as they are added, so that
// the document of the API can be held against them.
type routes struct {
	mux      *http.ServeMux
	patterns []string
	// organisers reports whether a request is one of an organiser's.
	organisers func(*http.Request) bool
}

func (r *routes) add(pattern string, h http.Handler) {
	r.mux.Handle(pattern, h)
	r.patterns = append(r.patterns, pattern)
}

// data adds a route whose answers and refusals are JSON.
func (s *site) data(to *routes, pattern string, h answer) {
	to.add(pattern, s.try(telling(h), s.errorJSON))
}

// operate adds what organisers see and change. Where services stand is for
// everybody.
func (s *site) operate(to *routes, ops *Operations) {
	o := &operations{site: s, Operations: ops}
	g := &gate{token: ops.Token, clients: map[client]*rate.Limiter{}}
	free := func(pattern string, h answer) { s.data(to, pattern, h) }
	theirs := func(pattern string, h answer) { s.data(to, pattern, g.guard(h)) }

	free("GET /api/v1/services", o.services)
	for _, change := range []string{"run", "pause", "resume"} {
		theirs("POST /api/v1/services/{service}/"+change, o.changeService(change))
	}
	theirs("PUT /api/v1/services/{service}/interval", o.reschedule)

	theirs("POST /api/v1/runs/{id}/cancel", o.cancel)
	theirs("POST /api/v1/stop", o.stop)
	theirs("POST /api/v1/teams/{slug}/verdicts/{criterion}/rerun", o.rerun)

	theirs("GET /api/v1/dead-letters", o.letters)
	theirs("GET /api/v1/dead-letters/{id}", o.letter)
	theirs("POST /api/v1/dead-letters/{id}/retry", o.retryLetter)
	theirs("POST /api/v1/dead-letters/{id}/drop", o.dropLetter)

	theirs("GET /api/v1/outbox", o.outbox)
	theirs("GET /api/v1/outbox/{team}/{criterion}", o.update)
	theirs("POST /api/v1/outbox/{team}/{criterion}/retry", o.retryUpdate)
	theirs("POST /api/v1/outbox/{team}/{criterion}/drop", o.dropUpdate)

	theirs("GET /api/v1/exclusions", o.exclusions)
	theirs("PUT /api/v1/teams/{slug}/exclusion", o.exclude)
	theirs("POST /api/v1/teams/{slug}/exclusion/lift", o.include)

	theirs("GET /api/v1/overrides", o.overrides)
	theirs("PUT /api/v1/teams/{slug}/verdicts/{criterion}/override", o.override)
	theirs("POST /api/v1/teams/{slug}/verdicts/{criterion}/override/lift", o.lift)

	theirs("GET /api/v1/audit", o.audit)
	theirs("GET /api/v1/suspicions", o.suspicions)
}
