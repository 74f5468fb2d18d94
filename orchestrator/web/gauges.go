package web

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// scrapeTimeout bounds what a scrape waits for the state.
const scrapeTimeout = 5 * time.Second

// Gauges are read from the state at each scrape, so that they stay true when
// the part that works on them hangs.
type Gauges struct {
	OutboxRows   map[contest.OutboxState]int
	OutboxOldest time.Duration // age of the oldest pending update, 0 when there is none
	ActiveRuns   int
	// InvalidStreaks counts, by service, the teams that could not be measured in
	// three rounds in a row.
	InvalidStreaks map[contest.ServiceKey]int
	Workload
}

// gauges is the collector behind WatchGauges.
type gauges struct {
	read                       func(context.Context) (Gauges, error)
	outboxRows, oldest, active *prometheus.Desc
	streaks                    *prometheus.Desc
	work                       workload
}

// WatchGauges registers the gauges with reg and asks read for them at each
// scrape. When read fails, the gauges are absent from that scrape, never old.
func WatchGauges(reg prometheus.Registerer, read func(context.Context) (Gauges, error)) error {
	g := gauges{
		read:       read,
		work:       newWorkload(),
		outboxRows: prometheus.NewDesc("hackload_outbox_rows", "Updates by where they stand on their way to the Hub.", []string{"state"}, nil),
		oldest:     prometheus.NewDesc("hackload_outbox_oldest_seconds", "Age of the oldest update that the Hub has not taken yet.", nil, nil),
		active:     prometheus.NewDesc("hackload_active_runs", "Load runs that are under way.", nil, nil),
		streaks:    prometheus.NewDesc("hackload_invalid_streak", "Teams that a service could not measure in three rounds in a row or more.", []string{"service"}, nil),
	}
	if err := reg.Register(g); err != nil {
		return fmt.Errorf("register gauges: %w", err)
	}
	return nil
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- g.outboxRows
	ch <- g.oldest
	ch <- g.active
	ch <- g.streaks
	g.work.describe(ch)
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	now, err := g.read(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.active, fmt.Errorf("read gauges: %w", err))
		return
	}
	for _, state := range []contest.OutboxState{contest.OutboxPending, contest.OutboxSent, contest.OutboxParked} {
		ch <- prometheus.MustNewConstMetric(g.outboxRows, prometheus.GaugeValue, float64(now.OutboxRows[state]), string(state))
	}
	ch <- prometheus.MustNewConstMetric(g.oldest, prometheus.GaugeValue, now.OutboxOldest.Seconds())
	ch <- prometheus.MustNewConstMetric(g.active, prometheus.GaugeValue, float64(now.ActiveRuns))
	g.work.collect(ch, now.Workload)
	for _, s := range contest.Services() {
		ch <- prometheus.MustNewConstMetric(g.streaks, prometheus.GaugeValue, float64(now.InvalidStreaks[s.Key]), s.Name)
	}
}
