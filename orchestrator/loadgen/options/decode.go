package options

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// Decode reads a script's options object. The warnings name keys that are not
// known. The error names the key that is wrong.
func Decode(text []byte) (o Options, warnings []string, err error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return o, nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return o, nil, fmt.Errorf("options: want an object: %w", err)
	}
	fields := o.fields()
	maps.Copy(fields, o.networkFields())
	for _, key := range slices.Sorted(maps.Keys(members)) {
		decode, known := fields[key]
		switch {
		case saysNothing(members[key]):
		case !known && !contains(later(), key):
			warnings = append(warnings, fmt.Sprintf("option %q is not known and has no effect", key))
		case !known:
			warnings = append(warnings, fmt.Sprintf("option %q is not supported yet and has no effect", key))
		default:
			if err := decode(members[key]); err != nil {
				return o, warnings, fmt.Errorf("options.%s: %w", key, err)
			}
		}
	}
	return o, warnings, nil
}

// fields maps each option's key to how it is read into o.
func (o *Options) fields() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"vus": whole(&o.VUs, 0), "iterations": whole(&o.Iterations, 1), "duration": duration(&o.Duration),
		"stages":     func(b []byte) (err error) { o.Stages, err = decodeStages(b); return err },
		"scenarios":  func(b []byte) (err error) { o.Scenarios, err = decodeScenarios(b); return err },
		"thresholds": func(b []byte) (err error) { o.Thresholds, o.Written, err = decodeThresholds(b); return err },
		"tags":       func(b []byte) (err error) { o.Tags, err = decodeStrings(b); return err },
		"userAgent":  plain(&o.UserAgent, "text"), "insecureSkipTLSVerify": boolean(&o.InsecureSkipTLSVerify),
		"noConnectionReuse": boolean(&o.NoConnectionReuse), "noVUConnectionReuse": boolean(&o.NoVUConnectionReuse),
		"discardResponseBodies": boolean(&o.DiscardResponseBodies), "noCookiesReset": boolean(&o.NoCookiesReset),
		"throw": boolean(&o.Throw), "maxRedirects": whole(&o.MaxRedirects, 0),
		"blacklistIPs": func(b []byte) (err error) { o.BlacklistIPs, err = decodeCIDRs(b); return err },
		"paused":       boolean(&o.Paused),
		"noSetup":      boolean(&o.NoSetup), "noTeardown": boolean(&o.NoTeardown),
		"setupTimeout": duration(&o.SetupTimeout), "teardownTimeout": duration(&o.TeardownTimeout),
		"handleSummaryTimeout": duration(&o.HandleSummaryTimeout), "minIterationDuration": duration(&o.MinIterationDuration),
		"systemTags":        list(&o.SystemTags),
		"summaryTrendStats": list(&o.SummaryTrendStats), "summaryTimeUnit": plain(&o.SummaryTimeUnit, "text"),
		"executionSegment": plain(&o.ExecutionSegment, "text"), "executionSegmentSequence": plain(&o.ExecutionSegmentSequence, "text"),
	}
}

// later lists options of k6 that mean something and are not acted on here.
func later() []string {
	return []string{
		"cloud", "ext", "metricSamplesBufferSize", "consoleOutput", "features",
	}
}

func plain[T any](to **T, what string) func([]byte) error {
	return func(b []byte) error {
		var v T
		if err := json.Unmarshal(b, &v); err != nil {
			return fmt.Errorf("%s is not %s", clip(b), what)
		}
		*to = &v
		return nil
	}
}

func boolean(to **bool) func([]byte) error { return plain(to, "true or false") }

func list(to *[]string) func([]byte) error {
	return func(b []byte) error {
		v := []string{}
		if err := json.Unmarshal(b, &v); err != nil {
			return fmt.Errorf("%s is not a list of texts", clip(b))
		}
		*to = v
		return nil
	}
}

// whole reads an integer of at least least. k6 takes numbers as text too.
func whole(to **int64, least int64) func([]byte) error {
	return func(b []byte) error {
		text := strings.Trim(string(bytes.TrimSpace(b)), `"`)
		v, err := strconv.ParseInt(text, 10, 64)
		if f, floatErr := strconv.ParseFloat(text, 64); err != nil && floatErr == nil && f == float64(int64(f)) {
			v, err = int64(f), nil
		}
		if err != nil || v < least {
			return fmt.Errorf("%s is not a whole number of at least %d", clip(b), least)
		}
		*to = &v
		return nil
	}
}

func duration(to **time.Duration) func([]byte) error {
	return func(b []byte) error {
		d, err := ParseDuration(strings.Trim(string(bytes.TrimSpace(b)), `"`))
		if err != nil {
			return err
		}
		*to = &d
		return nil
	}
}

