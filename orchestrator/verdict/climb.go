package verdict

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// noisy is the spread between repeats of one level above which a finding says
// that they disagree.
const noisy = 1.5

// Links builds the addresses that the Hub shows beside a result. A nil func
// gives an empty address. The window is what is to be seen: one minute more on
// either side than was measured.
type Links struct {
	Team func(t contest.Team, c contest.Criterion, w contest.Window) string
	Run  func(r contest.Run, w contest.Window) string
}

// ClimbInput is a climb that is done.
type ClimbInput struct {
	Team    contest.Team
	Service contest.Service
	Ladder  LadderConfig
	Results []RunResult
	At      time.Time
	Links   Links
	Round   contest.RoundID
	Climb   contest.ClimbID
}

// Climb gives a team's verdict in one load criterion: passed when any level
// passed, with the score of the ladder. Where a level could not be measured the
// verdict is invalid and holds only what was passed below it.
func Climb(in ClimbInput) contest.Verdict {
	tried := levels(in.Ladder, in.Results)
	v := contest.Verdict{
		Team: in.Team, Service: in.Service.Key, Criterion: in.Service.Criterion, Round: in.Round, Climb: in.Climb,
		Status: contest.Failed, At: in.At, Invalid: Ladder(in.Ladder, in.Results).Invalid,
	}
	for _, run := range in.Results {
		v.Runs = append(v.Runs, run.Run.ID)
	}
	for _, level := range tried {
		if level.Outcome == contest.OutcomePassed {
			v.Status = contest.Passed
		}
		v.Findings = append(v.Findings, levelFindings(level)...)
	}
	if len(tried) == 0 || v.Invalid && v.Status != contest.Passed {
		v.Status, v.Invalid = contest.NoData, true
		v.Metrics = map[string]any{}
		return v
	}
	v.Score = score(in.Ladder, tried)
	v.Metrics = metrics(in, tried, v.Status)
	return v
}

// NoData is the verdict on a team that gave nothing to measure. It clears what
// the Hub held of it.
func NoData(team contest.Team, service contest.Service, reason string, at time.Time) contest.Verdict {
	return contest.Verdict{
		Team: team, Service: service.Key, Criterion: service.Criterion, Status: contest.NoData, At: at,
		Metrics:  map[string]any{},
		Findings: []contest.Finding{{Rule: "data", Outcome: contest.OutcomeFailed, Sentence: reason}},
	}
}

// Refused is the verdict on a team whose data cannot be used, so that nothing
// could be tried: failed, with the reason.
func Refused(team contest.Team, service contest.Service, reason string, at time.Time) contest.Verdict {
	v := NoData(team, service, reason, at)
	v.Status = contest.Failed
	v.Metrics = metrics(ClimbInput{Team: team, Service: service}, nil, v.Status)
	return v
}

// levelFindings gives the level's own finding and those of the run that stands
// for it.
func levelFindings(r LevelResult) []contest.Finding {
	rule := fmt.Sprintf("level %d", r.LevelNo+1)
	passed := 0
	for _, run := range r.Runs {
		if run.Verdict.Outcome == contest.OutcomePassed {
			passed++
		}
	}
	findings := []contest.Finding{{
		Rule: rule, Outcome: r.Outcome, Value: float64(passed), Bound: float64(len(r.Runs)), Unit: "runs",
		Sentence: fmt.Sprintf("Level %d (%s users per %s): %d of %d runs passed.",
			r.LevelNo+1, number(float64(r.Level.Users)), r.Level.Unit(), passed, len(r.Runs)),
	}}
	if r.Outcome == contest.OutcomeInvalid && slices.ContainsFunc(r.Runs, RunResult.unusable) {
		findings[0].Sentence += " The script cannot be used as it is, so nothing was run again in this round."
	}
	if spread := r.spread(); spread > noisy {
		findings = append(findings, contest.Finding{
			Rule: rule + " spread", Outcome: contest.OutcomeWarning, Value: round(spread, 3), Bound: noisy, Op: "<=",
			Sentence: fmt.Sprintf("The p95 of its runs differs by a factor of %s: these numbers are noisy.", plain(round(spread, 2))),
		})
	}
	return append(findings, r.median().Verdict.Findings...)
}

// score adds up what was passed. It is never negative and always whole, as the
// Hub's column is.
func score(cfg LadderConfig, tried []LevelResult) int {
	if cfg.Rule == "walk" {
		return walkScore(tried[0])
	}
	total := 0
	for _, level := range tried {
		if level.Outcome != contest.OutcomePassed {
			continue
		}
		if cfg.Score == "highest" {
			total = level.Level.Points
			continue
		}
		total += level.Level.Points
	}
	return total
}

// walkScore gives half of the points for a complete walk and half by the share
// of its requests that were answered as expected.
func walkScore(level LevelResult) int {
	e := level.median().Evidence
	half := level.Level.Points / 2
	points := int(math.Round(float64(half) * successShare(e, walk) / 100))
	if e.Count("http_reqs", walk) >= expectedRequests {
		points += level.Level.Points - half
	}
	return points
}

// window covers all evidence of the runs and a minute on either side.
func window(runs ...RunResult) contest.Window {
	var w contest.Window
	for _, run := range runs {
		from, to := run.Evidence.Window.From, run.Evidence.Window.To
		if from.IsZero() || to.IsZero() {
			continue
		}
		if w.From.IsZero() || from.Before(w.From) {
			w.From = from
		}
		if to.After(w.To) {
			w.To = to
		}
	}
	if w.From.IsZero() {
		return w
	}
	return contest.Window{From: w.From.Add(-time.Minute), To: w.To.Add(time.Minute)}
}
