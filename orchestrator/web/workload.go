package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// QueueDepth is how many jobs of one kind are in one state.
type QueueDepth struct {
	Kind, State string // of closed sets
	Jobs        int
	Oldest      time.Duration // how long the first of them has been due; 0 when none is
}

// LastRound is when a service's last rounds began and ended; zero: never.
type LastRound struct{ Started, Ended, Succeeded time.Time }

// Workload is what waits and what is at work, as a scrape shows it.
type Workload struct {
	Queue      []QueueDepth
	LastRounds map[contest.ServiceKey]LastRound
	Ceiling    float64 // requests per second that one generator can do here; 0: unknown
	Requests   float64 // requests per second that the generators make now
	ConfigHash string
}

// workload describes the metrics of a Workload.
type workload struct {
	jobs, oldest, started, ended, succeeded, ceiling, requests, used, config *prometheus.Desc
}

func newWorkload() workload {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("hackload_"+name, help, labels, nil)
	}
	return workload{
		jobs:      desc("queue_jobs", "Jobs by kind and state; discarded ones are dead letters. At most 1000 are counted.", "kind", "state"),
		oldest:    desc("queue_oldest_seconds", "How long the first job of a kind and state has been due.", "kind", "state"),
		started:   desc("last_round_start_timestamp_seconds", "When a service's last round began.", "service"),
		ended:     desc("last_round_end_timestamp_seconds", "When a service's last round that ended did so.", "service"),
		succeeded: desc("last_round_success_timestamp_seconds", "When a service's last round without an error ended.", "service"),
		ceiling:   desc("generator_ceiling_requests_per_second", "Requests per second that one generator can make on this machine, as calibrated."),
		requests:  desc("generator_requests_per_second", "Requests per second that all generators make now."),
		used:      desc("generator_utilization_ratio", "Requests per second that the generators make now, by the ceiling of one."),
		config:    desc("config_info", "Always 1; the label is the sha256 of what is configured, secrets left out.", "sha256"),
	}
}

func (w workload) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.jobs, w.oldest, w.started, w.ended, w.succeeded, w.ceiling, w.requests, w.used, w.config} {
		ch <- d
	}
}

func (w workload) collect(ch chan<- prometheus.Metric, now Workload) {
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, q := range now.Queue {
		put(w.jobs, float64(q.Jobs), q.Kind, q.State)
		put(w.oldest, q.Oldest.Seconds(), q.Kind, q.State)
	}
	for _, s := range contest.Services() {
		last := now.LastRounds[s.Key]
		for d, at := range map[*prometheus.Desc]time.Time{w.started: last.Started, w.ended: last.Ended, w.succeeded: last.Succeeded} {
			if !at.IsZero() { // what never was has no time
				put(d, float64(at.UnixMilli())/1000, s.Name)
			}
		}
	}
	put(w.requests, now.Requests)
	if now.Ceiling > 0 {
		put(w.ceiling, now.Ceiling)
		put(w.used, now.Requests/now.Ceiling)
	}
	if now.ConfigHash != "" {
		put(w.config, 1, now.ConfigHash)
	}
}
