package verdict

import (
	"cmp"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// LadderConfig is how a criterion's levels are climbed and scored.
type LadderConfig struct {
	Levels  []contest.Level
	Repeats int    // of each level; the majority decides
	Retries int    // how often one invalid repeat is run again
	Score   string // "sum" of the levels passed, or the "highest" one's points
	Rule    string // the criterion's named rule; "walk" scores by the walk
}

// RunResult is a judged run of a climb.
type RunResult struct {
	Run      contest.Run
	Evidence contest.Evidence
	Verdict  contest.RunVerdict
}

// unusable reports whether the run is invalid because of its script, so that
// running it again would end the same.
func (r RunResult) unusable() bool { return r.Evidence.Launch.Unusable != "" }

// Next is what a climb does next: one more run, or nothing because it is done.
type Next struct {
	Done    bool
	Invalid bool // done, because a level could not be measured
	LevelNo int
	Level   contest.Level
	Repeat  int // 0-based: which of the level's repeats
	Retry   int // how many invalid runs of this repeat came before
}

// LevelResult is what became of one level.
type LevelResult struct {
	LevelNo int
	Level   contest.Level
	Runs    []RunResult // one per repeat: the last of its retries
	// Outcome is passed, failed, invalid, or empty while it is undecided.
	Outcome contest.Outcome
}

// Ladder decides what to run next from what has been judged, in any order. A
// level is tried only after the one below it passed, and is decided as soon as
// a majority of its repeats agrees. A repeat that is invalid more often than
// Retries, or because its script cannot be used, ends the climb.
func Ladder(cfg LadderConfig, done []RunResult) Next {
	for no, level := range cfg.Levels {
		r := levelResult(cfg, no, done)
		next := Next{LevelNo: no, Level: level}
		switch r.Outcome {
		case contest.OutcomePassed:
			continue
		case contest.OutcomeFailed:
			next.Done = true
		case contest.OutcomeInvalid:
			next.Done, next.Invalid = true, true
		default:
			next.Repeat, next.Retry = undecided(r)
		}
		return next
	}
	return Next{Done: true, LevelNo: max(0, len(cfg.Levels)-1), Invalid: len(cfg.Levels) == 0}
}

// undecided returns the repeat that is missing, or the invalid one to run again.
func undecided(r LevelResult) (repeat, retry int) {
	for i, run := range r.Runs {
		if run.Run.Repeat != i {
			return i, 0
		}
		if run.Verdict.Outcome == contest.OutcomeInvalid {
			return i, run.Run.Retry + 1
		}
	}
	return len(r.Runs), 0
}

// levels returns the result of every level that was tried, in order.
func levels(cfg LadderConfig, done []RunResult) []LevelResult {
	var tried []LevelResult
	for no := range cfg.Levels {
		if r := levelResult(cfg, no, done); len(r.Runs) > 0 {
			tried = append(tried, r)
		}
	}
	return tried
}

func levelResult(cfg LadderConfig, no int, done []RunResult) LevelResult {
	r := LevelResult{LevelNo: no, Level: cfg.Levels[no]}
	last := map[int]RunResult{}
	for _, run := range done {
		if known, ok := last[run.Run.Repeat]; run.Run.LevelNo == no && (!ok || run.Run.Retry >= known.Run.Retry) {
			last[run.Run.Repeat] = run
		}
	}
	for _, run := range last {
		r.Runs = append(r.Runs, run)
	}
	slices.SortFunc(r.Runs, func(a, b RunResult) int { return cmp.Compare(a.Run.Repeat, b.Run.Repeat) })
	r.Outcome = majority(cfg, r.Runs)
	return r
}

// majority decides a level by the median of its repeats, as soon as no further
// repeat could change it.
func majority(cfg LadderConfig, runs []RunResult) contest.Outcome {
	passed, failed := 0, 0
	exhausted := false
	for _, run := range runs {
		switch run.Verdict.Outcome {
		case contest.OutcomePassed:
			passed++
		case contest.OutcomeFailed:
			failed++
		default:
			exhausted = exhausted || run.Run.Retry >= cfg.Retries || run.unusable()
		}
	}
	need := max(1, cfg.Repeats)/2 + 1
	switch {
	case passed >= need:
		return contest.OutcomePassed
	case failed >= need:
		return contest.OutcomeFailed
	case exhausted:
		return contest.OutcomeInvalid
	}
	return ""
}

// median returns the run that stands for the level: of those that agree with
// its outcome, the one with the median p95.
func (r LevelResult) median() RunResult {
	var agree []RunResult
	for _, run := range r.Runs {
		if run.Verdict.Outcome == r.Outcome {
			agree = append(agree, run)
		}
	}
	if len(agree) == 0 {
		return r.Runs[len(r.Runs)-1]
	}
	slices.SortStableFunc(agree, func(a, b RunResult) int { return cmp.Compare(p95Of(a.Evidence), p95Of(b.Evidence)) })
	return agree[len(agree)/2]
}

// spread returns the largest p95 of the level's valid repeats over the smallest,
// 1 when there are not two to compare.
func (r LevelResult) spread() float64 {
	low, high := 0.0, 0.0
	for _, run := range r.Runs {
		p := p95Of(run.Evidence)
		if p <= 0 || run.Verdict.Outcome == contest.OutcomeInvalid {
			continue
		}
		if low == 0 || p < low {
			low = p
		}
		high = max(high, p)
	}
	if low == 0 {
		return 1
	}
	return high / low
}

// p95Of returns the judged phase's p95 in milliseconds, 0 when there is none.
func p95Of(e contest.Evidence) float64 {
	if e.Latency == nil {
		return 0
	}
	return finite(e.Latency.P95.Value)
}
