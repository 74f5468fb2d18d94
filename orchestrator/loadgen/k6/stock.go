package k6

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

const (
	maxSummary = 16 << 20 // bytes
	lastWrite  = 30 * time.Second
)

// complete sends what stock k6 does not: the counts behind each rate, which its
// summary has, and the process's own account. That it arrives says that k6 sent
// its own last series before, unless the process was killed.
func (m *minder) complete(end ended) error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	w, err := output.NewRemoteWrite(output.RemoteWriteConfig{
		URL: m.variable(contest.WriteURLVariable), Token: m.variable(contest.WriteTokenVariable), Labels: m.order.labels,
	}, nil)
	if err != nil {
		return err
	}
	values := m.health(end)
	s, err := readSummary(m.order.summary)
	if err == nil && end.signal == "" {
		values = append(values, s.values()...)
		values = append(values, output.Value{Name: "generator_finished", Value: 1})
	}
	return errors.Join(err, w.Send(ctx, values))
}

func (m *minder) health(end ended) []output.Value {
	values := []output.Value{{Name: "generator_dropped_writes_total", Value: float64(m.watch.lost)}}
	if end.usage == nil || end.lasted <= 0 {
		return values
	}
	const kilo = 1024 // the kernel counts memory in KiB
	used := time.Duration(end.usage.Utime.Nano() + end.usage.Stime.Nano())
	cores := output.Cores()
	return append(values,
		output.Value{Name: "generator_cpu_ratio", Value: used.Seconds() / (end.lasted.Seconds() * cores)},
		output.Value{Name: "generator_heap_bytes", Value: float64(end.usage.Maxrss) * kilo})
}

// summary is what we read of k6's --summary-export: of a rate the true samples
// as passes and the others as fails, and its thresholds.
type summary struct {
	Metrics map[string]struct {
		Passes     *float64       `json:"passes"`
		Fails      *float64       `json:"fails"`
		Thresholds map[string]any `json:"thresholds"`
	} `json:"metrics"`
}

func readSummary(path string) (summary, error) {
	file, err := os.Open(path)
	if err != nil {
		return summary{}, fmt.Errorf("read k6's summary: %w", err)
	}
	defer file.Close()
	var s summary
	if err := json.NewDecoder(io.LimitReader(file, maxSummary)).Decode(&s); err != nil {
		return summary{}, fmt.Errorf("read k6's summary: %w", err)
	}
	return s, nil
}

// values are the exact counts of each rate's thresholds, and of each rate in
// those k6 scenarios that a threshold selects.
func (s summary) values() []output.Value {
	var out []output.Value
	for _, selector := range slices.Sorted(maps.Keys(s.Metrics)) {
		m := s.Metrics[selector]
		if m.Passes == nil || m.Fails == nil {
			continue
		}
		var tags map[string]string
		metric, _, _ := strings.Cut(selector, "{")
		for _, expression := range slices.Sorted(maps.Keys(m.Thresholds)) {
			t, err := contest.ParseThreshold(selector, expression)
			if err != nil {
				continue // k6 took it, the judge does not know it
			}
			tags = t.Tags
			labels := map[string]string{"threshold": t.String()}
			out = append(out,
				output.Value{Name: "threshold_within_total", Labels: labels, Value: *m.Passes},
				output.Value{Name: "threshold_samples_total", Labels: labels, Value: *m.Passes + *m.Fails})
		}
		if scenario, ok := tags["scenario"]; ok && len(tags) == 1 {
			labels := map[string]string{"scenario": scenario}
			out = append(out,
				output.Value{Name: metric + "_true_total", Labels: labels, Value: *m.Passes},
				output.Value{Name: metric + "_false_total", Labels: labels, Value: *m.Fails})
		}
	}
	return out
}
