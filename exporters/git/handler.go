package git

import (
	"context"
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

const landing = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>HackLoad git exporter</title></head>
<body><h1>HackLoad git exporter</h1>
<p>Source code repositories of the contest's teams: commits, activity, state.</p>
<ul><li><a href="metrics">Metrics</a> of the last round over all teams</li>
<li><a href="-/healthy">Health</a></li><li><a href="-/ready">Readiness</a></li></ul>
<form action="probe"><label>Look at one team now: <input name="target" required pattern="[a-zA-Z0-9_-]+"></label> <button>Probe</button></form>
</body></html>
`

// Run measures all teams now and then every so often, for an exporter that
// stands alone, until ctx ends; then it returns nil. What goes wrong with a round
// is handed to failed, and the next one is tried all the same.
func (x *Exporter) Run(ctx context.Context, every time.Duration, teams func(context.Context) ([]contest.Team, error), failed func(error)) error {
	for {
		all, err := listTeams(ctx, teams)
		if err == nil {
			err = x.Measure(ctx, all, func(contest.Verdict) {})
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		if !sleep(ctx, every) {
			return nil
		}
	}
}

func listTeams(ctx context.Context, teams func(context.Context) ([]contest.Team, error)) ([]contest.Team, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return teams(ctx)
}

// Handler serves what a Prometheus exporter does: /metrics with the last round
// over all teams, /probe?target=<team> that looks at one team now, a landing
// page, /-/healthy, and /-/ready once the teams can be listed.
func (x *Exporter) Handler(teams func(context.Context) ([]contest.Team, error)) http.Handler {
	all := prometheus.NewPedanticRegistry()
	all.MustRegister(x.Collector())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /probe", func(w http.ResponseWriter, r *http.Request) { x.probe(w, r, teams) })
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "healthy\n") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, r *http.Request) {
		if _, err := listTeams(r.Context(), teams); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: the teams cannot be listed\n")
			return
		}
		say(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'")
		_, _ = io.WriteString(w, landing)
	})
	return mux
}

// probe looks at one known team within the scraper's time and answers with a
// registry of its own. What the rounds saw is not touched.
func (x *Exporter) probe(w http.ResponseWriter, r *http.Request, teams func(context.Context) ([]contest.Team, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), scrapeTime(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds")))
	defer cancel()
	all, err := listTeams(ctx, teams)
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
	s, ok := x.glance(ctx, all[at])
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(probeGauge("probe_success", "Whether the look told anything for certain.", flag(ok && !s.verdict.Invalid)),
		probeGauge("probe_duration_seconds", "How long the probe took.", time.Since(started).Seconds()))
	if ok {
		registry.MustRegister(collector{sights: func() map[contest.Slug]sight { return map[contest.Slug]sight{all[at].Slug: s} }})
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// glance measures one team by itself. It is false when no slot was free in time.
func (x *Exporter) glance(ctx context.Context, team contest.Team) (sight, bool) {
	select {
	case x.slots <- struct{}{}:
	case <-ctx.Done():
		return sight{}, false
	}
	defer func() { <-x.slots }()
	f := x.look(ctx, team, "")
	return sight{}.look(f, Judge(team, x.rules, f)), true
}

func probeGauge(name, help string, value float64) prometheus.Collector {
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