// ParseDuration reads a duration as k6 does: "1h30m", "2d", or a number of
// milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	const longest = 10 * 365 * 24 * time.Hour
	if ms, err := strconv.ParseFloat(s, 64); err == nil && ms >= 0 && ms < float64(longest/time.Millisecond) {
		return time.Duration(ms * float64(time.Millisecond)), nil
	}
	var days time.Duration
	rest := s
	if n, after, ok := strings.Cut(s, "d"); ok {
		count, err := strconv.ParseInt(n, 10, 64)
		if err != nil || count < 0 || count > 3650 {
			return 0, fmt.Errorf("%q is not a duration: write it like 5m or 30s", s)
		}
		if days, rest = time.Duration(count)*24*time.Hour, after; rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > longest {
		return 0, fmt.Errorf("%q is not a duration: write it like 5m or 30s, or as a number of milliseconds", s)
	}
	return days + d, nil
}

func decodeStages(b []byte) ([]pace.Stage, error) {
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("want a list of {duration, target}")
	}
	out := make([]pace.Stage, 0, len(raw))
	for i, members := range raw {
		var d *time.Duration
		var target *int64
		for key, v := range members {
			var err error
			switch key {
			case "duration":
				err = duration(&d)(v)
			case "target":
				err = whole(&target, 0)(v)
			default:
				err = fmt.Errorf("there are only duration and target")
			}
			if err != nil {
				return nil, fmt.Errorf("stage %d: %s: %w", i+1, key, err)
			}
		}
		if d == nil || target == nil {
			return nil, fmt.Errorf("stage %d: needs both a duration and a target", i+1)
		}
		out = append(out, pace.Stage{Duration: *d, Target: *target})
	}
	return out, nil
}

func decodeThresholds(b []byte) (out []contest.Threshold, written map[string]string, err error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, nil, fmt.Errorf("want an object of metric: [expressions]")
	}
	out, written = []contest.Threshold{}, map[string]string{}
	for _, selector := range slices.Sorted(maps.Keys(raw)) {
		rules := []json.RawMessage{raw[selector]}
		if bytes.HasPrefix(bytes.TrimSpace(raw[selector]), []byte("[")) {
			rules = nil
			if err := json.Unmarshal(raw[selector], &rules); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", selector, err)
			}
		}
		for _, rule := range rules {
			t, expression, err := decodeThreshold(selector, rule)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, t)
			if selector != t.Selector() {
				written[t.Selector()] = trimSelector(selector)
			}
			if expression != t.Expression() {
				written[t.String()] = expression
			}
		}
	}
	return out, written, nil
}

// trimSelector takes the spaces at the ends of a selector's tags away, as k6 does.
func trimSelector(selector string) string {
	name, tags, selects := strings.Cut(strings.TrimSuffix(selector, "}"), "{")
	if !selects {
		return strings.TrimSpace(name)
	}
	return name + "{" + strings.TrimSpace(tags) + "}"
}

// decodeThreshold reads "p(95)<200" or {threshold, abortOnFail, delayAbortEval},
// and returns the expression as it is written, too.
func decodeThreshold(selector string, b []byte) (t contest.Threshold, expression string, err error) {
	var full struct {
		Threshold      string          `json:"threshold"`
		AbortOnFail    bool            `json:"abortOnFail"`
		DelayAbortEval json.RawMessage `json:"delayAbortEval"`
	}
	if err := json.Unmarshal(b, &full.Threshold); err != nil {
		if err := json.Unmarshal(b, &full); err != nil {
			return t, "", fmt.Errorf("%s: %s is neither an expression like \"p(95)<200\" nor {threshold, abortOnFail, delayAbortEval}", selector, clip(b))
		}
	}
	if t, err = contest.ParseThreshold(selector, full.Threshold); err != nil {
		return t, "", err
	}
	t.AbortOnFail = full.AbortOnFail
	if len(full.DelayAbortEval) > 0 && !isNull(full.DelayAbortEval) {
		var d *time.Duration
		if err := duration(&d)(full.DelayAbortEval); err != nil {
			return t, "", fmt.Errorf("%s: delayAbortEval: %w", selector, err)
		}
		t.DelayAbortEval = contest.Duration(*d)
	}
	return t, full.Threshold, nil
}

// decodeStrings reads an object of texts; numbers and booleans become text.
func decodeStrings(b []byte) (map[string]string, error) {
	var raw map[string]any
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("want an object of texts")
	}
	out := make(map[string]string, len(raw))
	for k, v := range raw {
		switch v := v.(type) {
		case string:
			out[k] = v
		case float64, bool:
			out[k] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s: want a text", k)
		}
	}
	return out, nil
}

// saysNothing reports whether a value is null, or an object of nulls, as k6's
// archives hold for what was not said.
func saysNothing(b []byte) bool {
	var members map[string]json.RawMessage
	if isNull(b) {
		return true
	}
	if json.Unmarshal(b, &members) != nil || len(members) == 0 {
		return false
	}
	for _, v := range members {
		if !isNull(v) {
			return false
		}
	}
	return true
}

func isNull(b []byte) bool { return string(bytes.TrimSpace(b)) == "null" }

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// clip shortens a value for a message.
func clip(b []byte) string {
	if len(b) > 60 {
		return strings.ToValidUTF8(string(b[:60]), "") + "…"
	}
	return string(b)
}
