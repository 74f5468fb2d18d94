package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// SystemTags lists the system tags that are on when options.systemTags says
// nothing else.
func SystemTags() []string {
	return []string{
		"check", "error", "error_code", "expected_response", "group", "method", "name", "proto", "scenario", "service",
		"status", "subproto", "tls_version", "url",
	}
}

// TrendStats lists the statistics of a trend that a summary shows when
// options.summaryTrendStats says nothing else.
func TrendStats() []string { return []string{"avg", "min", "med", "max", "p(90)", "p(95)"} }

// Effective writes the options as a running script reads them in
// exec.test.options: a member for each option, null where nothing was said and
// there is no default, and scenarios in the place of the shortcuts that they came
// from. Unlike k6, which shows null, scenarios show what holds for them.
func (o Options) Effective(scenarios []Scenario) ([]byte, error) {
	if o.SystemTags == nil {
		o.SystemTags = SystemTags()
	}
	o.SystemTags = slices.Sorted(slices.Values(o.SystemTags))
	if o.SummaryTrendStats == nil {
		o.SummaryTrendStats = TrendStats()
	}
	said, err := o.JSON(scenarios, nil)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(said, &members); err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	for _, shortcut := range shortcuts() {
		delete(members, shortcut)
	}
	all := map[string]any{}
	known := o.fields()
	maps.Copy(known, o.networkFields())
	for key := range known {
		all[key] = nil
	}
	for _, key := range later() {
		all[key] = nil
	}
	for _, key := range append(shortcuts(), "cloud") { // as in k6
		delete(all, key)
	}
	dns := map[string]any{"ttl": nil, "select": nil, "policy": nil}
	if of, ok := members["dns"].(map[string]any); ok {
		maps.Copy(dns, of)
	}
	members["dns"] = dns
	maps.Copy(all, members)
	if len(o.Thresholds) == 0 {
		all["thresholds"] = nil
	}
	return json.Marshal(all)
}

// shortcuts lists the options that stand for one scenario.
func shortcuts() []string { return []string{"vus", "iterations", "duration", "stages"} }
