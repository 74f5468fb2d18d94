package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// overTime is how a run went, drawn: graphs of one time axis, and beneath them
// what was planned. All places are shares of the drawing in percent, so that the
// text keeps its size however wide the page is.
type overTime struct {
	Graphs []graph
	Phases []phase
	Axis   []mark // of time
	Rows   []courseRow
	Judged bool // the judged phase is marked
	Window time.Duration
}

type graph struct {
	ID, Title, About string
	Lines            []line
	Y                []mark
	Bound            *mark
	Shade            *bandX
	Spots            []spot
}

// line is one value over time, in pieces where it was not there all the time.
type line struct {
	Class, Name, Most string
	Pieces            []string // points of polylines in 1000 × 100
}

type mark struct {
	At    float64 // percent
	Label string
}

type bandX struct{ X, W float64 }

// spot is a moment of a graph that tells its values to a pointer.
type spot struct {
	X, W float64
	Text string
}

// phase is a k6 scenario as it was planned.
type phase struct {
	bandX
	Name   string
	Judged bool
	Late   bool // its name stands at its end, there is no room behind it
	No     int
}

// courseRow is a moment as text.
type courseRow struct{ At, P50, P95, RPS, Failed, VUs string }

// value is one line of a graph to be.
type value struct {
	class, name string
	of          func(contest.CoursePoint) float64 // NaN: there is none
	say         func(words, float64) string
}

// graphAt is a graph with the axis that it shares.
type graphAt struct {
	G    graph
	Axis []mark
}

func pair(g graph, axis []mark) graphAt { return graphAt{g, axis} }

// End is where the phase ends.
func (b bandX) End() float64 { return round1(b.X + b.W) }

// rowHeight is of a phase, in pixels.
const rowHeight = 24

func rowAt(no int) int { return no * rowHeight }

// judgedPhase is the k6 scenario that rules are about.
const judgedPhase = "steady"

// over draws a course; nil when there is nothing to draw.
func (w words) over(c *contest.Course, script contest.Script, bound *contest.Threshold) *overTime {
	if c == nil || len(c.Points) == 0 {
		return nil
	}
	last := c.Points[len(c.Points)-1].At
	// Stages are planned from the generators' start, which is a moment after the
	// launch: one step before the first measurement, as near as can be told.
	began := max(0, c.Points[0].At-c.Step.D().Seconds())
	t := canvas{words: w, course: c, end: max(last, began+script.Length().Seconds())}
	if !(t.end > 0) || math.IsInf(t.end, 0) {
		return nil
	}
	o := &overTime{Axis: t.axis(), Window: c.Window.D()}
	stages := slices.SortedStableFunc(slices.Values(script.Scenarios), func(a, b contest.ScriptScenario) int { return cmp.Compare(a.Start, b.Start) })
	for i, s := range stages {
		from := began + s.Start.D().Seconds()
		p := phase{bandX: t.band(from, from+s.Duration.D().Seconds()), Name: shown(s.Name, 24), Judged: s.Name == judgedPhase, No: i}
		p.Late = p.X > 60
		if p.Judged {
			t.shade, o.Judged = &bandX{p.X, p.W}, true
		}
		o.Phases = append(o.Phases, p)
	}
	o.Graphs = []graph{
		t.latency(bound),
		t.draw(graph{ID: "requests", Title: w.say("Requests per second")}, 1,
			value{"first", w.say("requests"), func(p contest.CoursePoint) float64 { return p.RPS }, words.shortly},
			value{"wrong", w.say("failed"), func(p contest.CoursePoint) float64 { return p.Failed }, words.shortly}),
		t.draw(graph{ID: "users", Title: w.say("Virtual users at work")}, 1,
			value{"first", w.say("virtual users"), func(p contest.CoursePoint) float64 { return p.VUs }, words.shortly}),
	}
	for _, p := range c.Points {
		o.Rows = append(o.Rows, courseRow{At: clock(p.At), P50: w.shortly(measured(p.P50)), P95: w.shortly(measured(p.P95)),
			RPS: w.shortly(p.RPS), Failed: w.shortly(p.Failed), VUs: w.shortly(p.VUs)})
	}
	return o
}

// measured is a latency, or NaN where no request was answered.
func measured(ms float64) float64 {
	if ms <= 0 {
		return math.NaN()
	}
	return ms
}

// canvas is what the graphs of one course share.
type canvas struct {
	words
	course *contest.Course
	end    float64 // seconds
	shade  *bandX
}

func (t canvas) x(seconds float64) float64 { return round1(100 * min(1, max(0, seconds/t.end))) }

func (t canvas) band(from, to float64) bandX {
	x := t.x(from)
	return bandX{x, round1(max(0.4, t.x(to)-x))}
}

