package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

func serveCommand(w world) *cobra.Command {
	var file string
	var once bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the contest as a service",
		Long: `serve runs the enabled services on their schedules, judges and publishes, and
serves pages, the JSON API and health on HEALTH_CHECK_PORT (8080) and metrics
on METRICS_PORT (9090). SIGTERM ends it cleanly: nothing new begins, load under
way goes on and is taken up by the next start, the outbox is flushed.

Required: API_BASE_URL and SERVICE_API_KEY, in the environment or the file.`,
		Example: "  API_BASE_URL=https://hub.example.org SERVICE_API_KEY=… hackload serve --config hackload.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(w, file, nil)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), w, c, once)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE` (default: none, the environment alone)")
	cmd.Flags().BoolVar(&once, "once", false, "run one round of every enabled service, then exit")
	return cmd
}

// loadConfig reads the configuration from file, environment and flags.
func loadConfig(w world, file string, flags map[string]string) (*config.Config, error) {
	src := config.Source{Getenv: w.Getenv, ReadFile: os.ReadFile, Flags: flags}
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, usage(fmt.Errorf("read configuration: %w", err), "Name an existing file with --config, or leave it out.")
		}
		src.Name, src.Data = file, data
	}
	c, err := config.Load(src)
	if err != nil {
		return nil, usage(err, "Correct the configuration; 'hackload check' tells more.")
	}
	return c, nil
}

func serve(ctx context.Context, w world, c *config.Config, once bool) (err error) {
	if err := c.ValidateServe(); err != nil {
		return usage(err, "Set them in the environment or in the file given with --config.")
	}
	x, err := w.witness(ctx, c, "serve", telemetry.LogConfig{JSON: c.JSONLogs(), Level: c.Log.Level})
	if err != nil {
		return err
	}
	defer x.close(ctx, &err)
	for _, warning := range slices.Concat(c.Warnings, c.Lacking()) {
		x.log.Warn(warning)
	}
	holdBack(c, w.Getenv, x.log)
	program, err := w.Program()
	if err != nil {
		return &exit{exitTrouble, fmt.Errorf("find this program: %w", err), ""}
	}
	s := site{config: c, log: x.log, tracing: x.tracing, program: program, environ: w.Environ(), reached: reached(w.Getenv), cron: !once, services: enabled(c)}
	pages, err := net.Listen("tcp", ":"+strconv.Itoa(c.Web.Port))
	if err != nil {
		return trouble(fmt.Errorf("listen for pages: %w", err))
	}
	defer closeListener(pages)
	wk, err := assembleWithHub(ctx, s, hubConfig(c))
	if err != nil {
		return trouble(err)
	}
	body := func(ctx context.Context) error { <-ctx.Done(); return nil }
	if once {
		body = wk.session
	}
	servers, err := wk.servers(pages, ":"+strconv.Itoa(c.Web.MetricsPort))
	if err != nil {
		return trouble(errors.Join(err, wk.Close()))
	}
	err = wk.work(ctx, body, servers)
	if once {
		x.push(ctx, wk.registry)
	}
	return trouble(errors.Join(err, wk.Close()))
}

// trouble marks an error as ours, unless it says better.
func trouble(err error) error {
	var e *exit
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &exit{exitTrouble, err, ""}
}

