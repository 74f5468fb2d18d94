package output

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// WriteText writes the summary that people read at the end of a test: each
// threshold with what it compared, each check, a line for each metric.
func (s Summary) WriteText(w io.Writer) error {
	var b strings.Builder
	all := s.metrics()
	s.textThresholds(&b, all)
	if root := s.root(); len(root.checks)+len(root.groups) > 0 {
		root.text(&b, "    ")
		b.WriteByte('\n')
	}
	s.textMetrics(&b, all)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// mark is how the eye finds what failed.
func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

func (s Summary) textThresholds(b *strings.Builder, all []shown) {
	for _, m := range all {
		if len(m.thresholds) == 0 {
			continue
		}
		fmt.Fprintf(b, "    %s\n", m.name)
		for _, t := range m.thresholds {
			fmt.Fprintf(b, "    %s '%s' %s\n", mark(t.OK), s.expression(t), s.compared(&m.Series, t))
		}
		b.WriteByte('\n')
	}
}

// compared says what a threshold looked at. A percentile is shown with the exact
// counts that decided it.
func (s Summary) compared(m *metric.Series, t metric.ThresholdResult) string {
	switch {
	case t.NoSamples:
		return "no samples"
	case t.Threshold.IsTrend():
		return fmt.Sprintf("%s=%s (%.0f of %.0f samples within)",
			t.Threshold.Method, s.number(m.Metric.Contains, t.Value), t.Within, t.Samples)
	case m.Metric.Kind == metric.Rate:
		return fmt.Sprintf("%s=%.2f%%", t.Threshold.Method, 100*t.Value)
	case m.Metric.Kind == metric.Counter && t.Threshold.Method == "rate":
		return "rate=" + s.number(m.Metric.Contains, t.Value) + "/s"
	}
	return t.Threshold.Method + "=" + s.number(m.Metric.Contains, t.Value)
}

// text writes a group's checks and, indented, its groups.
func (g *group) text(b *strings.Builder, indent string) {
	for _, c := range g.checks {
		fmt.Fprintf(b, "%s%s %s\n", indent, mark(c.fails == 0), c.name)
		if c.fails > 0 {
			share := 100 * float64(c.passes) / float64(c.passes+c.fails)
			fmt.Fprintf(b, "%s ↳  %.0f%% — ✓ %d / ✗ %d\n", indent, share, c.passes, c.fails)
		}
	}
	for _, sub := range g.groups {
		fmt.Fprintf(b, "\n%s█ %s\n\n", indent, sub.name)
		sub.text(b, indent+"  ")
	}
}

// textMetrics writes the table of metrics. A submetric follows its metric,
// without the name that it shares with it.
func (s Summary) textMetrics(b *strings.Builder, all []shown) {
	names := make([]string, len(all))
	width := 0
	for i, m := range all {
		names[i] = m.name
		if name, selector, ok := strings.Cut(m.name, "{"); ok && slices.ContainsFunc(all, func(x shown) bool { return x.name == name }) {
			names[i] = "  { " + strings.TrimSuffix(selector, "}") + " }"
		}
		width = max(width, utf8.RuneCountInString(names[i]))
	}
	for i, m := range all {
		flag := " "
		if len(m.thresholds) > 0 {
			flag = mark(!slices.ContainsFunc(m.thresholds, func(t metric.ThresholdResult) bool { return !t.OK }))
		}
		dots := strings.Repeat(".", width-utf8.RuneCountInString(names[i])+3)
		fmt.Fprintf(b, "  %s %s%s: %s\n", flag, names[i], dots, s.line(&m.Series))
	}
}

func (s Summary) line(m *metric.Series) string {
	contains := m.Metric.Contains
	switch m.Metric.Kind {
	case metric.Counter:
		return fmt.Sprintf("%-10s %s/s", s.number(contains, m.Sum), s.number(contains, s.perSecond(m.Sum)))
	case metric.Gauge:
		return fmt.Sprintf("%-10s min=%s max=%s", s.number(contains, m.Last), s.number(contains, m.Min), s.number(contains, m.Max))
	case metric.Rate:
		return fmt.Sprintf("%-10s %d out of %d", fmt.Sprintf("%.2f%%", 100*m.Value()), m.True, m.Count)
	}
	parts := make([]string, 0, len(s.stats()))
	for _, stat := range s.stats() {
		if stat == "count" {
			parts = append(parts, fmt.Sprintf("count=%d", m.Count))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s=%-8s", stat, s.number(contains, trendStat(m, stat))))
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}

// number writes a value in the unit that people read best.
func (s Summary) number(contains metric.Contains, v float64) string {
	switch contains {
	case metric.Time:
		return s.duration(v)
	case metric.Data:
		return bytesText(v)
	}
	return strconv.FormatFloat(round(v, 6), 'f', -1, 64)
}

// duration writes milliseconds in the summary's unit, or in a fitting one.
func (s Summary) duration(ms float64) string {
	switch s.TimeUnit {
	case "s":
		return fmt.Sprintf("%.6fs", ms/1000)
	case "ms":
		return fmt.Sprintf("%.2fms", ms)
	case "us":
		return fmt.Sprintf("%.2fµs", ms*1000)
	}
	switch {
	case ms == 0:
		return "0s"
	case ms < 0.001:
		return fmt.Sprintf("%.0fns", ms*1e6)
	case ms < 1:
		return trim(ms*1000) + "µs"
	case ms < 1000:
		return trim(ms) + "ms"
	case ms < 60_000:
		return trim(ms/1000) + "s"
	}
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Second).String()
}

func bytesText(v float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 1000 {
			return trim(v) + " " + unit
		}
		v /= 1000
	}
	return trim(v) + " TB"
}

// trim writes v with at most two decimals.
func trim(v float64) string { return strconv.FormatFloat(round(v, 2), 'f', -1, 64) }

func round(v float64, decimals int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', decimals, 64), 64)
	if err != nil {
		return v
	}
	return r
}
