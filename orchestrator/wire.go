package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
	"github.com/hackload-kz/hackload/orchestrator/prom"
	"github.com/hackload-kz/hackload/orchestrator/replica"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/spotcheck"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/target"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// site is what a line is assembled for.
type site struct {
	config   *config.Config
	log      *slog.Logger
	tracing  *telemetry.Tracing   // nil: off
	program  string               // path of this binary, for its load generators
	environ  []string             // of which they are handed what they need
	reached  func(point string)   // crash tests' hook
	services []contest.ServiceKey // which services fire
	cron     bool                 // fire them on their cron
	noReset  bool                 // never POST /api/reset
	only     []contest.Slug       // of the teams; empty: all
	hub      *hub.Client          // nil: there is none
	teams    func(ctx context.Context) ([]contest.Team, error)
}

// works is the assembled line with the parts that work beside it.
type works struct {
	site
	store       *store.Store
	member      *replica.Member    // nil: the state is this process' alone
	metrics     *metricstore.Store // nil with a Prometheus outside
	prom        *prom.Client
	grafana     *grafana.Client // nil without a Grafana
	marks       *marks          // nil where runs are not marked in Grafana
	launcher    *launch.Launcher
	cluster     *kube.Launcher // nil unless generators run on Kubernetes
	queue       *schedule.Queue
	line        *conduct.Line
	checks      *spotcheck.Checker
	flusher     *outbox.Flusher // nil without a Hub
	registry    *prometheus.Registry
	instruments *web.Instruments
	hubSaid     atomic.Int64   // the status of the Hub's last answer; 0 before the first call, noAnswer when none came
	github      *git.Exporter  // nil where no repositories are measured
	metricsAt   string         // address of the metrics port, empty without one
	closers     []func() error // what to close at the end, the last first
}

// assemble builds every part by hand, in the order of the line.
func assemble(ctx context.Context, s site) (_ *works, err error) {
	w := &works{site: s, registry: web.NewRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	w.instruments = web.NewInstruments(w.registry, version())
	if w.store, err = openState(ctx, s.config.State); err != nil {
		return nil, err
	}
	w.closers = append(w.closers, w.store.Close)
	if w.grafana, err = openGrafana(s.config); err != nil {
		return nil, err
	}
	w.marks = openMarks(s.config, w.grafana, s.log)
	if err = w.openMetrics(ctx); err != nil {
		return nil, err
	}
	if err = w.openLauncher(ctx); err != nil {
		return nil, err
	}
	if w.queue, err = schedule.New(ctx, w.store.DB(), w.scheduleConfig()); err != nil {
		return nil, err
	}
	writers, err := w.writers()
	if err != nil {
		return nil, err
	}
	w.openOutbox()
	measures, again, err := w.measures()
	if err != nil {
		return nil, err
	}
	ceiling, err := w.ceiling(ctx)
	if err != nil {
		return nil, err
	}
	confirm, err := links(s.config)
	if err != nil {
		return nil, err
	}
	shape, err := w.shape()
	if err != nil {
		return nil, err
	}
	parts := conduct.Parts{
		Store: w.store, Wake: w.queue, Launcher: w.launcher, Shape: shape, Writers: writers, Query: w.query, Ranged: w.ranged,
		Teams: w.contestants, Inspect: w.launcher.Inspect, Preflight: w.prober().Preflight,
		Criterion: w.criterion, Measures: measures, Again: again, Ceiling: ceiling, LoadAllowed: w.config.Contest.LoadAllowed, Held: w.held(), Links: confirm, Log: s.log, Observe: observer{w}, Watch: w.openChecks(), Reached: s.reached,
	}
	if w.cluster != nil {
		parts.Launcher = w.cluster
	}
	if w.member != nil {
		parts.Replica = w.member
	}
	w.line = conduct.New(parts, w.limits())
	return w, nil
}

// Close closes what was opened, the last first.
func (w *works) Close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	w.closers = nil
	return errors.Join(errs...)
}

