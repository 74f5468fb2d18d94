package web

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Longest texts that are shown, in characters.
const (
	shortText = 48  // a team's name in a table
	longText  = 120 // a team's name in a heading
	proseText = 600 // a sentence that may quote a team's answer
)

// words turns values into what people read, in one language.
type words struct {
	zone  *time.Location
	lang  string
	kinds []kind // of findings
	phrases
}

// shown returns untrusted text as one line of at most most characters, without
// what could disturb the page around it: control characters, marks that turn
// the reading direction, and towers of combining marks. Escaping for HTML is
// left to the template.
func shown(s string, most int) string {
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		marks++
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = n > 0
			continue
		case unicode.Is(unicode.Cf, r) && r != '\u200d': // keep the joiner, emoji need it
			continue
		case !unicode.Is(unicode.Mn, r):
			marks = 0
		case marks > 2:
			continue
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		if n >= most-1 {
			return strings.TrimRight(b.String(), " \u200d") + "…"
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// teamName returns what a team is called in at most most characters: its slug
// when it gave itself no name that can be seen.
func teamName(t contest.Team, most int) string {
	if name := shown(t.Name, most); strings.Trim(name, "\u200d\u3164\u2800 ") != "" {
		return name
	}
	return shown(string(t.Slug), most)
}

// webURL returns u when it is an absolute http or https URL, otherwise nothing.
func webURL(u string) string {
	parsed, err := url.Parse(u)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return ""
	}
	return parsed.String()
}

// number writes v with thousands grouped and at most two decimals.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 0):
		return map[bool]string{true: "∞", false: "−∞"}[v > 0]
	}
	digits := strconv.FormatFloat(math.Abs(v), 'f', 2, 64)
	whole, part, _ := strings.Cut(digits, ".")
	part = strings.TrimRight(part, "0")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part != "" {
		whole += "." + part
	}
	if v < 0 && whole != "0" {
		whole = "−" + whole
	}
	return whole
}

// amount writes v with its unit, which a narrow space keeps on its line.
func amount(v float64, unit string) string {
	if unit == "" {
		return number(v)
	}
	if v == 1 && len(unit) > 2 { // a word, and not "ms"
		unit = strings.TrimSuffix(unit, "s")
	}
	return number(v) + "\u202f" + shown(unit, 24)
}

// operator writes a comparison as it is printed in books.
func operator(op string) string {
	switch op {
	case "<=":
		return "≤"
	case ">=":
		return "≥"
	case "==", "===":
		return "="
	case "!=":
		return "≠"
	}
	return shown(op, 4)
}

// percent writes a share between 0 and 1.
func (w words) percent(share float64) string { return w.amount(100*share, "%") }

// span writes a duration as people say it: "1m30s", "850ms".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// when writes an instant in the contest's zone.
func (w words) when(t time.Time) string {
	layout := "2 Jan 15:04:05 MST"
	if w.lang == russian {
		layout = "02.01 15:04:05 MST"
	}
	return t.In(w.zone).Format(layout)
}

// number and amount write as the language does.
func (w words) number(v float64) string { return w.local(number(v)) }

func (w words) amount(v float64, unit string) string {
	if w.lang == english || unit == "" {
		return w.local(amount(v, unit))
	}
	return w.local(number(v)) + "\u202f" + w.say(shown(unit, 24))
}

// local writes a number that is in English as the language does.
func (w words) local(n string) string {
	if w.lang == russian {
		return strings.NewReplacer(",", "\u00a0", ".", ",").Replace(n)
	}
	return n
}

// stamp writes an instant for machines.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// users names a level: "50,000 users in 10m", "30 users per second".
func (w words) users(l contest.Level) string {
	if l.Unit() == time.Second {
		return w.say("%s users per second", w.number(float64(l.Users)))
	}
	return w.say("%s users in %s", w.number(float64(l.Users)), w.span(l.Unit()))
}

// about writes a duration as people guess it: "40s", "3m", "2h10m".
func (w words) about(d time.Duration) string {
	switch {
	case d < time.Minute:
		d = d.Round(10 * time.Second)
	case d < time.Hour:
		d = d.Round(time.Minute)
	default:
		d = d.Round(10 * time.Minute)
	}
	return w.span(d)
}

// span writes a duration as the language does.
func (w words) span(d time.Duration) string {
	if w.lang != russian {
		return span(d)
	}
	return strings.TrimSpace(strings.NewReplacer("ms", " мс", "h", " ч ", "m", " мин ", "s", " с", ".", ",").Replace(span(d)))
}

// metric reads a number out of a verdict's metrics, whatever type it has there.
func metric(metrics map[string]any, key string) (float64, bool) {
	switch v := metrics[key].(type) {
	case float64:
		return v, !math.IsNaN(v)
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case interface{ Float64() (float64, error) }: // json.Number
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// title names a criterion for people, briefly for the head of a column.
func (w words) title(c contest.Criterion) string {
	switch c {
	case contest.CodeRepo:
		return w.say("Code")
	case contest.DeployedSolution:
		return w.say("Deployed")
	case contest.EventSearch:
		return w.say("Search")
	case contest.ArchiveSearch:
		return w.say("Archive")
	case contest.AuthPerformance:
		return w.say("Auth")
	case contest.TicketBooking:
		return w.say("Booking")
	case contest.TicketCancellation:
		return w.say("Cancel")
	case contest.BudgetTracking:
		return w.say("Budget")
	case contest.JudgeScore:
		return w.say("Judges")
	}
	return shown(string(c), shortText)
}

// longTitle names a criterion for the head of a section.
func (w words) longTitle(c contest.Criterion) string {
	switch c {
	case contest.CodeRepo:
		return w.say("Source code")
	case contest.DeployedSolution:
		return w.say("Deployed solution")
	case contest.EventSearch:
		return w.say("Event search")
	case contest.ArchiveSearch:
		return w.say("Archive search")
	case contest.AuthPerformance:
		return w.say("Sign-in under load")
	case contest.TicketBooking:
		return w.say("Ticket booking")
	case contest.TicketCancellation:
		return w.say("Ticket cancellation")
	case contest.BudgetTracking:
		return w.say("Budget")
	case contest.JudgeScore:
		return w.say("Judges' score")
	}
	return shown(string(c), shortText)
}
