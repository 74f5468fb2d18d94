package evidence

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

//go:embed queries/*.promql
var queryFiles embed.FS

// question is one metric to ask for: the file queries/<name>.promql, and what
// to do with each series of the answer.
type question struct {
	name string
	take func(*account, contest.Sample)
}

func questions() []question {
	return []question{
		{"thresholds", (*account).threshold},
		{"counters", (*account).counter},
		{"latency", (*account).latency},
		{"peak_rps", (*account).peak},
		{"generator_cpu", health(func(g *contest.GeneratorHealth, v float64) { g.CPU = v })},
		{"generator_sched_latency", health(func(g *contest.GeneratorHealth, v float64) { g.SchedLatency = v })},
		{"generator_heap", health(func(g *contest.GeneratorHealth, v float64) { g.Heap = v })},
		{"generator_vus", health(func(g *contest.GeneratorHealth, v float64) { g.VUs = v })},
		{"generator_state", (*account).state},
	}
}

// form is what all queries of one collection have in common.
type form struct {
	templates *template.Template
	at        time.Time
	reach     time.Duration // back from at to before the first launch
	window    time.Duration // that a rate is taken over: some flushes long
	phases    []string      // the judged k6 scenarios of all scripts
	tags      []string      // tags that thresholds select counters by
}

func newForm(at time.Time, subjects []Subject) (form, error) {
	templates, err := template.New("").Option("missingkey=error").ParseFS(queryFiles, "queries/*.promql")
	if err != nil {
		return form{}, fmt.Errorf("read queries: %w", err)
	}
	first, window := subjects[0].Launch.Started, shortestWindow
	phases, tags := map[string]bool{}, map[string]bool{}
	for _, s := range subjects {
		if s.Launch.Started.Before(first) {
			first = s.Launch.Started
		}
		window = max(window, flushesInWindow*cmp.Or(s.PushInterval, usualPush))
		if phase := judgedPhase(s.Script); phase != "" {
			phases[phase] = true
		}
		for _, t := range s.Script.Thresholds {
			for tag := range t.Tags {
				tags[tag] = true
			}
		}
	}
	for _, always := range []string{"__name__", "testid", "scenario", "check", "expected_response"} {
		delete(tags, always) // the query names them already
	}
	seconds := math.Ceil(at.Sub(first).Seconds())
	return form{
		templates: templates, at: at, reach: time.Duration(seconds)*time.Second + margin,
		window: window, phases: slices.Sorted(maps.Keys(phases)), tags: slices.Sorted(maps.Keys(tags)),
	}, nil
}

// judgedPhase is the k6 scenario whose latency counts: "steady", or the only
// one that there is.
func judgedPhase(script contest.Script) string {
	for _, sc := range script.Scenarios {
		if sc.Name == "steady" {
			return sc.Name
		}
	}
	if len(script.Scenarios) == 1 {
		return script.Scenarios[0].Name
	}
	return ""
}

// write fills in a question for the given testids.
func (f form) write(q question, testids []contest.TestID) (string, error) {
	ids := make([]string, 0, len(testids))
	for _, id := range testids {
		ids = append(ids, string(id)) // no character of a valid testid means anything in a regex
	}
	phases := make([]string, 0, len(f.phases))
	for _, p := range f.phases {
		phases = append(phases, regexp.QuoteMeta(p))
	}
	var text strings.Builder
	err := f.templates.ExecuteTemplate(&text, q.name+".promql", map[string]string{
		"TestIDs": strings.Join(ids, "|"),
		"Range":   inSeconds(f.reach),
		"Window":  inSeconds(f.window),
		"Step":    inSeconds(max(f.window/5, f.reach/mostSteps)),
		"Phases":  inQuotes(strings.Join(phases, "|")),
		"Tags":    labelList(f.tags),
	})
	if err != nil {
		return "", fmt.Errorf("write query %s: %w", q.name, err)
	}
	return strings.TrimSpace(text.String()), nil
}

// A rate needs a few flushes, and a peak over a long round is looked for in
// mostSteps places at most: it is shown, never judged.
const (
	flushesInWindow = 3
	shortestWindow  = 3 * time.Second
	usualPush       = 5 * time.Second // k6's own default
	mostSteps       = 4000
)

// inSeconds writes a duration as PromQL does, rounded up to whole seconds.
func inSeconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds()))) + "s"
}

// inQuotes escapes text for the inside of a PromQL string, whose escapes are Go's.
func inQuotes(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}

var plainLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// labelList continues a list of labels; names that PromQL does not take bare
// are quoted.
func labelList(names []string) string {
	var list strings.Builder
	for _, name := range names {
		if !plainLabel.MatchString(name) {
			name = strconv.Quote(name)
		}
		list.WriteString(", " + name)
	}
	return list.String()
}

func testids(accounts map[contest.TestID]*account) []contest.TestID {
	return slices.Sorted(maps.Keys(accounts))
}
