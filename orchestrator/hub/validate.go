package hub

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	maxMetrics = 256 << 10 // bytes of JSON in one update
	maxDepth   = 16        // of nesting in metrics
)

// Validate reports what would make the Hub refuse u, or its results page crash
// over it. The error is a permanent *Error.
//
// The page reads metrics without guards, so the rules for what it reads are
// stricter than the Hub's own: no null anywhere, and numbers where it formats
// numbers.
func Validate(u contest.Update) error {
	_, err := encodeMetrics(u)
	return err
}

// encodeMetrics validates u and returns its metrics as JSON.
func encodeMetrics(u contest.Update) (json.RawMessage, error) {
	invalid := func(format string, args ...any) error {
		return &Error{Op: fmt.Sprintf("update %s/%s", clip(string(u.TeamSlug)), clip(string(u.CriteriaType))),
			Permanent: true, Message: "invalid: " + fmt.Sprintf(format, args...)}
	}
	switch {
	case !u.TeamSlug.Valid():
		return nil, invalid("the team's slug is none")
	case !u.CriteriaType.Valid():
		return nil, invalid("the criterion is unknown")
	case u.CriteriaType == contest.JudgeScore:
		return nil, invalid("the judges' score is not ours to write")
	case !u.Status.Valid():
		return nil, invalid("status %q is unknown", clip(string(u.Status)))
	case strings.TrimSpace(u.UpdatedBy) == "":
		return nil, invalid("updatedBy is empty")
	case u.Score < 0 || int64(u.Score) > math.MaxInt32:
		return nil, invalid("score %d is outside 0…%d", u.Score, math.MaxInt32)
	case u.Metrics == nil:
		return nil, invalid("metrics are missing; to clear them send an empty object")
	}
	encoded, err := json.Marshal(u.Metrics)
	if err != nil {
		return nil, invalid("metrics: %v", err)
	}
	if len(encoded) > maxMetrics {
		return nil, invalid("metrics are %d bytes, more than %d", len(encoded), maxMetrics)
	}
	// Check what will be sent, whatever Go types it was made of.
	var sent map[string]any
	if err := json.Unmarshal(encoded, &sent); err != nil {
		return nil, invalid("metrics: %v", err)
	}
	if err := checkMetrics(u.CriteriaType, sent); err != nil {
		return nil, invalid("%v", err)
	}
	return encoded, nil
}

func checkMetrics(criterion contest.Criterion, metrics map[string]any) error {
	if err := checkNulls("metrics", metrics, 0); err != nil {
		return err
	}
	for _, key := range []string{"confirmationUrl", "confirmationTitle", "confirmationDescription"} {
		if v, ok := metrics[key]; ok {
			if _, isText := v.(string); !isText {
				return fmt.Errorf("metrics.%s is not a string", key)
			}
		}
	}
	for _, key := range []string{"endpointResults", "testResults"} {
		entries, err := objects(metrics, key)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if key == "testResults" {
				err = checkTestResult(criterion, entry)
			}
			if err != nil {
				return fmt.Errorf("metrics.testResults[%d]: %w", i, err)
			}
		}
	}
	return nil
}

// checkNulls refuses null anywhere in v: the page prints it or falls over it.
func checkNulls(path string, v any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s is nested too deep", path)
	}
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is null; leave it out instead", path)
	case map[string]any:
		for key, inner := range v {
			if err := checkNulls(path+"."+clip(key), inner, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for i, inner := range v {
			if err := checkNulls(fmt.Sprintf("%s[%d]", path, i), inner, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// objects returns metrics[key] as a list of objects; a missing key is none.
func objects(metrics map[string]any, key string) ([]map[string]any, error) {
	v, ok := metrics[key]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("metrics.%s is not a list", key)
	}
	entries := make([]map[string]any, len(list))
	for i, element := range list {
		if entries[i], ok = element.(map[string]any); !ok {
			return nil, fmt.Errorf("metrics.%s[%d] is not an object", key, i)
		}
	}
	return entries, nil
}

// checkTestResult holds one entry of testResults to what the cell of its
// criterion formats as a number.
func checkTestResult(criterion contest.Criterion, entry map[string]any) error {
	need := map[contest.Criterion]string{
		contest.TicketBooking: "successRate", contest.TicketCancellation: "successRate",
		contest.EventSearch: "userSize", contest.ArchiveSearch: "userSize",
	}[criterion]
	if need == "userSize" && entry["testPassed"] != true {
		need = ""
	}
	for _, key := range []string{"successRate", "userSize"} {
		v, there := entry[key]
		if _, isNumber := v.(float64); !isNumber && (there || key == need) {
			return fmt.Errorf("%s must be a number", key)
		}
	}
	return nil
}