// latency draws p95 and p50 with the bound of the rule, unless that is so far
// above that it would press them flat.
func (t canvas) latency(bound *contest.Threshold) graph {
	values := []value{
		{"first", "p95", func(p contest.CoursePoint) float64 { return measured(p.P95) }, words.shortMillis},
		{"second", "p50", func(p contest.CoursePoint) float64 { return measured(p.P50) }, words.shortMillis},
	}
	top := t.most(values...)
	g := graph{ID: "over-latency"}
	ms := 0.0
	if bound != nil {
		ms = bound.Bound
		if ms <= 4*top {
			top = max(top, ms)
		} else {
			g.About = t.say("The bound of %s is far above.", t.duration(ms))
		}
	}
	unit := 1.0
	g.Title = t.say("Latency, ms")
	if top >= 1500 {
		unit, g.Title = 1000, t.say("Latency, s")
	}
	if bound != nil && g.About == "" {
		g.Bound = &mark{At: ms / unit, Label: t.say("bound %s", t.duration(ms))}
	}
	return t.draw(g, unit, values...)
}

// most is the highest of all values.
func (t canvas) most(values ...value) float64 {
	top := 0.0
	for _, v := range values {
		for _, p := range t.course.Points {
			if n := v.of(p); n > top && !math.IsInf(n, 0) {
				top = n
			}
		}
	}
	return top
}

// draw lays out the values on an axis from zero, in units of so much. The
// graph's bound comes as a value and goes as a place.
func (t canvas) draw(g graph, unit float64, values ...value) graph {
	top := t.most(values...) / unit
	if g.Bound != nil {
		top = max(top, g.Bound.At)
	}
	step := niceStep(top / 3)
	top = step * math.Ceil(top/step*1.001)
	y := func(v float64) float64 { return 100 - 100*min(1, max(0, v/top)) }
	for i := 0; float64(i)*step <= top*1.001; i++ {
		g.Y = append(g.Y, mark{round1(y(float64(i) * step)), t.number(float64(i) * step)})
	}
	if g.Bound != nil {
		g.Bound = &mark{round1(y(g.Bound.At)), g.Bound.Label}
	}
	g.Shade = t.shade
	for _, v := range values {
		g.Lines = append(g.Lines, t.line(v, unit, y))
	}
	half := t.course.Step.D().Seconds() / 2
	for _, p := range t.course.Points {
		said := []string{clock(p.At)}
		for _, v := range values {
			said = append(said, v.name+" "+v.say(t.words, v.of(p)))
		}
		x := t.x(p.At - half)
		g.Spots = append(g.Spots, spot{x, round1(t.x(p.At+half) - x), strings.Join(said, ", ")})
	}
	return g
}

func (t canvas) line(v value, unit float64, y func(float64) float64) line {
	l := line{Class: v.class, Name: v.name}
	var piece []string
	end := func() {
		if len(piece) == 1 { // a moment alone would not be seen
			x, at, _ := strings.Cut(piece[0], ",")
			from, _ := strconv.ParseFloat(x, 64)
			piece = append(piece, fmt.Sprintf("%g,%s", from+4, at))
		}
		if len(piece) > 0 {
			l.Pieces = append(l.Pieces, strings.Join(piece, " "))
		}
		piece = nil
	}
	for _, p := range t.course.Points {
		n := v.of(p)
		if math.IsNaN(n) || math.IsInf(n, 0) {
			end()
			continue
		}
		piece = append(piece, fmt.Sprintf("%g,%g", 10*t.x(p.At), round1(y(n/unit))))
	}
	end()
	l.Most = v.say(t.words, t.most(v))
	return l
}

// axis marks round moments, six at most.
func (t canvas) axis() []mark {
	step := 3600.0
	for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800} {
		if t.end/s <= 6 {
			step = s
			break
		}
	}
	step *= math.Ceil(t.end / step / 6)
	var marks []mark
	for at := 0.0; at <= t.end; at += step {
		marks = append(marks, mark{t.x(at), clock(at)})
	}
	return marks
}

// niceStep is the round number at v or above: 1, 2, 2.5 or 5 and zeros.
func niceStep(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	ten := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 2.5, 5} {
		if n*ten >= v*0.999 {
			return n * ten
		}
	}
	return 10 * ten
}

// clock writes seconds as minutes and seconds.
func clock(seconds float64) string {
	s := int(math.Round(seconds))
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// shortly writes a measured number with as many digits as are of use.
func (w words) shortly(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		v = math.Round(v)
	case math.Abs(v) >= 10:
		v = math.Round(v*10) / 10
	}
	return w.number(v)
}

// duration writes milliseconds as people say them.
func (w words) duration(ms float64) string {
	if ms >= 1000 {
		return w.amount(ms/1000, "s")
	}
	return w.amount(ms, "ms")
}
