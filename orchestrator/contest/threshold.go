package contest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Threshold is one rule in k6's syntax: a metric, the tags that select its
// samples, and an expression over them ("p(95)<2000").
//
// The grammar is k6's: https://grafana.com/docs/k6/latest/using-k6/thresholds/.
// Time metrics are in milliseconds, as k6 scripts see them.
type Threshold struct {
	Metric     string            `json:"metric"`
	Tags       map[string]string `json:"tags,omitempty"`
	Method     string            `json:"method"`               // count, rate, value, avg, min, max, med or p(N)
	Percentile float64           `json:"percentile,omitempty"` // N of p(N), 50 for med
	Op         string            `json:"op"`                   // > >= < <= == === !=
	Bound      float64           `json:"bound"`

	AbortOnFail    bool     `json:"abortOnFail,omitempty"`
	DelayAbortEval Duration `json:"delayAbortEval,omitempty"`
}

const maxMetric = 129 // bytes of a name, as k6 has it

var (
	selectorPattern   = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]+)(?:\{(.*)\})?$`)
	expressionPattern = regexp.MustCompile(`^(count|rate|value|avg|min|max|med|p\(\s*([0-9]+(?:\.[0-9]+)?)\s*\))\s*(>=|<=|===|==|!=|>|<)\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)$`)
)

// ParseThreshold reads a threshold from the key and the expression of a k6
// script's options.thresholds, for example "http_req_duration{scenario:steady}"
// and "p(95)<2000".
func ParseThreshold(selector, expression string) (Threshold, error) {
	name, tags, err := ParseSelector(selector)
	if err != nil {
		return Threshold{}, err
	}
	m := expressionPattern.FindStringSubmatch(strings.TrimSpace(expression))
	if m == nil {
		return Threshold{}, fmt.Errorf("threshold %q of %s: want METHOD OP NUMBER like p(95)<2000, rate>0.95 or count==0", expression, selector)
	}
	t := Threshold{Metric: name, Tags: tags, Method: m[1], Op: m[3]}
	if t.Bound, err = strconv.ParseFloat(m[4], 64); err != nil {
		return Threshold{}, fmt.Errorf("threshold %q of %s: %w", expression, selector, err)
	}
	switch {
	case t.Method == "med":
		t.Percentile = 50
	case m[2] != "":
		if t.Percentile, err = strconv.ParseFloat(m[2], 64); err != nil || t.Percentile > 100 {
			return Threshold{}, fmt.Errorf("threshold %q of %s: a percentile is between 0 and 100", expression, selector)
		}
		t.Method = "p(" + m[2] + ")"
	}
	return t, nil
}

// ParseSelector splits "metric{tag:value,tag2:value2}" into its parts.
func ParseSelector(selector string) (metric string, tags map[string]string, err error) {
	m := selectorPattern.FindStringSubmatch(strings.TrimSpace(selector))
	if m == nil || len(m[1]) > maxMetric {
		return "", nil, fmt.Errorf("threshold on %q: want METRIC or METRIC{tag:value,…}", selector)
	}
	if strings.TrimSpace(m[2]) == "" {
		return m[1], nil, nil
	}
	tags = map[string]string{}
	for pair := range strings.SplitSeq(m[2], ",") {
		k, v, ok := strings.Cut(pair, ":")
		k, v = unquote(k), unquote(v)
		if !ok || k == "" {
			return "", nil, fmt.Errorf("threshold on %q: %q is not tag:value", selector, pair)
		}
		tags[k] = v
	}
	return m[1], tags, nil
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// quote protects what unquote would take away.
func quote(s string) string {
	if unquote(s) == s {
		return s
	}
	return `"` + s + `"`
}

// Selector writes the metric and its tags in k6's form, tags in order of name.
func (t Threshold) Selector() string {
	if len(t.Tags) == 0 {
		return t.Metric
	}
	pairs := make([]string, 0, len(t.Tags))
	for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
		pairs = append(pairs, quote(k)+":"+quote(t.Tags[k]))
	}
	return t.Metric + "{" + strings.Join(pairs, ",") + "}"
}

// Expression writes the rule without its metric: "p(95)<2000".
func (t Threshold) Expression() string {
	return t.Method + t.Op + strconv.FormatFloat(t.Bound, 'f', -1, 64)
}

// String is the threshold's canonical name: the value of the label "threshold"
// on the series that count its samples.
func (t Threshold) String() string { return t.Selector() + ": " + t.Expression() }

// IsTrend reports whether the rule is over the distribution of a trend, so that
// it is decided by counting the samples within the bound.
func (t Threshold) IsTrend() bool { return t.Percentile > 0 || strings.HasPrefix(t.Method, "p(") }

// Holds reports whether value satisfies the rule. NaN satisfies none.
func (t Threshold) Holds(value float64) bool { return Compare(value, t.Op, t.Bound) }

// Compare evaluates "value op bound". An unknown op never holds, nor does any op
// over NaN.
func Compare(value float64, op string, bound float64) bool {
	switch op {
	case "<":
		return value < bound
	case "<=":
		return value <= bound
	case ">":
		return value > bound
	case ">=":
		return value >= bound
	case "==", "===":
		return value == bound
	case "!=":
		return value < bound || value > bound // not so for NaN
	}
	return false
}

// Within reports whether one sample of a trend is on the good side of the
// bound, as the exact count of a p(N) rule needs it.
func (t Threshold) Within(sample float64) bool { return Compare(sample, t.Op, t.Bound) }

// HoldsByCount decides a p(N) or med rule from exact counts: at least N % of
// all samples are within the bound (for < and <=), or fewer than N % are on
// the wrong side of it (for > and >=). No samples hold nothing.
//
// It needs no interpolation, so it is exact over any number of generators.
func (t Threshold) HoldsByCount(within, samples float64) bool {
	if samples <= 0 || within > samples {
		return false
	}
	// Counts are whole, so a margin far below one sample only takes back what
	// the product of a bound like 99.9 lost in rounding.
	margin := samples * 1e-9
	switch t.Op {
	case "<", "<=": // p(0) is the least sample: one must be within
		return within > 0 && within*100 >= t.Percentile*samples-margin
	case ">", ">=":
		return within == samples || within*100 > (100-t.Percentile)*samples+margin
	}
	return false
}
