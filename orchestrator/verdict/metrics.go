package verdict

import (
	"fmt"
	"math"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// metrics builds exactly what the Hub's results page reads, in its units: times
// in milliseconds, shares in per cent, counts as integers. What is not known is
// left out: the page prints a null, and breaks on some.
func metrics(in ClimbInput, tried []LevelResult, status contest.Status) map[string]any {
	m := map[string]any{"testResults": []any{}}
	if len(tried) > 0 {
		entries := make([]any, 0, len(tried))
		for _, level := range tried {
			entries = append(entries, entry(in, level))
		}
		m["testResults"] = entries
	}
	decisive, ok := decisive(tried)
	summary(m, in, decisive, ok)
	describe(m, in, tried, status)
	return m
}

// decisive returns the level that the summary shows: the highest one passed, or
// the one that failed when none was.
func decisive(tried []LevelResult) (LevelResult, bool) {
	if len(tried) == 0 {
		return LevelResult{}, false
	}
	shown := tried[0]
	for _, level := range tried {
		if level.Outcome == contest.OutcomePassed {
			shown = level
		}
	}
	return shown, true
}

// summary fills the keys of the cell itself.
func summary(m map[string]any, in ClimbInput, shown LevelResult, measured bool) {
	var e contest.Evidence
	if measured {
		e = shown.median().Evidence
	}
	putP95(m, "p95", e)
	switch in.Service.Criterion {
	case contest.AuthPerformance:
		m["totalRequests"] = whole(e.Count("http_reqs", walk))
		m["expectedRequests"] = expectedRequests
		m["successRate"] = checksShare(e)
		m["checksRequired"] = checksRequired
		m["thresholdsMet"] = measured && shown.Outcome == contest.OutcomePassed
	case contest.TicketBooking:
		m["bookedTickets"] = whole(e.Count("successful_bookings"))
		m["successRate"] = bookingShare(e)
		m["doubleSoldSeats"] = mostDoubleSold(in.Results)
	case contest.TicketCancellation:
		m["bookedTickets"] = whole(e.Count("successful_bookings"))
		m["cancelledBookings"] = whole(e.Count("cancelled_bookings"))
		m["successRate"] = cancellationShare(e)
		m["doubleSoldSeats"] = mostDoubleSold(in.Results)
	default:
		m["successRate"] = successShare(e, steady)
	}
}

// entry is one level's row in testResults.
func entry(in ClimbInput, level LevelResult) map[string]any {
	run := level.median()
	e := run.Evidence
	passed := level.Outcome == contest.OutcomePassed
	row := map[string]any{
		"userSize":            level.Level.Users,
		"testPassed":          passed,
		"score":               0,
		"successRate":         successShare(e, steady),
		"totalRequests":       whole(e.Count("http_reqs", steady)),
		"errorCount":          errorCount(e),
		"peakRps":             peakRPS(e, level.Level),
		"grafanaDashboardUrl": runLink(in.Links, run),
		"testId":              string(run.Run.TestID),
	}
	if passed {
		row["score"] = level.Level.Points
	}
	putP95(row, "p95Latency", e)
	switch in.Service.Criterion {
	case contest.AuthPerformance:
		row["totalRequests"] = whole(e.Count("http_reqs", walk))
		row["successRate"] = checksShare(e)
	case contest.TicketBooking:
		row["successRate"] = bookingShare(e)
		row["successfulBookings"] = whole(e.Count("successful_bookings"))
		row["failedBookings"] = whole(e.Count("failed_bookings"))
		row["conflictBookings"] = whole(e.Count("conflict_bookings"))
		row["failedSeatRequests"] = whole(e.Count("failed_seat_requests"))
		row["doubleSoldSeats"] = whole(doubleSold(e))
	case contest.TicketCancellation:
		row["successRate"] = cancellationShare(e)
		row["successfulBookings"] = whole(e.Count("successful_bookings"))
		row["failedBookings"] = whole(e.Count("failed_bookings"))
		row["cancelledBookings"] = whole(e.Count("cancelled_bookings"))
		row["failedCancellations"] = whole(e.Count("failed_cancellations"))
		row["seatsFreed"] = whole(e.Count("seats_freed"))
		row["seatsNotFreed"] = whole(e.Count("seats_not_freed"))
		row["doubleSoldSeats"] = whole(doubleSold(e))
	}
	return row
}

// describe fills the link of the cell; all three are always strings.
func describe(m map[string]any, in ClimbInput, tried []LevelResult, status contest.Status) {
	subject := map[contest.Criterion]string{
		contest.EventSearch: "Поиск событий", contest.ArchiveSearch: "Поиск по архиву",
		contest.AuthPerformance: "Авторизация", contest.TicketBooking: "Бронирование билетов",
		contest.TicketCancellation: "Отмена бронирования",
	}[in.Service.Criterion]
	passed := 0
	for _, level := range tried {
		if level.Outcome == contest.OutcomePassed {
			passed++
		}
	}
	m["confirmationUrl"] = ""
	if in.Links.Team != nil {
		m["confirmationUrl"] = in.Links.Team(in.Team, in.Service.Criterion, window(in.Results...))
	}
	m["confirmationTitle"] = "Нагрузочное тестирование"
	m["confirmationDescription"] = fmt.Sprintf("%s: пройдено уровней: %d из %d", subject, passed, len(in.Ladder.Levels))
	if status == contest.Failed && len(tried) == 0 {
		m["confirmationDescription"] = subject + ": сервис недоступен"
	}
}

func runLink(l Links, run RunResult) string {
	if l.Run == nil {
		return ""
	}
	return l.Run(run.Run, window(run))
}

// putP95 leaves the key out when nothing was measured.
func putP95(m map[string]any, key string, e contest.Evidence) {
	if p := p95Of(e); p > 0 {
		m[key] = round(p, 1)
	}
}

// successShare returns the share of a k6 scenario's requests that did not fail,
// in per cent, cut to two decimals.
func successShare(e contest.Evidence, scenario string) float64 {
	for _, c := range e.Thresholds {
		if c.Threshold.Metric == "http_req_failed" && c.Threshold.Tags["scenario"] == scenario {
			return percent(c.Samples-c.Within, c.Samples)
		}
	}
	total := e.Count("http_reqs", scenario)
	return percent(total-unexpected(e, scenario), total)
}

// unexpected counts the requests that stock k6 labels as not expected.
func unexpected(e contest.Evidence, scenario string) float64 {
	var sum float64
	for _, c := range e.Counts {
		if c.Name == "http_reqs" && c.Scenario == scenario && c.Label == "false" {
			sum += c.Value
		}
	}
	return sum
}

// checksShare returns the share of the walk's checks that passed, in per cent.
func checksShare(e contest.Evidence) float64 {
	for _, c := range e.Thresholds {
		if c.Threshold.Metric == "checks" && c.Threshold.Tags["scenario"] == walk {
			return percent(c.Within, c.Samples)
		}
	}
	return successShare(e, walk)
}

// bookingShare returns bookings of bookings and failures, in per cent.
func bookingShare(e contest.Evidence) float64 {
	made := e.Count("successful_bookings")
	return percent(made, made+e.Count("failed_bookings"))
}

// cancellationShare returns cancellations of all attempts to cancel, in per
// cent; of a run that was ended before anyone cancelled, its share of bookings.
func cancellationShare(e contest.Evidence) float64 {
	done, failed := e.Count("cancelled_bookings"), e.Count("failed_cancellations")
	if done+failed == 0 {
		return bookingShare(e)
	}
	return percent(done, done+failed)
}

// doubleSold counts the sales too many of a seat: at once, or after it was
// given back once.
func doubleSold(e contest.Evidence) float64 {
	return e.Count("double_sold_seats") + e.Count("double_freed_seats")
}

// errorCount counts the judged phase's failed requests.
func errorCount(e contest.Evidence) int {
	for _, c := range e.Thresholds {
		if c.Threshold.Metric == "http_req_failed" && c.Threshold.Tags["scenario"] == steady {
			return whole(c.Within)
		}
	}
	return whole(unexpected(e, steady))
}

// peakRPS returns the highest request rate that was seen, or the mean of the
// judged phase, which is flat.
func peakRPS(e contest.Evidence, level contest.Level) float64 {
	if peak := e.Count("peak_rps"); peak > 0 {
		return round(peak, 1)
	}
	seconds := level.Duration.D().Seconds()
	if seconds <= 0 {
		return 0
	}
	return round(e.Count("http_reqs", steady)/seconds, 1)
}

func mostDoubleSold(results []RunResult) int {
	most := 0
	for _, run := range results {
		most = max(most, whole(doubleSold(run.Evidence)))
	}
	return most
}

// whole turns a total into the integer that the Hub wants; its columns and page
// know no more than 32 bits.
func whole(v float64) int {
	return int(math.Round(min(max(finite(v), 0), math.MaxInt32)))
}
