package verdict

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// number writes a count with thousands separated: 19,012.
func number(v float64) string {
	text := strconv.FormatFloat(finite(v), 'f', -1, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}

// plain writes a number without trailing zeros.
func plain(v float64) string { return strconv.FormatFloat(finite(v), 'f', -1, 64) }

// percent returns the share in per cent, cut to two decimals: it never shows a
// bound as reached that is not. Without a whole it is 0.
func percent(part, whole float64) float64 {
	if whole <= 0 || !isFinite(part) || !isFinite(whole) {
		return 0
	}
	return math.Floor(part*10000/whole) / 100
}

func percentText(part, whole float64) string { return plain(percent(part, whole)) + " %" }

func round(v float64, decimals int) float64 {
	shift := math.Pow10(decimals)
	return finite(math.Round(v*shift) / shift)
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// finite keeps what JSON cannot carry out of findings.
func finite(v float64) float64 {
	if !isFinite(v) {
		return 0
	}
	return v
}

// within says what the counted samples of a trend did.
func within(t contest.Threshold) string {
	bound, requests := duration(t.Bound), "requests"
	if route := t.Tags["name"]; route != "" {
		requests = route + " " + requests
	}
	switch {
	case t.Metric != "http_req_duration":
		return fmt.Sprintf("samples of %s were %s %s", t.Selector(), opWords(t.Op), plain(t.Bound))
	case t.Op == "<":
		return requests + " were answered in under " + bound
	case t.Op == "<=":
		return requests + " were answered within " + bound
	}
	return requests + " were answered after " + bound
}

// rated says what the true samples of a rate are.
func rated(t contest.Threshold) string {
	switch t.Metric {
	case "http_req_failed":
		return "requests failed"
	case "checks":
		return "checks passed"
	case "booking_success":
		return "attempts became bookings"
	case "cancel_success":
		return "cancellations succeeded"
	}
	return "samples of " + t.Selector() + " were true"
}

// counted says what a counter's total means.
func counted(t contest.Threshold, total float64) string {
	switch t.Metric {
	case "double_sold_seats":
		return "Seats sold twice: " + number(total)
	case "double_freed_seats":
		return "Sales too many of seats that were given back: " + number(total)
	case "seats_not_freed":
		return "Seats that stayed taken after they were given back: " + number(total)
	case "not_provable":
		return "Reads that did not show what was sold: " + number(total)
	}
	return t.Selector() + " is " + number(total)
}

func opWords(op string) string {
	switch op {
	case "<":
		return "less than"
	case "<=":
		return "at most"
	case ">":
		return "more than"
	case ">=":
		return "at least"
	case "!=":
		return "other than"
	}
	return "exactly"
}

// duration writes milliseconds as people say them: 2 s, 300 ms.
func duration(ms float64) string {
	if ms >= float64(time.Second.Milliseconds()) {
		return plain(ms/1000) + " s"
	}
	return plain(ms) + " ms"
}
