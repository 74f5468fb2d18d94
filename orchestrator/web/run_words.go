package web

import (
	"math"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// stateWord says what a run that is not judged is about to do.
func (w words) stateWord(s contest.RunState) string {
	switch s {
	case contest.RunPlanned:
		return w.say("This run waits for its turn.")
	case contest.RunLeased, contest.RunPrepared:
		return w.say("This run is about to begin: the service is asked whether it is there.")
	case contest.RunLaunched:
		return w.say("This run is under load. It is judged when its measurements have arrived.")
	case contest.RunEnded, contest.RunCollected:
		return w.say("The load is over. The run is judged when its measurements have arrived.")
	case contest.RunCancelled:
		return w.say("An organiser stopped this run. It counts for nothing.")
	}
	return ""
}

// near says why the count decides where the estimate of a quantile cannot.
func (w words) near(l *contest.Latency, bound *contest.Threshold) string {
	if l == nil || bound == nil {
		return ""
	}
	q, ok := map[float64]contest.Quantile{50: l.P50, 95: l.P95, 99: l.P99}[bound.Percentile]
	if !ok || q.Low > bound.Bound || q.High < bound.Bound {
		return ""
	}
	return w.say("The %s lies between %s and %s, and so does the bound of %s: this estimate cannot tell on which side it is. The count can, because each request was held against the bound when it was answered. The count decides.",
		shown(bound.Method, 12), w.amount(q.Low, "ms"), w.amount(q.High, "ms"), w.duration(bound.Bound))
}

// sentence says a finding in the language: as it was recorded, or where that is
// English and the evidence holds the numbers, in other words. spoken is the
// language of the answer.
func (w words) sentence(f contest.Finding, e *contest.Evidence) (s said) {
	if w.lang != english && e != nil {
		if text := w.findingOf(f, *e); text != "" {
			return said{text, w.lang}
		}
	}
	return w.finding(shown(f.Sentence, proseText))
}

// said is a text and its language.
type said struct{ Text, Lang string }

// findingOf words a finding anew; empty where its kind is not known.
func (w words) findingOf(f contest.Finding, e contest.Evidence) string {
	for _, c := range e.Thresholds {
		if c.Threshold.String() == f.Rule && (c.Samples > 0 || c.Threshold.Method == "count") {
			return w.counted(f, c)
		}
	}
	switch {
	case f.Rule == "delivered":
		return w.delivered(f, e)
	case f.Rule == "walk":
		return w.say("The authorisation walk made %s requests, needed: %s.", w.number(f.Value), w.number(f.Bound))
	case f.Rule == "preflight" && f.Outcome == contest.OutcomePassed:
		return w.say("The service answered the smoke test with status %s.", w.number(f.Value))
	case f.Rule == "provable" && f.Outcome == contest.OutcomePassed:
		return w.say("What was sold could be read back from the service.")
	case f.Rule == "provable" && f.Value > 0:
		return w.say("Not provable: the service did not show which seats were sold to whom.")
	}
	return w.ofGenerator(f, e)
}

func (w words) ofGenerator(f contest.Finding, e contest.Evidence) string {
	limit, value := w.amount(f.Bound, "%"), w.amount(f.Value, "%")
	switch {
	case f.Op == "":
		if f.Rule == "generator lost writes" {
			return w.say("Flushes of the load generators that were lost: %s. Later ones carried their totals.", w.number(f.Value))
		}
	case f.Rule == "generators finished":
		return w.say("%s of %s load generators reported to the end.", w.number(f.Value), w.number(f.Bound))
	case f.Rule == "generator cpu" && f.Outcome == contest.OutcomeInvalid:
		return w.say("The busiest load generator used %s of its CPU (limit %s). A busy generator measures itself: what looks slow may not be the service.", value, limit)
	case f.Rule == "generator cpu":
		return w.say("The busiest load generator used %s of its CPU (limit %s).", value, limit)
	case f.Rule == "generator ceiling" && e.Ceiling != nil:
		return w.say("The level asks for %s iterations a second of each load generator; one reached %s requests a second here.",
			w.number(f.Value), w.number(math.Round(e.Ceiling.RPS)))
	case f.Rule == "generator virtual users":
		return w.say("%s of a load generator's virtual users were in use, and iterations were dropped: %s.", value, w.number(e.Count("dropped_iterations", judgedPhase)))
	case f.Rule == "generator scheduling":
		return w.say("A load generator's own scheduler was %s late at times (limit %s).", w.amount(f.Value, "ms"), w.amount(f.Bound, "ms"))
	}
	return ""
}

func (w words) delivered(f contest.Finding, e contest.Evidence) string {
	text := w.say("%s of %s planned iterations were delivered (%s), needed at least %s.", w.number(e.Count("iterations", judgedPhase)),
		w.number(float64(e.Script.Planned(judgedPhase))), w.amount(f.Value, "%"), w.amount(f.Bound, "%"))
	switch {
	case f.Outcome == contest.OutcomePassed:
		return text
	case f.Outcome == contest.OutcomeWarning && e.Launch.Aborted:
		return text + " " + w.say("The run was ended early, because a rule could not be met any more.")
	case f.Outcome == contest.OutcomeFailed:
		return text + " " + w.say("The service answered slower than the bound, so what is missing counts as failures.")
	case e.Count("http_reqs") > 0:
		return text + " " + w.say("The service answered within the bound, so the load generators could not keep up.")
	}
	return ""
}

// counted says the exact count behind a threshold.
func (w words) counted(f contest.Finding, c contest.ThresholdCount) string {
	t := c.Threshold
	within, samples := w.number(c.Within), w.number(c.Samples)
	share := w.amount(math.Floor(c.Within*10000/max(1, c.Samples))/100, "%") // cut, so that no bound looks reached that is not
	switch {
	case t.Method == "count":
		name := shown(t.Selector(), 60)
		switch t.Metric {
		case "double_sold_seats":
			name = w.say("Seats sold twice")
		case "double_freed_seats":
			name = w.say("Sold too often after")
		case "seats_not_freed":
			name = w.say("Stayed taken")
		case "not_provable":
			name = w.say("Reads that did not show what was sold")
		}
		return name + ": " + within + ", " + w.say("needed: %s", operator(t.Op)+"\u00a0"+w.number(t.Bound)) + "."
	case t.IsTrend():
		return w.trend(c, within, samples, share)
	}
	needed := w.say("needed: %s", operator(t.Op)+"\u00a0"+w.amount(f.Bound, "%"))
	switch t.Metric {
	case "http_req_failed":
		return w.say("%s of %s requests failed: %s", within, samples, share) + ", " + needed + "."
	case "checks":
		return w.say("%s of %s checks passed: %s", within, samples, share) + ", " + needed + "."
	case "booking_success":
		return w.say("%s of %s attempts became bookings: %s", within, samples, share) + ", " + needed + "."
	case "cancel_success":
		return w.say("%s of %s cancellations succeeded: %s", within, samples, share) + ", " + needed + "."
	}
	return w.say("%s of %s samples were true: %s", within, samples, share) + ", " + needed + "."
}

func (w words) trend(c contest.ThresholdCount, within, samples, share string) string {
	t := c.Threshold
	need := w.say("needed: %s", "≥\u00a0"+w.amount(t.Percentile, "%"))
	if t.Op == ">" || t.Op == ">=" {
		need = w.say("needed: %s", ">\u00a0"+w.amount(100-t.Percentile, "%"))
	}
	if t.Metric != "http_req_duration" {
		return w.say("%s of %s samples are on the right side of the bound: %s", within, samples, share) + ", " + need + "."
	}
	bound := w.duration(t.Bound)
	switch t.Op {
	case "<":
		return w.say("%s of %s requests under %s: %s", within, samples, bound, share) + ", " + need + "."
	case "<=":
		return w.say("%s of %s requests within %s: %s", within, samples, bound, share) + ", " + need + "."
	}
	return w.say("%s of %s requests over %s: %s", within, samples, bound, share) + ", " + need + "."
}
