package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// measures builds what measures the chosen services that put no load on anyone, and
// what measures some teams again without forgetting the others.
func (w *works) measures() (all, again map[contest.ServiceKey]conduct.Measure, err error) {
	all, again = map[contest.ServiceKey]conduct.Measure{}, map[contest.ServiceKey]conduct.Measure{}
	for _, key := range w.services {
		service, err := contest.FindService(string(key))
		if err != nil {
			return nil, nil, err
		}
		if service.Load() {
			continue
		}
		x, err := w.exporter(key, w.hold)
		if err != nil {
			return nil, nil, fmt.Errorf("set %s up: %w", service.Key, err)
		}
		if err := w.registry.Register(x.Collector()); err != nil {
			return nil, nil, fmt.Errorf("show what %s saw: %w", service.Key, err)
		}
		all[key] = x.Measure
		if x, ok := x.(interface {
			MeasureAgain(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error
		}); ok {
			again[key] = x.MeasureAgain
		}
	}
	return all, again, nil
}

// measurer is an exporter: it measures for the line, shows on the metrics port
// what it saw last, and serves Prometheus alone.
type measurer interface {
	Measure(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error
	Collector() prometheus.Collector
	Handler(teams func(context.Context) ([]contest.Team, error)) http.Handler
}

// exporter builds what measures for a service. lease keeps its walks and load
// apart; nil where nobody puts load on anything.
func (w *works) exporter(key contest.ServiceKey, lease deployment.Lease) (measurer, error) {
	switch key {
	case contest.GitMonitor:
		return w.gitMeasurer(w.config.Contest.Criteria[contest.CodeRepo])
	case contest.DeploymentMonitor:
		return w.deploymentExporter(w.config.Contest.Criteria[contest.DeployedSolution], lease)
	case contest.CostTracking:
		return w.costExporter(w.config.Contest.Criteria[contest.BudgetTracking])
	}
	return nil, fmt.Errorf("nothing measures %s", key)
}

// gitExporter looks at teams' repositories; a nil cache is one of its own.
func (w *works) gitExporter(rules config.Criterion, cache git.Cache) (*git.Exporter, error) {
	g := w.config.GitHub
	app := int64(0)
	if g.AppID != "" {
		var err error
		if app, err = strconv.ParseInt(g.AppID, 10, 64); err != nil {
			return nil, usage(fmt.Errorf("GITHUB_APP_ID %q is no number", g.AppID), "Take the App's number from its settings page at GitHub.")
		}
	}
	x, err := git.New(git.Config{
		APIURL: g.APIURL, Token: g.Token.Reveal(), AppID: app, PrivateKey: g.AppPrivateKey.Reveal(),
		UserAgent: w.config.Probe.UserAgent, Timeout: w.config.Services[contest.GitMonitor].Timeout.D(), Guard: w.guard(),
		Workers: g.Workers, Cache: cache,
	}, git.Rules{
		Kind: rules.Rule, Min: rules.Commits.Min, Recent: rules.Commits.Recent.D(), Points: rules.Points, StartsAt: w.config.Contest.StartsAt,
	})
	if err != nil {
		return nil, err
	}
	w.github = x
	w.closers = append(w.closers, func() error { x.Close(); return nil })
	return x, nil
}

// leaseWait is how long a look at a service waits for a load run to end.
const leaseWait = 10 * time.Second

// deploymentExporter looks at teams' services.
func (w *works) deploymentExporter(rules config.Criterion, lease deployment.Lease) (*deployment.Exporter, error) {
	p := w.config.Probe
	return deployment.New(deployment.Config{
		UserAgent: p.UserAgent, HTTPTimeout: p.Timeout.D(), Timeout: w.config.Services[contest.DeploymentMonitor].Timeout.D(),
		Workers: p.Workers, Reset: p.Reset && lease != nil, Evidence: p.Evidence, Query: w.present(),
		Lease: lease, LeaseWait: leaseWait, Guard: w.guard(),
	}, deployment.Rules{Rule: rules.Rule, Points: rules.Points, Critical: rules.Critical})
}

// hold is the line's lease; the line is built after what it measures with.
func (w *works) hold(ctx context.Context, target string) (release func(), ok bool) {
	return w.line.Hold(ctx, target)
}
