package web

import (
	"math"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// blame answers whether what was measured was the load generator and not the
// team's service.
type blame struct {
	Class    string // of the answer: passed, warning, invalid
	Answer   string
	Tiles    []tile
	Findings []contest.Finding
}

// ofGenerator reports whether a rule is about the load generators, not the service.
func ofGenerator(rule string) bool {
	return strings.HasPrefix(rule, "generator") || rule == "script"
}

// blame judges by the findings about the generators, and by those that say that
// we could not measure.
func (w words) blame(rec RunRecord, ours []contest.Finding) *blame {
	b := &blame{Class: "passed", Findings: ours}
	count := func(o contest.Outcome) (n int) {
		for _, f := range ours {
			if f.Outcome == o {
				n++
			}
		}
		return n
	}
	invalid := slices.ContainsFunc(rec.Verdict.Findings, func(f contest.Finding) bool { return f.Outcome == contest.OutcomeInvalid })
	switch {
	case invalid:
		b.Class, b.Answer = "invalid", w.say("It may have been. What could not be measured counts for nothing: the run says nothing about the team, and is repeated.")
		if rec.Verdict.Outcome == contest.OutcomeFailed {
			b.Answer = w.say("Parts could not be measured. What failed is proved without them.")
		}
	case len(ours) == 0 && (rec.Evidence == nil || len(rec.Evidence.Generators) == 0):
		b.Class, b.Answer = "none", w.say("No load was put on the service.")
	case count(contest.OutcomeWarning) > 0:
		b.Class, b.Answer = "warning", w.say("No, but it was near a limit. That alone decides nothing.")
	default:
		b.Answer = w.say("No. The load generators stayed within their limits.")
	}
	if rec.Evidence != nil && len(rec.Evidence.Generators) > 0 {
		b.Tiles = w.health(*rec.Evidence, ours)
	}
	return b
}

// health are the numbers of weight of the generators, of which there are some,
// each with its limit.
func (w words) health(e contest.Evidence, ours []contest.Finding) []tile {
	var tiles []tile
	bound := func(rule string) (float64, bool) {
		for _, f := range ours {
			if f.Rule == rule && f.Op != "" {
				return f.Bound, true
			}
		}
		return 0, false
	}
	cpu, late := 0.0, 0.0
	for _, g := range e.Generators {
		cpu, late = max(cpu, g.CPU), max(late, g.SchedLatency)
	}
	busiest := tile{Name: w.say("CPU of the busiest"), Value: w.amount(math.Round(100*cpu), "%")}
	if limit, ok := bound("generator cpu"); ok {
		busiest.Means, busiest.Bad = w.say("limit %s", w.amount(limit, "%")), 100*cpu > limit
	}
	tiles = append(tiles, busiest)
	if planned := float64(e.Script.Planned(judgedPhase)); planned > 0 {
		dropped := e.Count("dropped_iterations", judgedPhase)
		tiles = append(tiles, tile{Name: w.say("Dropped iterations"), Value: w.number(dropped), Bad: dropped > 0,
			Means: w.say("%s of %s planned were delivered", w.number(e.Count("iterations", judgedPhase)), w.number(planned))})
	}
	own := tile{Name: w.say("Its own delay"), Value: w.amount(1000*late, "ms"), Means: w.say("99 of 100 times less")}
	if e.Ceiling != nil {
		own.Means += "; " + w.say("an echo takes %s here", w.amount(e.Ceiling.Floor, "ms"))
	}
	tiles = append(tiles, own)
	if c := e.Ceiling; c != nil && c.RPS > 0 {
		tiles = append(tiles, tile{Name: w.say("Ceiling of one"), Value: w.number(math.Round(c.RPS)) + "\u202f" + w.say("requests/s"),
			Means: w.say("this level: %s arrivals/s of each", w.shortly(e.Level.Rate()/float64(max(1, e.Launch.Generators))))})
	}
	return tiles
}

// seats tells what became of the seats, nothing where the criterion has none.
func (w words) seats(e contest.Evidence) []tile {
	if e.Criterion != contest.TicketBooking && e.Criterion != contest.TicketCancellation {
		return nil
	}
	var tiles []tile
	say := func(name string, n float64, means string, bad bool) {
		tiles = append(tiles, tile{Name: name, Value: w.number(n), Means: means, Bad: bad})
	}
	made, failed := e.Count("successful_bookings"), e.Count("failed_bookings")
	if made+failed > 0 {
		say(w.say("Bookings"), made, w.say("of %s attempts", w.number(made+failed)), false)
		say(w.say("Conflicts"), e.Count("conflict_bookings"), w.say("another visitor was quicker (HTTP 419), and another seat was tried"), false)
	}
	if won, lost := e.Count("contention_selected"), e.Count("contention_refused"); won+lost > 0 {
		say(w.say("Reached for at one moment"), won+lost, w.say("tries of ten visitors each for the same seat, which one may get: %s did, %s were refused", w.number(won), w.number(lost)), false)
	}
	if gone := e.Count("cancelled_bookings"); gone+e.Count("failed_cancellations") > 0 {
		say(w.say("Cancelled bookings"), gone, w.say("of %s that were tried", w.number(gone+e.Count("failed_cancellations"))), false)
	}
	if unseen := e.Count("not_provable"); unseen > 0 {
		say(w.say("Reads that did not show what was sold"), unseen, w.say("so nobody can tell whether a seat was sold twice: that is not passed"), true)
	}
	twice, read := e.Count("double_sold_seats"), e.Count("verified_seats")
	if twice > 0 || read > 0 && e.Count("not_provable") == 0 {
		say(w.say("Seats sold twice"), twice, w.say("of %s seats that were read back from the visitors' bookings", w.number(read)), twice > 0)
	}
	if e.Criterion == contest.TicketCancellation {
		freed, kept, again := e.Count("seats_freed"), e.Count("seats_not_freed"), e.Count("double_freed_seats")
		if freed+kept+again > 0 {
			say(w.say("Seats given back"), freed, w.say("for sale again after their bookings were cancelled"), false)
			say(w.say("Stayed taken"), kept, w.say("although no booking holds them"), kept > 0)
			say(w.say("Sold too often after"), again, w.say("sales too many of a seat that was given back once"), again > 0)
		}
	}
	return tiles
}