// openMetrics opens the embedded metric store, unless there is a Prometheus.
func (w *works) openMetrics(ctx context.Context) (err error) {
	p, err := prometheusConfig(ctx, w.config, w.grafana)
	if err != nil {
		return err
	}
	if err := w.join(ctx, p.URL == ""); err != nil {
		return err
	}
	if p.URL == "" {
		if w.metrics, err = w.openMetricStore(ctx); err != nil {
			return err
		}
		p.URL = w.metrics.URL()
	}
	w.prom, err = prom.New(p)
	return err
}

// openMetricStore listens where the last process listened, so that generators
// that outlived it find their way; where that is not to be had, anywhere.
func (w *works) openMetricStore(ctx context.Context) (*metricstore.Store, error) {
	c := metricstore.Config{
		Dir: filepath.Join(w.config.State.Dir, "metrics"), Listen: w.config.Metrics.Listen,
		Retention: time.Duration(w.config.Metrics.RetentionDays) * 24 * time.Hour,
		ReadToken: w.config.Web.AdminToken.Reveal(), Log: quietly(w.log), Registry: w.registry,
	}
	last, err := w.store.Meta(ctx, metaMetricsAddr)
	if err != nil {
		return nil, err
	}
	again := c
	again.Listen = listenAgain(c.Listen, last)
	m, err := metricstore.Open(again)
	if err != nil && again.Listen != c.Listen {
		m, err = metricstore.Open(c)
	}
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, m.Close)
	return m, w.store.Write(ctx, func(tx *store.Tx) error {
		return tx.SetMeta(ctx, metaMetricsAddr, strings.TrimPrefix(m.URL(), "http://"))
	})
}

const metaMetricsAddr = "metrics.addr"

// storeAgain is when a round that the state database did not take is tried again.
const storeAgain = 5 * time.Second

// listenAgain returns the last address where the configured one leaves the port
// open, and the configured one where it names a port, or another host by now.
func listenAgain(configured, last string) string {
	host, port, err := net.SplitHostPort(configured)
	lastHost, _, lastErr := net.SplitHostPort(last)
	if err != nil || lastErr != nil || port != "0" || net.ParseIP(host) != nil && host != lastHost {
		return configured
	}
	return last
}

func (w *works) scheduleConfig() schedule.Config {
	c := schedule.Config{Rounds: w.config.Limits.MaxConcurrentJobs, Log: w.log, NoPeriods: !w.cron, Poll: 100 * time.Millisecond, Postgres: w.store.Shared(), Book: book{w.store}, Last: w.lastRound, Skipped: w.skipped, Running: w.config.Contest.Running}
	for _, key := range w.services {
		s := w.config.Services[key]
		c.Services = append(c.Services, schedule.Service{
			Key: key, Cron: string(s.Interval), Timezone: w.config.Contest.Timezone, Retries: s.Retries,
		})
	}
	return c
}

func (w *works) guard() target.Guard {
	return target.Guard{AllowPrivate: w.config.Load.AllowPrivateTargets, Allowed: w.config.Load.AllowedTargetCIDRs}
}

func (w *works) prober() *target.Prober {
	p := target.New(w.guard(), w.config.Probe.UserAgent)
	p.Timeout, p.Reset = w.config.Load.PreflightTimeout.D(), w.config.Load.ResetTimeout.D()
	return p
}

func (w *works) limits() conduct.Limits {
	l := conduct.Limits{
		Targets: w.config.Load.MaxTargets, Retries: w.config.Load.InvalidRetries,
		CollectAfter: 2 * time.Minute, Grace: time.Minute, Poll: 500 * time.Millisecond, Push: w.config.Load.PushInterval.D(),
	}
	if !w.noReset {
		l.Reset = map[contest.Criterion]bool{contest.TicketBooking: true, contest.TicketCancellation: true}
	}
	return l
}

func (w *works) criterion(c contest.Criterion) (config.Criterion, bool) {
	rules, ok := w.config.Contest.Criteria[c]
	return rules, ok
}

// held asks the Hub what it holds; nil where there is none.
func (w *works) held() func(ctx context.Context, c contest.Criterion) ([]contest.Update, error) {
	if w.hub == nil {
		return nil
	}
	return func(ctx context.Context, c contest.Criterion) ([]contest.Update, error) {
		entries, err := w.hub.Criteria(ctx, hub.Filter{Criterion: c})
		if err != nil {
			return nil, err
		}
		var all []contest.Update
		for _, e := range entries {
			all = append(all, contest.Update{TeamSlug: e.Team, HackathonID: e.HackathonID, CriteriaType: e.Criterion, Status: e.Status})
		}
		return all, nil
	}
}

