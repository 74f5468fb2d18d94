package extension

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// ReportVersion is the version of the report's shape.
const ReportVersion = 1

type report struct {
	Version    int               `json:"version"`
	Team       string            `json:"team,omitempty"`
	Target     string            `json:"target,omitempty"`
	Passed     bool              `json:"passed"` // all thresholds held, and there are some
	Thresholds []reportThreshold `json:"thresholds"`
	Requests   float64           `json:"requests"`
	Failed     float64           `json:"failed"` // share of requests, 0 to 1
	P95        float64           `json:"p95"`    // ms
}

type reportThreshold struct {
	Threshold string `json:"threshold"` // "http_req_failed{scenario:steady}: rate<0.05"
	OK        bool   `json:"ok"`
}

// Report makes a short report, as indented JSON, of the data that k6 hands to
// handleSummary, itself as JSON.
func Report(data []byte, team, target string) ([]byte, error) {
	var in struct {
		Metrics map[string]struct {
			Values     map[string]float64 `json:"values"`
			Thresholds map[string]struct {
				OK bool `json:"ok"`
			} `json:"thresholds"`
		} `json:"metrics"`
	}
	if err := json.Unmarshal(data, &in); err != nil || in.Metrics == nil {
		return nil, errors.New("report() takes what handleSummary is given")
	}
	out := report{
		Version: ReportVersion, Team: team, Target: target, Passed: true, Thresholds: []reportThreshold{},
		Requests: in.Metrics["http_reqs"].Values["count"],
		Failed:   in.Metrics["http_req_failed"].Values["rate"],
		P95:      in.Metrics["http_req_duration"].Values["p(95)"],
	}
	for _, selector := range slices.Sorted(maps.Keys(in.Metrics)) {
		thresholds := in.Metrics[selector].Thresholds
		for _, expression := range slices.Sorted(maps.Keys(thresholds)) {
			ok := thresholds[expression].OK
			out.Passed = out.Passed && ok
			out.Thresholds = append(out.Thresholds, reportThreshold{selector + ": " + expression, ok})
		}
	}
	out.Passed = out.Passed && len(out.Thresholds) > 0
	return json.MarshalIndent(out, "", "  ")
}
