package verdict

import (
	"fmt"
	"math"
	"slices"

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
			Sentence: fmt.Sprintf("The samples of %s were not counted against this bound, and it cannot be told without.", t.Selector())})
	case count.Samples <= 0:
		j.silent(t)
	case t.IsTrend():
		j.trend(t, count)
	default:
		j.rate(t, count)
	}
}

// count finds the exact account of a threshold: the generators' own, or for a
// threshold that the script did not declare, one from the totals. It reports
// whether there is one; a counter that was never added to has no series and is 0.
func (j *judgement) count(t contest.Threshold) (contest.ThresholdCount, bool) {
	for _, c := range j.e.Thresholds {
		if c.Threshold.String() == t.String() {
			return c, true
		}
	}
	c := contest.ThresholdCount{Threshold: t}
	scenario, tagged := t.Tags["scenario"]
	if len(t.Tags) > 1 || len(t.Tags) == 1 && !tagged {
		return c, false
	}
	total := func(name string) float64 {
		if tagged {
			return j.e.Count(name, scenario)
		}
		return j.e.Count(name)
	}
	switch {
	case t.Method == "count":
		c.Within = total(t.Metric)
		return c, true
	case t.Method == "rate":
		c.Within = total(t.Metric + "_true")
		c.Samples = c.Within + total(t.Metric+"_false")
		return c, true
	case tagged && scenario == j.rules.Judged && t.Metric == "http_req_duration" && j.e.Latency != nil:
		return fromBuckets(t, j.e.Latency)
	}
	return c, false
}

// fromBuckets counts a trend's samples by the merged histogram. The bucket that
// holds the bound is counted both ways: only when that changes nothing is there
// an account.
func fromBuckets(t contest.Threshold, l *contest.Latency) (contest.ThresholdCount, bool) {
	least, most := 0.0, 0.0
	for _, b := range l.Buckets {
		low, high := t.Within(math.Nextafter(b.Low, math.Inf(1))), t.Within(b.High)
		if low && high {
			least += b.Count
		}
		if low || high {
			most += b.Count
		}
	}
	c := contest.ThresholdCount{Threshold: t, Within: least, Samples: l.Samples}
	return c, t.HoldsByCount(least, l.Samples) == t.HoldsByCount(most, l.Samples)
}

// silent judges a threshold that has no samples. It never passes. Iterations
// that were started and never ended are the service's silence, and so are those
// that never came to the request that the rule is about; without any, it is
// ours. A run that was ended early may have been ended before the first sample.
func (j *judgement) silent(t contest.Threshold) {
	name := t.Tags["scenario"]
	if name == "" {
		name = j.rules.Judged
	}
	f := contest.Finding{Rule: t.String(), Outcome: contest.OutcomeInvalid, Bound: shownBound(t), Op: t.Op}
	f.Sentence = fmt.Sprintf("There are no samples of %s, so nothing can be said.", t.Selector())
	part := len(t.Tags) > 1 // of the k6 scenario's samples
	switch done := j.e.Count("iterations", name); {
	case j.e.Launch.Aborted:
		f.Outcome = contest.OutcomeWarning
		f.Sentence = fmt.Sprintf("There are no samples of %s: the run was ended before there could be.", t.Selector())
	case part && done > 0 && j.e.Count("http_reqs", name) > 0:
		f.Outcome = contest.OutcomeFailed
		f.Sentence = fmt.Sprintf("There are no samples of %s: none of %s iterations of %s came so far.", t.Selector(), number(done), name)
	case j.unfinished(name) > 0 && j.waited():
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

// counter judges a total. A counter that only the service can raise is proof
// once it is beyond an upper bound: more data cannot bring it back.
func (j *judgement) counter(t contest.Threshold, total float64) {
	f := contest.Finding{Rule: t.String(), Outcome: contest.OutcomePassed, Value: total, Bound: t.Bound, Op: t.Op}
	f.Sentence = fmt.Sprintf("%s, needs %s %s.", counted(t, total), opWords(t.Op), number(t.Bound))
	if !t.Holds(total) {
		f.Outcome = contest.OutcomeFailed
		upper := t.Op == "<" || t.Op == "<=" || (t.Op == "==" || t.Op == "===") && total > t.Bound
		j.proved = j.proved || upper && slices.Contains(j.rules.Proof, t.Metric)
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
