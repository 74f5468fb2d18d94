package deployment

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// sight is what was seen of a team last, when it was last seen for certain, and
// when it was last walked.
type sight struct {
	facts   Facts
	verdict contest.Verdict
	success time.Time
	good    Facts // of that time
	walked  Facts // the last walk that nothing was in the way of
}

// next is the sight after a further look.
func (s sight) next(f Facts, v contest.Verdict) sight {
	s.facts, s.verdict = f, v
	if !v.Invalid {
		s.success, s.good = f.At, f
		if !f.UnderLoad {
			s.walked = f
		}
	}
	return s
}

func (x *Exporter) remember(team contest.Slug, s sight) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen[team] = s
}

func (x *Exporter) lastOf(team contest.Slug) sight {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen[team]
}

// forget drops the teams that are no more.
func (x *Exporter) forget(teams []contest.Team) {
	x.mu.Lock()
	defer x.mu.Unlock()
	maps.DeleteFunc(x.seen, func(slug contest.Slug, _ sight) bool {
		return !slices.ContainsFunc(teams, func(t contest.Team) bool { return t.Slug == slug })
	})
}

func (x *Exporter) sights() map[contest.Slug]sight {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.seen)
}

// Collector shows what Measure saw last of each team. It calls no service.
func (x *Exporter) Collector() prometheus.Collector {
	return collector{sights: x.sights, rules: x.rules, open: func() float64 { return float64(x.network.open.Load()) }}
}

type collector struct {
	sights func() map[contest.Slug]sight
	rules  Rules
	open   func() float64 // nil: not shown
}

type series struct {
	name, help string
	value      func(s sight) (float64, bool)
}

// series are the metrics of one team that have no further label.
func (c collector) series() []series {
	always := func(f func(sight) float64) func(sight) (float64, bool) {
		return func(s sight) (float64, bool) { return f(s), true }
	}
	walked := func(f func(Facts) float64) func(sight) (float64, bool) {
		return func(s sight) (float64, bool) {
			return f(s.good), !s.success.IsZero() && len(s.good.Walk) > 0
		}
	}
	return []series{
		{"up", "Whether the last look at the team's service told anything for certain.",
			always(func(s sight) float64 { return flag(!s.verdict.Invalid) })},
		{"probe_duration_seconds", "How long the last look at the team's service took.",
			always(func(s sight) float64 { return s.facts.Took.Seconds() })},
		{"last_success_timestamp_seconds", "When the team's service was last seen for certain. All values below are of then.",
			func(s sight) (float64, bool) { return unix(s.success), !s.success.IsZero() }},
		{"passed", "Whether the team's service met the contest's rule.",
			func(s sight) (float64, bool) {
				return flag(status(c.rules, s.good) == contest.Passed), !s.success.IsZero() && status(c.rules, s.good) != contest.NoData
			}},
		{"http_status_code", "Status that the team's endpoint answered with; 0 without an answer.",
			func(s sight) (float64, bool) {
				return float64(max(s.good.Probe.Status, firstStatus(s.good))), !s.success.IsZero() && s.good.State == Looked
			}},
		{"endpoints", "Endpoints of the API that were tried.",
			walked(func(f Facts) float64 { _, total := f.count(false); return float64(total) })},
		{"working_endpoints", "Endpoints of the API that answered as it says.",
			walked(func(f Facts) float64 { working, _ := f.count(false); return float64(working) })},
		{"critical_endpoints_working_ratio", "Share of the critical endpoints that answered as the API says.",
			walked(func(f Facts) float64 { return share(f.count(true)) / 100 })},
		{"response_time_seconds", "Mean time until the walk's answers, with the time to connect.",
			walked(func(f Facts) float64 { return f.average().Seconds() })},
		{"dns_addresses", "Addresses that the host name of the team's service leads to.",
			func(s sight) (float64, bool) {
				return float64(s.good.DNS.Addresses), !s.success.IsZero() && s.good.Address.Host != "" && !s.good.DNS.Literal
			}},
		{"certificate_expiry_timestamp_seconds", "When the first certificate of the service's chain expires.",
			func(s sight) (float64, bool) {
				t := s.good.certificate()
				if t == nil || t.Expires.IsZero() {
					return 0, false
				}
				return unix(t.Expires), true
			}},
	}
}

const namePrefix = "hackload_deployment_"

// Describe implements prometheus.Collector. It describes nothing, as which
// series there are depends on the teams.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	sights := c.sights()
	maps.DeleteFunc(sights, func(team contest.Slug, _ sight) bool { return !team.Valid() })
	for _, s := range c.series() {
		desc := prometheus.NewDesc(namePrefix+s.name, s.help, []string{"team"}, nil)
		for team, sight := range sights {
			if value, ok := s.value(sight); ok {
				ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, string(team))
			}
		}
	}
	info := prometheus.NewDesc(namePrefix+"endpoint_info", "What is known of the team's endpoint; always 1.", []string{"team", "state", "scheme", "tls"}, nil)
	working := prometheus.NewDesc(namePrefix+"endpoint_working", "Whether an endpoint of the API answered as it says.", []string{"team", "method", "endpoint"}, nil)
	for team, s := range sights {
		ch <- prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, string(team), string(s.facts.State), s.facts.Address.Scheme, tlsVersion(s.facts))
		for _, r := range s.good.Walk {
			ch <- prometheus.MustNewConstMetric(working, prometheus.GaugeValue, flag(r.Working()), string(team), r.Endpoint.Method, r.Endpoint.Path)
		}
	}
	if c.open != nil {
		desc := prometheus.NewDesc(namePrefix+"open_connections", "Connections to teams' services that are open.", nil, nil)
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, c.open())
	}
}

func tlsVersion(f Facts) string {
	if t := f.certificate(); t != nil {
		return t.Version
	}
	return ""
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
