// Package scrape is what an exporter of the contest's teams serves when it stands
// alone: the last round's metrics, a look at one team in the scraper's time, a
// landing page, health and readiness; and its rounds, one every so often.
//
// In go a collector of the last round, a list of the teams and a look at one of
// them. A look fills a registry of its own: what the rounds saw is not touched,
// and no team but a known one is ever looked at.
package scrape

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	probeTimeout = 10 * time.Second       // when the scraper does not say
	probeMargin  = 500 * time.Millisecond // of the scraper's time, for the answer's way
	listTimeout  = 5 * time.Second        // for the list of teams
)

// Teams lists the contest's teams.
type Teams func(context.Context) ([]contest.Team, error)

func (teams Teams) list(ctx context.Context) ([]contest.Team, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return teams(ctx)
}

// Site is one exporter.
type Site struct {
	Name string // of the exporter, as in "git"
	What string // it measures, a sentence for people
	All  prometheus.Collector
	Teams
	// Look measures one team now. It returns nil when there was no time for it, and
	// whether what it tells is certain.
	Look func(context.Context, contest.Team) (seen prometheus.Collector, certain bool)
}

// Handler serves /metrics, /probe?target=<team>, a landing page, /-/healthy, and
// /-/ready once the teams can be listed.
func (s Site) Handler() http.Handler {
	all := prometheus.NewPedanticRegistry()
	all.MustRegister(s.All)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /probe", s.probe)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "healthy\n") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.list(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: the teams cannot be listed\n")
			return
		}
		say(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /{$}", s.landing)
	return mux
}

func (s Site) landing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'")
	title := "HackLoad " + html.EscapeString(s.Name) + " exporter"
	_, _ = fmt.Fprintf(w, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title></head>
<body><h1>%s</h1>
<p>%s</p>
<ul><li><a href="metrics">Metrics</a> of the last round over all teams</li>
<li><a href="-/healthy">Health</a></li><li><a href="-/ready">Readiness</a></li></ul>
<form action="probe"><label>Look at one team now: <input name="target" required pattern="[a-zA-Z0-9_-]+"></label> <button>Probe</button></form>
</body></html>
`, title, title, html.EscapeString(s.What))
}

// probe looks at one known team within the scraper's time.
func (s Site) probe(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), scrapeTime(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds")))
	defer cancel()
	all, err := s.list(ctx)
	if err != nil {
		say(w, http.StatusServiceUnavailable, "the teams cannot be listed\n")
		return
	}
	at := slices.IndexFunc(all, func(t contest.Team) bool { return string(t.Slug) == r.URL.Query().Get("target") })
	if at < 0 {
		say(w, http.StatusBadRequest, "target has to name a team\n")
		return
	}
	started := time.Now()
	seen, certain := s.Look(ctx, all[at])
	success := 0.0
	if certain {
		success = 1
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(gauge("probe_success", "Whether the look told anything for certain.", success),
		gauge("probe_duration_seconds", "How long the probe took.", time.Since(started).Seconds()))
	if seen != nil {
		registry.MustRegister(seen)
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

func gauge(name, help string, value float64) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	g.Set(value)
	return g
}

// scrapeTime is how long the scraper says that it waits, less a margin.
func scrapeTime(header string) time.Duration {
	seconds, err := strconv.ParseFloat(header, 64)
	if err != nil || !(seconds > 0 && seconds < 3600) {
		return probeTimeout
	}
	said := time.Duration(seconds * float64(time.Second))
	if said <= 2*probeMargin {
		return said / 2
	}
	return said - probeMargin
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller is gone if this fails
}
