package verdict

import (
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// threshold judges one threshold by the exact counts of all generators.
func (j *judgement) threshold(t contest.Threshold) {
	count, counted := j.count(t)
	switch {
	case t.Method == "count":
		j.counter(t, count.Within)
	case !counted:
		j.add(contest.Finding{Rule: t.String(), Outcome: contest.OutcomeInvalid, Bound: shownBound(t), Op: t.Op,
			Sentence: fmt.Sprintf("No generator counted the samples of %s against this bound.", t.Selector())})
	case count.Samples <= 0:
		j.silent(t)
	case t.IsTrend():
		j.trend(t, count)
	default:
		j.rate(t, count)
	}
}

// count finds the account of a threshold. A counter that was never added to has
// no series, so it is looked for among the totals.
func (j *judgement) count(t contest.Threshold) (contest.ThresholdCount, bool) {
	for _, c := range j.e.Thresholds {
		if c.Threshold.String() == t.String() {
			return c, true
		}
	}
	total := j.e.Count(t.Metric)
	if name, tagged := t.Tags["scenario"]; tagged {
		total = j.e.Count(t.Metric, name)
	}
	return contest.ThresholdCount{Threshold: t, Within: total}, false
}

// silent judges a threshold that has no samples. It never passes. Iterations
// that were started and never ended are the service's silence; without any, it
// is ours.
func (j *judgement) silent(t contest.Threshold) {
	name := t.Tags["scenario"]
	if name == "" {
		name = j.rules.Judged
	}
	f := contest.Finding{Rule: t.String(), Outcome: contest.OutcomeInvalid, Bound: shownBound(t), Op: t.Op}
	f.Sentence = fmt.Sprintf("There are no samples of %s, so nothing can be said.", t.Selector())
	if j.unfinished(name) > 0 && j.waited() {
		f.Outcome = contest.OutcomeFailed
		f.Sentence = fmt.Sprintf("There are no samples of %s: no iteration of %s came to its end, the service kept all of them waiting.", t.Selector(), name)
	}
	j.add(f)
}

// trend decides p(N) by counting; the shown quantile only illustrates it.
func (j *judgement) trend(t contest.Threshold, c contest.ThresholdCount) {
	need, op := t.Percentile, ">="
	if t.Op == ">" || t.Op == ">=" {
		need, op = 100-t.Percentile, ">" // fewer than N % are on the wrong side
	}
	f := contest.Finding{Rule: t.String(), Outcome: contest.OutcomeFailed, Value: percent(c.Within, c.Samples), Bound: need, Op: op, Unit: "%"}
	f.Sentence = fmt.Sprintf("%s of %s %s (%s), needs %s %s %%.", number(c.Within), number(c.Samples),
		within(t), percentText(c.Within, c.Samples), opWords(op), plain(need))
	if q, ok := j.quantile(t); ok {
		f.Value, f.Bound, f.Op, f.Unit = round(q.Value, 3), t.Bound, t.Op, "ms"
		f.Sentence += fmt.Sprintf(" The %s is %s ms (between %s and %s ms).", t.Method, plain(round(q.Value, 1)), plain(round(q.Low, 1)), plain(round(q.High, 1)))
		if q.Low <= t.Bound && t.Bound <= q.High {
			f.Sentence += " That is too near to the bound to tell from the distribution; the count decides."
		}
	}
	if t.HoldsByCount(c.Within, c.Samples) {
		f.Outcome = contest.OutcomePassed
	}
	j.add(f)
}

// quantile returns the merged estimate of what t bounds, where there is one.
func (j *judgement) quantile(t contest.Threshold) (contest.Quantile, bool) {
	if j.e.Latency == nil || t.Metric != "http_req_duration" || t.Tags["scenario"] != j.rules.Judged || len(t.Tags) != 1 {
		return contest.Quantile{}, false
	}
	var q contest.Quantile
	switch t.Percentile {
	case 50:
		q = j.e.Latency.P50
	case 95:
		q = j.e.Latency.P95
	case 99:
		q = j.e.Latency.P99
	default:
		return q, false
	}
	return q, isFinite(q.Value) && isFinite(q.Low) && isFinite(q.High)
}

// rate compares the exact share, not the gauges of the generators.
func (j *judgement) rate(t contest.Threshold, c contest.ThresholdCount) {
	f := contest.Finding{Rule: t.String(), Outcome: contest.OutcomeFailed, Value: percent(c.Within, c.Samples), Bound: round(t.Bound*100, 6), Op: t.Op, Unit: "%"}
	f.Sentence = fmt.Sprintf("%s of %s %s (%s), needs %s %s %%.", number(c.Within), number(c.Samples),
		rated(t), percentText(c.Within, c.Samples), opWords(t.Op), plain(f.Bound))
	if c.Within <= c.Samples && t.Holds(c.Within/c.Samples) {
		f.Outcome = contest.OutcomePassed
	}
	j.add(f)
}

// counter judges a total. One beyond an upper bound is proof: more data cannot
// bring it back.
func (j *judgement) counter(t contest.Threshold, total float64) {
	f := contest.Finding{Rule: t.String(), Outcome: contest.OutcomePassed, Value: total, Bound: t.Bound, Op: t.Op}
	f.Sentence = fmt.Sprintf("%s is %s, needs %s %s.", t.Selector(), number(total), opWords(t.Op), number(t.Bound))
	if !t.Holds(total) {
		f.Outcome = contest.OutcomeFailed
		switch t.Op {
		case "<", "<=":
			j.proved = true
		case "==", "===":
			j.proved = j.proved || total > t.Bound
		}
	}
	j.add(f)
}

// shownBound is a threshold's bound in the unit of its finding.
func shownBound(t contest.Threshold) float64 {
	if t.Method == "rate" {
		return round(t.Bound*100, 6)
	}
	return t.Bound
}
