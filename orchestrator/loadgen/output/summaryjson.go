package output

import (
	"encoding/json"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// object is a JSON object whose keys a script or a metric gives.
type object = map[string]any

// Data returns the argument of a script's handleSummary(data): JSON values only.
// Times are in milliseconds, and a threshold's ok is true when it held.
func (s Summary) Data() map[string]any {
	metrics := object{}
	for _, m := range s.metrics() {
		one := object{
			"type": m.Metric.Kind.String(), "contains": m.Metric.Contains.String(), "values": s.values(&m.Series),
		}
		if len(m.thresholds) > 0 {
			held := object{}
			for _, t := range m.thresholds {
				held[s.expression(t)] = object{"ok": t.OK}
			}
			one["thresholds"] = held
		}
		metrics[m.name] = one
	}
	data := object{
		"root_group": s.root().data(),
		"options":    object{"summaryTrendStats": s.stats(), "summaryTimeUnit": s.TimeUnit, "noColor": false},
		"state": object{
			"isStdOutTTY": s.StdoutTTY, "isStdErrTTY": s.StderrTTY,
			"testRunDurationMs": milliseconds(s.Snapshot.Elapsed),
		},
		"metrics": metrics,
	}
	if s.SetupData != nil {
		data["setup_data"] = s.SetupData
	}
	return data
}

// values returns a metric's numbers under the names that handleSummary has.
func (s Summary) values(m *metric.Series) object {
	switch m.Metric.Kind {
	case metric.Counter:
		return object{"count": m.Sum, "rate": s.perSecond(m.Sum)}
	case metric.Gauge:
		return object{"value": m.Last, "min": m.Min, "max": m.Max}
	case metric.Rate:
		return object{"rate": m.Value(), "passes": m.True, "fails": m.False()}
	}
	out := object{}
	for _, stat := range s.stats() {
		out[stat] = trendStat(m, stat)
	}
	return out
}

func (g *group) data() object {
	groups, checks := []any{}, []any{}
	for _, sub := range g.groups {
		groups = append(groups, sub.data())
	}
	for _, c := range g.checks {
		checks = append(checks, c.data())
	}
	return object{"name": g.name, "path": g.path, "id": id(g.path), "groups": groups, "checks": checks}
}

func (c check) data() object {
	return object{"name": c.name, "path": c.path, "id": id(c.path), "passes": c.passes, "fails": c.fails}
}

// Export returns the file of --summary-export: the older, flat form. In it a
// threshold is true when it FAILED, the reverse of Data; tools that read the
// file rely on that.
func (s Summary) Export() ([]byte, error) {
	metrics := object{}
	for _, m := range s.metrics() {
		one := s.values(&m.Series)
		if m.Metric.Kind == metric.Rate {
			one["value"] = one["rate"]
			delete(one, "rate")
		}
		if len(m.thresholds) > 0 {
			failed := object{}
			for _, t := range m.thresholds {
				failed[s.expression(t)] = !t.OK
			}
			one["thresholds"] = failed
		}
		metrics[m.name] = one
	}
	all := object{"metrics": metrics, "root_group": s.root().export()}
	if s.SetupData != nil {
		all["setup_data"] = s.SetupData
	}
	text, err := json.MarshalIndent(all, "", "    ")
	if err != nil {
		return nil, fmt.Errorf("write summary: %w", err)
	}
	return append(text, '\n'), nil
}

func (g *group) export() object {
	groups, checks := object{}, object{}
	for _, sub := range g.groups {
		groups[sub.name] = sub.export()
	}
	for _, c := range g.checks {
		checks[c.name] = c.data()
	}
	return object{"name": g.name, "path": g.path, "id": id(g.path), "groups": groups, "checks": checks}
}
