package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

type runPage struct {
	RunRecord
	Progress *contest.Progress // while it is under load
	Rules    []contest.Finding // what was found of the service, the worst first
	Blame    *blame            // whether it was the load generator; nil before the verdict
	Remarks  []string          // what stands in no finding
	Over     *overTime
	Silent   bool // the metric store did not say how it went
	Lost     bool // it has gone by, and how it went is not known any more
	Bound    *contest.Threshold
	Chart    *chart
	Seats    []tile
}

// ruling is findings with the evidence that has their numbers.
type ruling struct {
	Findings []contest.Finding
	Evidence *contest.Evidence
}

func ruled(findings []contest.Finding, e *contest.Evidence) ruling { return ruling{findings, e} }

func latencyOf(e *contest.Evidence) *contest.Latency {
	if e == nil {
		return nil
	}
	return e.Latency
}

// tile is a number with its name, and what it means.
type tile struct {
	Name, Value, Means string
	Bad                bool
}

func (s *site) run(w http.ResponseWriter, r *http.Request, v view) error {
	rec, err := s.record(r, v)
	if err != nil {
		return err
	}
	page := runPage{RunRecord: rec}
	active, err := s.active(r.Context(), v)
	if err != nil {
		return err
	}
	for _, a := range active {
		if a.Run.ID == rec.Run.ID {
			page.Progress = &a.Progress
		}
	}
	words := s.words[s.languageOf(r)]
	page.judge(words)
	s.course(r, words, &page)
	heading := words.say("%s: %s, level %d", teamName(rec.Run.Team, shortText), words.longTitle(rec.Run.Criterion), rec.Run.LevelNo+1)
	return s.render(w, r, "run", frame{Title: heading, Live: true, Body: page})
}

// judge lays out what follows from evidence and verdict.
func (p *runPage) judge(w words) {
	p.Bound = latencyBound(p.RunRecord)
	if p.Verdict != nil {
		var ours []contest.Finding
		for _, f := range worstFirst(p.Verdict.Findings) {
			if ofGenerator(f.Rule) {
				ours = append(ours, f)
			} else {
				p.Rules = append(p.Rules, f)
			}
		}
		p.Blame = w.blame(p.RunRecord, ours)
	}
	if p.Evidence == nil {
		return
	}
	p.Chart = w.draw(p.Evidence.Latency, p.Bound)
	p.Remarks = w.remarks(p.RunRecord)
	p.Seats = w.seats(*p.Evidence)
}

// course finds out how the run went over time: from its evidence, or while that
// does not tell, from the metric store. The page is whole without.
func (s *site) course(r *http.Request, w words, p *runPage) {
	script := p.Script
	var course *contest.Course
	if p.Evidence != nil {
		script, course = p.Evidence.Script, p.Evidence.Course
	}
	if course == nil {
		var err error
		if course, err = s.courses.of(r.Context(), p.Run); err != nil {
			s.Log.WarnContext(r.Context(), "how a run goes over time is not shown", "run", p.Run.ID, "error", err)
			p.Silent = true
		}
	}
	p.Over = w.over(course, script, p.Bound)
	p.Lost = p.Over == nil && !p.Silent && p.Run.State == contest.RunJudged && p.Run.LaunchedAt != nil && s.Course != nil
}

// latencyBound is the rule about the latency of the judged phase that is in
// force, or before there is a verdict, that of the script.
func latencyBound(rec RunRecord) *contest.Threshold {
	rules := rec.Script.Thresholds
	if rec.Verdict != nil {
		rules = nil
		for _, f := range rec.Verdict.Findings {
			selector, expression, _ := strings.Cut(f.Rule, ": ")
			if t, err := contest.ParseThreshold(selector, expression); err == nil {
				rules = append(rules, t)
			}
		}
	}
	i := slices.IndexFunc(rules, func(t contest.Threshold) bool {
		phase, tagged := t.Tags["scenario"]
		return t.Metric == "http_req_duration" && t.IsTrend() && (t.Op == "<" || t.Op == "<=") && t.Bound > 0 &&
			(len(t.Tags) == 0 || len(t.Tags) == 1 && tagged && phase == judgedPhase)
	})
	if i < 0 {
		return nil
	}
	return &rules[i]
}

// remarks are what evidence says beside the findings.
func (w words) remarks(rec RunRecord) []string {
	e, said := *rec.Evidence, ""
	if rec.Verdict != nil {
		for _, f := range rec.Verdict.Findings {
			said += f.Sentence + "\n"
		}
	}
	var all []string
	add := func(before, sentence string) {
		if sentence != "" && !strings.Contains(said, sentence) {
			all = append(all, strings.TrimSpace(before+" "+sentence))
		}
	}
	add(w.say("Before the load:"), e.Preflight.Error)
	add(w.say("Before the load:"), e.Preflight.Finding)
	add(w.say("Load generators:"), e.Launch.Trouble)
	for _, gap := range e.Gaps {
		add("", gap)
	}
	return all
}