// enabled lists the enabled services that the contest has rules for.
func enabled(c *config.Config) []contest.ServiceKey {
	var keys []contest.ServiceKey
	for _, s := range contest.Services() {
		rules, ok := c.Contest.Criteria[s.Criterion]
		if ok && c.Services[s.Key].Enabled && (!s.Load() || len(rules.Levels) > 0) {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

func hubConfig(c *config.Config) hub.Config {
	return hub.Config{
		BaseURL: c.Hub.URL, Key: hub.Key(c.Hub.APIKey.Reveal()), Timeout: c.Hub.Timeout.D(), Retries: c.Hub.Retries,
		RatePerMinute: c.Hub.RateLimitPerMinute, Environment: environmentKeys(c.Contest),
	}
}

// environmentKeys says where in a team's environment its data is looked for.
func environmentKeys(c *config.Contest) contest.EnvironmentKeys {
	keys := contest.DefaultEnvironmentKeys()
	if own := c.Keys(contest.DeployedSolution); len(own) > 0 {
		keys.Endpoint = own
	}
	if own := c.Keys(contest.CodeRepo); len(own) > 0 {
		keys.Repository = own
	}
	if own := c.Keys(contest.BudgetTracking); len(own) > 0 {
		keys.Spend = own
	}
	return keys
}

// assembleWithHub assembles a line whose verdicts go to the Hub, and whose teams
// are those of the Hub or of the configured sources beside it.
func assembleWithHub(ctx context.Context, s site, h hub.Config) (*works, error) {
	var counted func(code int)
	h.Transport = countedTransport{http.DefaultTransport, func(code int) { counted(code) }}
	client, err := hub.New(h)
	if err != nil {
		return nil, usage(err, "Check API_BASE_URL and SERVICE_API_KEY.")
	}
	from, err := openSources(s.config, client.Teams)
	if err != nil {
		return nil, err
	}
	s.hub, s.teams = client, from.teams(s.config, func(finding string) { s.log.Warn("sources of teams", "finding", finding) })
	w, err := assemble(ctx, s)
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	w.closers = append(w.closers, from.Close)
	counted = func(code int) {
		w.instruments.HubRequest(code)
		w.hubSaid.Store(cmp.Or(int64(code), noAnswer))
	}
	return w, web.WatchGauges(w.registry, w.gauges)
}

// servers are the parts that serve pages and, where they are on, metrics.
func (w *works) servers(pages net.Listener, metricsAt string) ([]part, error) {
	parts := []part{{"pages", func(ctx context.Context) error { return web.Serve(ctx, pages, telemetry.Recovering(w.log, w.pages())) }}}
	if !w.config.Web.MetricsEnabled {
		return parts, nil
	}
	metrics, err := net.Listen("tcp", metricsAt)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	w.metricsAt = metrics.Addr().String()
	serve := func(ctx context.Context) error { return web.Serve(ctx, metrics, web.Metrics(w.registry)) }
	return append(parts, part{"metrics", serve}), nil
}

func (w *works) pages() http.Handler {
	return web.New(web.Config{
		Board: board{w}, Archive: archive{w.store}, Pulse: pulse{w}, Course: w.course, Operations: w.operations(), Organisers: w.organisers(),
		PublicURL: w.config.Web.PublicURL, Timezone: w.config.Contest.Timezone, Version: version(), Log: w.log, FreezeAt: w.config.Contest.FreezeAt,
		Limits: web.Limits{PerAddress: w.config.Web.RatePerAddress, Overall: w.config.Web.Rate, TrustedProxies: w.config.Web.TrustedProxies},
	})
}

// work runs body while the line works, and then lets it come to rest in order:
// first the steps, then the outbox, then what both rely on.
func (w *works) work(ctx context.Context, body func(ctx context.Context) error, servers []part) error {
	steps := []part{{"job queue", func(ctx context.Context) error { return w.queue.Run(ctx, w.steps()) }}, {"exporters", w.line.Run}, {"spot checks", w.checks.Run}, {"retention", w.forget}}
	var flush []part
	if w.flusher != nil {
		flush = []part{{"outbox", w.flusher.Run}}
	}
	if w.marks != nil {
		flush = append(flush, part{"annotations", w.marks.Run})
	}
	if w.metrics != nil {
		servers = append(servers, part{"metric store", w.metrics.Run})
	}
	ctx = w.tracing.Into(ctx)
	if err := w.line.Resume(ctx); err != nil {
		return err
	}
	err := runStages(ctx, body, steps, flush, append(servers, w.replicas()...))
	return errors.Join(err, w.handBack(ctx))
}
