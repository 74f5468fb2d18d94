package cost

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	scrapeAge     = time.Minute      // a round this young answers a scrape as it is
	scrapeDefault = 10 * time.Second // Prometheus' own default
	scrapeMargin  = 500 * time.Millisecond
	scrapeMost    = 5 * time.Minute

	timeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"

	landing = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>HackLoad cost exporter</title></head>
<body><h1>HackLoad cost exporter</h1>
<p>What each team of the contest has spent.</p>
<ul><li><a href="/metrics">/metrics</a>: all teams, and this process</li>
<li>/probe?target=<i>team</i>: one team, by its slug</li>
<li><a href="/-/healthy">/-/healthy</a>, <a href="/-/ready">/-/ready</a></li></ul>
</body></html>
`
)

// Handler serves the exporter alone: /metrics for all teams, /probe?target=slug
// for one, a landing page, /-/healthy and /-/ready. A scrape measures when the
// last round is over a minute old, within what the scraper gives it.
func (x *Exporter) Handler(teams func(ctx context.Context) ([]contest.Team, error)) http.Handler {
	s := scraper{x: x, teams: teams, turn: make(chan struct{}, 1), self: prometheus.NewRegistry()}
	s.self.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /probe", s.probe)
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "healthy\n") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, landing)
	})
	return mux
}

// scraper answers scrapes from rounds of the exporter.
type scraper struct {
	x     *Exporter
	teams func(ctx context.Context) ([]contest.Team, error)
	turn  chan struct{} // holds one place: scrapes at once share one measurement
	self  *prometheus.Registry
}

// take returns a round that is young enough, measuring one if there is none. A
// team that the round does not hold asks for a new one.
func (s scraper) take(ctx context.Context, wanted contest.Slug) (snapshot, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return s.x.snapshot(), ctx.Err()
	}
	shot := s.x.snapshot()
	if !shot.at.IsZero() && time.Since(shot.at) < scrapeAge && (wanted == "" || shot.holds(wanted)) {
		return shot, nil
	}
	teams, err := s.teams(ctx)
	if err != nil {
		return shot, fmt.Errorf("read teams: %w", err)
	}
	hold := func(t contest.Team) bool { return t.Slug == wanted }
	if wanted != "" && !slices.ContainsFunc(teams, hold) {
		return shot, nil
	}
	return s.x.measure(ctx, teams)
}

func (s snapshot) holds(slug contest.Slug) bool {
	return slices.ContainsFunc(s.verdicts, func(v contest.Verdict) bool { return v.Team.Slug == slug })
}

// metrics serves all teams; a round that cannot be measured leaves the older
// one with its time, and the sources that are down.
func (s scraper) metrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel, err := scrapeContext(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer cancel()
	shot, err := s.take(ctx, "")
	fresh := prometheus.NewRegistry()
	fresh.MustRegister(collector{take: func() snapshot { return shot }},
		constant("up", "Whether the teams and what counts for all could be read.", truth(err == nil)))
	promhttp.HandlerFor(prometheus.Gatherers{fresh, s.self}, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// probe serves one team from a registry of its own.
func (s scraper) probe(w http.ResponseWriter, r *http.Request) {
	target := contest.Slug(r.URL.Query().Get("target"))
	if !target.Valid() {
		http.Error(w, "target is missing or no team's slug: want /probe?target=slug", http.StatusBadRequest)
		return
	}
	ctx, cancel, err := scrapeContext(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer cancel()
	begun := time.Now()
	shot, err := s.take(ctx, target)
	if err == nil && !shot.holds(target) {
		http.Error(w, "there is no such team", http.StatusNotFound)
		return
	}
	up := err == nil
	for i, v := range shot.verdicts {
		up = up && (v.Team.Slug != target || !shot.spends[i].invalid)
	}
	fresh := prometheus.NewRegistry()
	fresh.MustRegister(
		collector{take: func() snapshot { return shot }, only: target},
		constant("probe_success", "Whether the team's spend could be measured.", truth(up)),
		constant("probe_duration_seconds", "How long the probe took.", time.Since(begun).Seconds()),
	)
	promhttp.HandlerFor(fresh, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

func (s scraper) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), scrapeDefault)
	defer cancel()
	if _, err := s.teams(ctx); err != nil {
		http.Error(w, "not ready: teams cannot be read: "+brief(err), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

func constant(name, help string, v float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hackload_cost_" + name, Help: help}, func() float64 { return v })
}

// scrapeContext ends half a second before the scraper stops to listen.
func scrapeContext(r *http.Request) (context.Context, context.CancelFunc, error) {
	timeout := scrapeDefault
	if text := r.Header.Get(timeoutHeader); text != "" {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || v <= 0 {
			return nil, nil, fmt.Errorf("%s is no number of seconds", timeoutHeader)
		}
		timeout = time.Duration(min(v, scrapeMost.Seconds()) * float64(time.Second))
	}
	if timeout > scrapeMargin {
		timeout -= scrapeMargin
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	return ctx, cancel, nil
}
