package evidence

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// account gathers the series of one subject until it is closed into evidence.
type account struct {
	subject    Subject
	thresholds map[string]*pair // by the threshold's name
	counters   []contest.Sample
	histogram  *contest.Histogram
	peakRPS    float64
	generators map[string]*contest.GeneratorHealth // by instance
	entered    int                                 // series that came in
	gaps       []string
}

type pair struct{ within, samples float64 }

func open(subjects []Subject) map[contest.TestID]*account {
	accounts := make(map[contest.TestID]*account, len(subjects))
	for _, s := range subjects {
		accounts[s.Run.TestID] = &account{
			subject:    s,
			thresholds: map[string]*pair{},
			generators: map[string]*contest.GeneratorHealth{},
		}
	}
	return accounts
}

func (a *account) gap(format string, args ...any) {
	a.gaps = append(a.gaps, fmt.Sprintf(format, args...))
}

// enter takes one series. Numbers that are none are gaps: they would poison
// every sum that they enter.
func (a *account) enter(q question, s contest.Sample) {
	a.entered++
	if s.Histogram == nil && !finite(s.Value) {
		a.gap("the %s of %q is %v", q.name, s.Labels["__name__"], s.Value)
		return
	}
	q.take(a, s)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (a *account) threshold(s contest.Sample) {
	name := s.Labels["threshold"]
	if a.thresholds[name] == nil {
		a.thresholds[name] = &pair{}
	}
	if s.Labels["__name__"] == "k6_threshold_within_total" {
		a.thresholds[name].within += s.Value
	} else {
		a.thresholds[name].samples += s.Value
	}
}

func (a *account) counter(s contest.Sample) { a.counters = append(a.counters, s) }

func (a *account) peak(s contest.Sample) { a.peakRPS = s.Value }

// latency keeps the judged phase of this script; the question covers those of
// all scripts.
func (a *account) latency(s contest.Sample) {
	if s.Labels["scenario"] != judgedPhase(a.subject.Script) {
		return
	}
	if s.Histogram == nil {
		a.gap("the latency came as a number: the metric store keeps no native histograms")
		return
	}
	a.histogram = s.Histogram
}

func (a *account) generator(s contest.Sample) *contest.GeneratorHealth {
	instance := s.Labels["instance_id"]
	if a.generators[instance] == nil {
		a.generators[instance] = &contest.GeneratorHealth{Instance: instance}
	}
	return a.generators[instance]
}

func health(set func(*contest.GeneratorHealth, float64)) func(*account, contest.Sample) {
	return func(a *account, s contest.Sample) { set(a.generator(s), s.Value) }
}

func (a *account) state(s contest.Sample) {
	g := a.generator(s)
	switch s.Labels["__name__"] {
	case "k6_vus_max":
		g.MaxVUs = s.Value
	case "k6_generator_dropped_writes_total":
		g.DroppedWrites = s.Value
	case "k6_generator_finished":
		g.Finished = s.Value == 1
	}
}

// close makes the evidence of what has come in.
func (a *account) close(f form) (contest.Evidence, error) {
	s := a.subject
	queries, err := f.asked(s.Run.TestID)
	if err != nil {
		return contest.Evidence{}, err
	}
	e := contest.Evidence{
		Version: contest.EvidenceVersion,
		Run:     s.Run.ID, TestID: s.Run.TestID, Team: s.Run.Team.Slug,
		Criterion: s.Run.Criterion, Scenario: s.Run.Scenario, Level: s.Run.Level, Endpoint: withoutUser(s.Run.Team.Shown().Endpoint),
		Window: contest.Window{From: s.Launch.Started.UTC(), To: s.Launch.Ended.UTC()},
		Script: s.Script, ConfigHash: s.ConfigHash, Preflight: s.Preflight.Shown(s.Run.Team), Launch: s.Launch.Shown(s.Run.Team),
		Thresholds: a.thresholdCounts(),
		Counts:     a.counts(),
		Latency:    a.distribution(),
		Generators: []contest.GeneratorHealth{},
		Queries:    queries,
	}
	for _, instance := range slices.Sorted(maps.Keys(a.generators)) {
		e.Generators = append(e.Generators, *a.generators[instance])
	}
	a.lookForGenerators(f.at)
	a.lookForLatency(e)
	e.Gaps = a.gaps
	return e, nil
}

// withoutUser returns an endpoint as anyone may read it: evidence is public, and
// credentials in a URL are not.
func withoutUser(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	if u.User == nil {
		return endpoint
	}
	u.User = nil
	return u.String()
}

// asked lists the queries cut down to one run: they give the same values, and
// the record of a run does not carry the testids of all others.
func (f form) asked(testid contest.TestID) ([]contest.AskedQuery, error) {
	var out []contest.AskedQuery
	for _, q := range questions() {
		text, err := f.write(q, []contest.TestID{testid})
		if err != nil {
			return nil, err
		}
		out = append(out, contest.AskedQuery{Name: q.name, PromQL: text, At: f.at.UTC()})
	}
	return out, nil
}

// lookForGenerators notes who is missing. A sum is complete only when every
// generator's last flush has arrived.
func (a *account) lookForGenerators(at time.Time) {
	launch := a.subject.Launch
	if at.Before(launch.Ended) {
		a.gap("the metrics were asked for %s before the run ended", launch.Ended.Sub(at))
	}
	if a.entered == 0 {
		a.gap("no series of testid %s arrived", a.subject.Run.TestID)
		return
	}
	finished, silent := 0, []string{}
	for _, instance := range slices.Sorted(maps.Keys(a.generators)) {
		if a.generators[instance].Finished {
			finished++
		} else {
			silent = append(silent, fmt.Sprintf("%q", instance))
		}
	}
	want := max(1, launch.Generators)
	if finished != want {
		a.gap("%d generators reported their last flush, %d were launched", finished, want)
	}
	if len(silent) > 0 {
		a.gap("no last flush of generator %s arrived", strings.Join(silent, ", "))
	}
}
