package output

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// TrendStats returns the statistics of a trend that a summary shows when the
// script names no others (options.summaryTrendStats).
func TrendStats() []string { return []string{"avg", "min", "med", "max", "p(90)", "p(95)"} }

var percentilePattern = regexp.MustCompile(`^p\(\s*([0-9]+(?:\.[0-9]+)?)\s*\)$`)

// CheckTrendStat reports whether a summary can show the statistic: avg, min,
// med, max, count, or p(N) with N between 0 and 100.
func CheckTrendStat(stat string) error {
	if slices.Contains([]string{"avg", "min", "med", "max", "count"}, stat) {
		return nil
	}
	if _, ok := percentile(stat); ok {
		return nil
	}
	return fmt.Errorf("trend statistic %q: want avg, min, med, max, count or p(N) with N from 0 to 100", stat)
}

func percentile(stat string) (float64, bool) {
	m := percentilePattern.FindStringSubmatch(stat)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	return n, err == nil && n <= 100
}

// trendStat returns a statistic in the unit of scripts; an unknown one is 0.
func trendStat(s *metric.Series, stat string) float64 {
	switch stat {
	case "avg":
		return s.Value()
	case "min":
		return s.Min
	case "med":
		return s.Quantile(0.5)
	case "max":
		return s.Max
	case "count":
		return float64(s.Count)
	}
	n, _ := percentile(stat)
	return s.Quantile(n / 100)
}

// Summary is the account of a whole test, from which the summary's three forms
// are made.
type Summary struct {
	Snapshot   *metric.Snapshot
	TrendStats []string // as of TrendStats when empty
	TimeUnit   string   // options.summaryTimeUnit: "s", "ms", "us" or empty for automatic
	StdoutTTY  bool
	StderrTTY  bool
	// Written holds how the script wrote thresholds, by their own form:
	// options.Options has it.
	Written   map[string]string
	SetupData any // what setup() returned, JSON values; nil for nothing
}

func (s Summary) stats() []string {
	if len(s.TrendStats) == 0 {
		return TrendStats()
	}
	return s.TrendStats
}

// shown is one metric or submetric of a summary.
type shown struct {
	name string
	metric.Series
	thresholds []metric.ThresholdResult
}

// metrics returns what a summary shows, in order of name: metrics with samples,
// submetrics that have thresholds, and the durations of expected answers.
func (s Summary) metrics() []shown {
	var out []shown
	for _, m := range s.Snapshot.Metrics() {
		merged, _ := s.Snapshot.Merged(m.Name)
		out = append(out, shown{name: m.Name, Series: merged})
	}
	for _, sub := range s.Snapshot.Submetrics {
		if sub.Series.Metric == nil {
			continue
		}
		at := slices.IndexFunc(out, func(x shown) bool { return x.name == sub.Selector })
		switch {
		case at >= 0:
			out[at].thresholds = sub.Thresholds
		case len(sub.Thresholds) > 0 || sub.Series.Count > 0:
			out = append(out, shown{cmp.Or(s.Written[sub.Selector], sub.Selector), sub.Series, sub.Thresholds})
		}
	}
	slices.SortStableFunc(out, func(a, b shown) int { return strings.Compare(a.name, b.name) })
	return out
}

// expression is a threshold as the script wrote it.
func (s Summary) expression(t metric.ThresholdResult) string {
	return cmp.Or(s.Written[t.Threshold.String()], t.Threshold.Expression())
}

// perSecond returns a counter's rate over the whole test.
func (s Summary) perSecond(total float64) float64 {
	if s.Snapshot.Elapsed <= 0 {
		return 0
	}
	return total / s.Snapshot.Elapsed.Seconds()
}

// group is a group() of a script with the checks in it. The root has no name.
type group struct {
	name, path string
	groups     []*group
	checks     []check
}

// check is one check() of a script, counted over all its series.
type check struct {
	name, path    string
	passes, fails uint64
}

// root rebuilds the tree of groups from the tags of the checks, in the order in
// which they were first run.
func (s Summary) root() *group {
	var checks []metric.Series
	for i := range s.Snapshot.Series {
		switch s.Snapshot.Series[i].Metric.Name {
		case "checks", "group_duration":
			checks = append(checks, s.Snapshot.Series[i])
		}
	}
	slices.SortFunc(checks, func(a, b metric.Series) int { return a.First - b.First })
	root := &group{}
	for _, series := range checks {
		path, _ := series.Tags.Get("group")
		g := root.find(path)
		if name, ok := series.Tags.Get("check"); ok && series.Metric.Name == "checks" {
			g.count(name, series)
		}
	}
	return root
}

// find returns the group at a path like "::outer::inner", made on the way.
func (g *group) find(path string) *group {
	for name := range strings.SplitSeq(path, "::") {
		if name == "" {
			continue
		}
		at := slices.IndexFunc(g.groups, func(x *group) bool { return x.name == name })
		if at < 0 {
			at = len(g.groups)
			g.groups = append(g.groups, &group{name: name, path: g.path + "::" + name})
		}
		g = g.groups[at]
	}
	return g
}

func (g *group) count(name string, s metric.Series) {
	at := slices.IndexFunc(g.checks, func(x check) bool { return x.name == name })
	if at < 0 {
		at = len(g.checks)
		g.checks = append(g.checks, check{name: name, path: g.path + "::" + name})
	}
	g.checks[at].passes += s.True
	g.checks[at].fails += s.False()
}

// id is k6's: the MD5 of the path. It identifies, it protects nothing.
func id(path string) string {
	sum := md5.Sum([]byte(path))
	return hex.EncodeToString(sum[:])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