// contestants lists the teams that take part.
func (w *works) contestants(ctx context.Context) ([]contest.Team, error) {
	all, err := w.teams(ctx)
	if err != nil {
		return nil, err
	}
	var out []store.Exclusion
	if w.store != nil { // an exporter alone may have none
		if out, err = w.store.Exclusions(ctx); err != nil {
			return nil, err
		}
	}
	excluded := map[contest.Slug]bool{}
	for _, e := range out {
		excluded[e.Team] = true
	}
	var in []contest.Team
	for _, t := range all {
		if !excluded[t.Slug] && !w.config.Contest.Excluded(t.Slug) && (len(w.only) == 0 || slices.Contains(w.only, t.Slug)) {
			in = append(in, t)
		}
	}
	return in, nil
}

func (w *works) openOutbox() {
	if w.hub == nil {
		return
	}
	w.flusher = outbox.New(outboxRows{w}, w.tellHubOnDuty, outbox.Options{
		Permanent: hub.IsPermanent, Doubtful: hub.IsDoubtful, RetryAfter: hub.RetryAfter,
		BeforeSend: func() { w.reached("before-send") }, AfterSend: func() { w.reached("after-send") },
		Observe: func(p outbox.Pass) {
			if p.Err != nil || p.Parked > 0 {
				w.log.Warn("hub did not take everything", "sent", p.Sent, "later", p.Retried, "parked", p.Parked, "error", p.Err)
			}
		},
	})
}

// steps is what the queue's jobs do.
func (w *works) steps() schedule.Steps {
	return schedule.Steps{
		Round:   w.beginSoon,
		Advance: w.line.Advance,
		Collect: w.line.Collect,
		Look:    w.line.Look,
	}
}

// beginSoon is begin for the queue. While the state database is away a round
// waits: that takes none of its tries.
func (w *works) beginSoon(ctx context.Context, key contest.ServiceKey, id contest.RoundID) (again time.Duration, err error) {
	_, err = w.begin(ctx, key, id)
	if errors.Is(err, store.ErrAway) {
		w.log.WarnContext(ctx, "round waits for the state database", "service", key, "again_in", storeAgain, "error", err)
		return storeAgain, nil
	}
	return 0, err
}

// begin begins the round of that id. A firing while the last round is under way is skipped
// and counted, not an error.
func (w *works) begin(ctx context.Context, key contest.ServiceKey, round contest.RoundID) (contest.RoundID, error) {
	service, err := contest.FindService(string(key))
	if err != nil {
		return "", err
	}
	started := time.Now()
	id, err := w.line.BeginAs(ctx, key, round)
	if errors.Is(err, conduct.ErrRoundOpen) {
		w.log.InfoContext(ctx, "firing skipped: the last round is still under way", "service", key)
		w.instruments.JobDone(service, web.JobSkipped, 0)
		return "", nil
	}
	if err != nil {
		w.instruments.JobDone(service, web.JobFailed, time.Since(started))
		return id, err
	}
	if key == contest.AuthTesting { // which resets no service
		if teams, err := w.contestants(ctx); err == nil {
			w.checks.Teams(teams)
		}
	}
	return id, nil
}

// query asks the metric store, and counts it.
func (w *works) query(ctx context.Context, promql string, at time.Time) ([]contest.Sample, error) {
	w.instruments.PrometheusQuery()
	return w.prom.Query(ctx, promql, at)
}

// ranged asks the metric store over a time, and counts it.
func (w *works) ranged(ctx context.Context, promql string, from, to time.Time, step time.Duration) ([]contest.Series, error) {
	w.instruments.PrometheusQuery()
	return w.prom.QueryRange(ctx, promql, from, to, step)
}

// quietly passes on warnings only, for parts that talk much.
func quietly(log *slog.Logger) *slog.Logger {
	if log.Enabled(context.Background(), slog.LevelDebug) {
		return log
	}
	return slog.New(slog.DiscardHandler)
}
