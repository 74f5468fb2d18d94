package loadgen

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

const evaluateEvery = 2 * time.Second

// thresholdsFailed says in words which thresholds do not hold.
func (e *engine) thresholdsFailed() []string {
	var failed []string
	for _, r := range e.agg.Evaluate() {
		if !r.OK {
			failed = append(failed, fmt.Sprintf("%s (is %.6g)", r.Threshold, r.Value))
		}
	}
	return failed
}

// watchThresholds ends the test when a threshold says so: it failed and has
// abortOnFail, or it is lost for certain and that is to end the test.
func (e *engine) watchThresholds(ctx context.Context) {
	ticker := time.NewTicker(evaluateEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		elapsed := e.config.Test.Elapsed()
		results := e.agg.Evaluate()
		e.tainted.Store(slices.ContainsFunc(results, func(r metric.ThresholdResult) bool { return !r.OK }))
		for _, r := range results {
			t := r.Threshold
			switch {
			case !r.OK && !r.NoSamples && t.AbortOnFail && elapsed >= t.DelayAbortEval.D():
				e.log.Error("a threshold failed, the test ends", "threshold", t.String(), "value", r.Value)
				e.stop(errCrossed)
			case e.flags.abortWhenLost && lost(r, e.upperBound(t)):
				e.log.Error("a threshold cannot be met any more, the test ends", "threshold", t.String(), "within", r.Within, "samples", r.Samples)
				e.stop(errLost)
			default:
				continue
			}
			return
		}
	}
}

// watched returns the account of samples per iteration that upperBound needs.
func (e *engine) watched(thresholds []contest.Threshold) *script.Watch {
	if !e.flags.abortWhenLost {
		return nil
	}
	var metrics []*metric.Metric
	for _, t := range thresholds {
		if m := e.registry.Lookup(t.Metric); m != nil && (m.Kind == metric.Rate || m.Kind == metric.Trend) && !slices.Contains(metrics, m) {
			metrics = append(metrics, m)
		}
	}
	var names []string
	for _, s := range e.scenarios {
		names = append(names, s.Name)
	}
	return script.NewWatch(metrics, names)
}

// upperBound is the most samples that the threshold's metric can have in the
// end: for each scenario, the planned iterations times the most samples that
// one iteration made so far. It is 0 when that cannot be said.
func (e *engine) upperBound(t contest.Threshold) float64 {
	m := e.registry.Lookup(t.Metric)
	if m == nil {
		return 0
	}
	return upperBound(e.scenarios, t, func(s options.Scenario) (planned, most int64) {
		return s.Planned(e.stripe), e.config.Test.SamplesPerIteration.Most(m, s.Name)
	})
}

func upperBound(scenarios []options.Scenario, t contest.Threshold, look func(options.Scenario) (planned, most int64)) float64 {
	var sum float64
	only, limited := t.Tags["scenario"]
	for _, s := range scenarios {
		if limited && s.Name != only {
			continue
		}
		planned, most := look(s)
		if planned == 0 || most == 0 {
			return 0
		}
		sum += float64(planned) * float64(most)
	}
	return sum
}

// lost reports whether the threshold fails whatever comes: even if every
// sample that is still to come is a good one. most bounds the samples of the
// whole test; 0 means that nothing can be said.
func lost(r metric.ThresholdResult, most float64) bool {
	t := r.Threshold
	if r.NoSamples || most <= 0 {
		return false
	}
	rest := max(most-r.Samples, 0)
	switch {
	case t.IsTrend() && (t.Op == "<" || t.Op == "<=" || t.Op == ">" || t.Op == ">="):
		return !t.HoldsByCount(r.Within+rest, r.Samples+rest)
	case t.Method == "rate" && (t.Op == ">" || t.Op == ">="):
		return !t.Holds((r.Within + rest) / (r.Samples + rest))
	case t.Method == "rate" && (t.Op == "<" || t.Op == "<="):
		return !t.Holds(r.Within / (r.Samples + rest))
	}
	return false
}
