package cost

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Sources beside the providers.
const (
	sourceForm       = "form"
	sourcePrometheus = "Prometheus"
)

// snapshot is the last measured round with the state of its sources.
type snapshot struct {
	at       time.Time // zero: never
	round    Round
	spends   []spend
	verdicts []contest.Verdict
	sources  []sourceState
}

// sourceState is whether a source answered when it was asked last, and when it
// last did.
type sourceState struct {
	name    string
	up      bool
	success time.Time // zero: never
}

// sources returns the state of each source after it was asked.
func (x *Exporter) sources(a answers, now time.Time) []sourceState {
	var all []sourceState
	for _, l := range x.ledgers {
		last, up := l.state()
		all = append(all, sourceState{l.provider.Name(), up, last.at})
	}
	add := func(name string, err error) {
		s := sourceState{name: name, up: err == nil, success: now}
		if err != nil {
			s.success = time.Time{}
			for _, before := range x.last.sources {
				if before.name == name {
					s.success = before.success
				}
			}
		}
		all = append(all, s)
	}
	if x.cfg.Entries != nil {
		add(sourceForm, a.entriesErr)
	}
	if x.cfg.Query != nil {
		add(sourcePrometheus, a.usedErr)
	}
	return all
}

// snapshot returns the last measured round.
func (x *Exporter) snapshot() snapshot {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last
}

// Collector exposes the last measured round, and measures nothing itself.
func (x *Exporter) Collector() prometheus.Collector {
	return collector{take: x.snapshot}
}

// collector exposes a snapshot, of one team when only is set.
type collector struct {
	take func() snapshot
	only contest.Slug
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hackload_cost_"+name, help, labels, nil)
}

// Describe sends nothing: which series there are depends on the teams.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	shot := c.take()
	if !shot.at.IsZero() {
		send(out, gauge("last_success_timestamp_seconds", "When spends were last measured."), seconds(shot.at))
	}
	for _, s := range shot.sources {
		send(out, gauge("source_up", "Whether the source answered when it was last asked.", "source"), truth(s.up), s.name)
		if !s.success.IsZero() {
			send(out, gauge("source_last_success_timestamp_seconds", "When the source last answered.", "source"), seconds(s.success), s.name)
		}
	}
	seen := map[contest.Slug]bool{} // the same team twice would spoil the whole answer
	for i, v := range shot.verdicts {
		slug := v.Team.Slug
		if !seen[slug] && slug.Valid() && (c.only == "" || c.only == slug) {
			collectTeam(out, v, shot.spends[i], shot.round.Teams[i])
		}
		seen[slug] = true
	}
}

func collectTeam(out chan<- prometheus.Metric, v contest.Verdict, s spend, f Facts) {
	team := string(v.Team.Slug)
	send(out, gauge("team_up", "Whether all that counts for the team's spend could be read.", "team"), truth(!s.invalid), team)
	send(out, gauge("team_info", "Where the team's spend comes from.", "team", "source"), 1, team, string(s.source))
	send(out, gauge("score_points", "What the team's spend is worth.", "team"), float64(v.Score), team)
	if s.known() && !s.hidden {
		send(out, gauge("spent", "What the team has spent, in the currency of the label.", "team", "currency"), s.total.Number(), team, s.total.Currency)
	}
	for _, b := range f.Bills {
		for _, a := range b.Amounts {
			send(out, gauge("billed", "What the provider charges for the team, in the currency of the label.", "team", "provider", "currency"),
				a.Number(), team, b.Provider, a.Currency)
		}
	}
	const hour, gib = 3600, 1 << 30
	if f.Usage.CoreHours != nil {
		send(out, gauge("cpu_core_seconds", "CPU time that the team's namespace used.", "team"), *f.Usage.CoreHours*hour, team)
	}
	if f.Usage.GiBHours != nil {
		send(out, gauge("memory_byte_seconds", "Memory that the team's namespace used, times how long.", "team"), *f.Usage.GiBHours*hour*gib, team)
	}
}

func send(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
