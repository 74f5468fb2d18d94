package output

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/prompb"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// maxLabelValue bounds a label's value, in bytes.
const maxLabelValue = 512

// labelBook makes the labels of each set of tags once, and remembers them.
// Aggregators bound how many sets there are.
type labelBook struct {
	fixed  map[string]string // labels on every series
	byTags map[*metric.TagSet]*labelSet
	byText map[string]*labelSet
}

func newLabelBook(fixed map[string]string) *labelBook {
	return &labelBook{fixed: fixed, byTags: map[*metric.TagSet]*labelSet{}, byText: map[string]*labelSet{}}
}

// labelSet is a list of labels, without a metric's name and with the names that
// were asked for so far.
type labelSet struct {
	labels []prompb.Label
	named  map[metricName][]prompb.Label
}

// metricName is k6_ and these two: what a script calls a metric, and what the
// name of its series ends in.
type metricName struct{ base, end string }

// of returns the labels of t. Sets of tags that differ only in what labels
// cannot say have the same.
func (b *labelBook) of(t *metric.TagSet) *labelSet {
	set := b.byTags[t]
	if set == nil {
		set = b.from(t.All)
		b.byTags[t] = set
	}
	return set
}

// from turns tags into labels. The fixed labels win: a script must not write
// under the name of another launch.
func (b *labelBook) from(tags func(yield func(k, v string) bool)) *labelSet {
	all := map[string]string{}
	for k, v := range tags {
		all[labelName(k)] = labelValue(v)
	}
	for k, v := range b.fixed {
		all[labelName(k)] = labelValue(v)
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	var labels []prompb.Label
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		labels = append(labels, prompb.Label{Name: k, Value: all[k]})
		text.WriteString(k + "\xff" + all[k] + "\xff")
	}
	if b.byText[text.String()] == nil {
		b.byText[text.String()] = &labelSet{labels: labels, named: map[metricName][]prompb.Label{}}
	}
	return b.byText[text.String()]
}

// with returns the labels with the metric's name, in order.
func (s *labelSet) with(name metricName) []prompb.Label {
	out := s.named[name]
	if out == nil {
		out = append(out, prompb.Label{Name: "__name__", Value: "k6_" + name.base + name.end})
		out = append(out, s.labels...)
		slices.SortFunc(out, func(x, y prompb.Label) int { return cmp.Compare(x.Name, y.Name) })
		s.named[name] = out
	}
	return out
}

// labelName makes any tag's key a label name that Prometheus accepts.
func labelName(key string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, key)
	if name == "" || name[0] >= '0' && name[0] <= '9' || strings.HasPrefix(name, "__") {
		return "tag_" + name
	}
	return cut(name, maxLabelValue)
}

func labelValue(v string) string { return cut(strings.ToValidUTF8(v, "\uFFFD"), maxLabelValue) }

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
