package conduct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// Collect gathers the evidence of a round's ended runs, all of them with the
// same queries, and judges them. It waits until no run of the round is on its
// way to its end, or until an ended one has waited long enough: so the number
// of queries does not grow with the number of teams.
//
// A run that cannot be judged holds up none of the others.
func (l *Line) Collect(ctx context.Context, round contest.RoundID) (again time.Duration, err error) {
	end, ok := l.turns.take("round " + string(round))
	if !ok {
		return l.limits.Poll, nil
	}
	defer end()
	ctx = observe.About(ctx, observe.Subject{Round: round})
	unjudged := l.judgeCollected(ctx, round)
	again, err = l.collect(ctx, round)
	if err = errors.Join(unjudged, err); err != nil {
		return 0, err
	}
	return again, nil
}

func (l *Line) collect(ctx context.Context, round contest.RoundID) (again time.Duration, err error) {
	// In this order: a run that ends between the two is then waited for, instead
	// of being missed and costing queries of its own.
	under, err := l.Store.CountRuns(ctx, round, contest.RunPlanned, contest.RunLeased, contest.RunPrepared, contest.RunLaunched)
	if err != nil {
		return 0, err
	}
	ended, err := l.Store.RunsIn(ctx, round, contest.RunEnded)
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	if under > 0 && !l.waitedLong(ended) {
		return l.limits.Poll, nil
	}
	collecting, done := observe.Start(ctx, "collect")
	err = l.observe(collecting, ended)
	done(err)
	if err != nil {
		return 0, err
	}
	if err := l.judgeCollected(ctx, round); err != nil {
		return 0, err
	}
	// A run that ended meanwhile has woken nobody: it saw others still waiting.
	late, err := l.Store.CountRuns(ctx, round, contest.RunEnded)
	if err != nil || late == 0 {
		return 0, err
	}
	return l.limits.Poll, nil
}

// waitedLong reports whether one of the runs has waited long enough for others.
func (l *Line) waitedLong(ended []store.Run) bool {
	return slices.ContainsFunc(ended, func(r store.Run) bool { return time.Since(*r.EndedAt) > l.limits.CollectAfter })
}

// observe asks for the evidence of all the runs at once and commits what came.
func (l *Line) observe(ctx context.Context, ended []store.Run) error {
	subjects := make([]evidence.Subject, 0, len(ended))
	for _, r := range ended {
		subjects = append(subjects, evidence.Subject{
			Run: r.Run, Script: r.Script, Launch: r.Result, Preflight: r.Preflight, ConfigHash: r.ConfigHash, PushInterval: l.limits.Push,
		})
	}
	found, err := evidence.Collect(ctx, l.Query, instant(ended), subjects)
	if err != nil {
		return fmt.Errorf("collect evidence: %w", err)
	}
	courses := l.courses(ctx, ended)
	for _, r := range ended {
		e, ok := found[r.TestID]
		if !ok {
			return fmt.Errorf("collect evidence: nothing was said of run %s", r.ID)
		}
		e.Ceiling = l.Ceiling
		if course, ok := courses[r.TestID]; ok {
			e.Course = &course
		}
		next := r
		next.State, next.Observed = contest.RunCollected, &e
		if err := l.move(ctx, r, next, nil); err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return nil
}

// coursesTime is how long a verdict waits for what decides nothing.
const coursesTime = 5 * time.Second

// courses asks how the runs went over time. No verdict is held up by it: what
// cannot be had now is not in the evidence.
func (l *Line) courses(ctx context.Context, ended []store.Run) map[contest.TestID]contest.Course {
	if l.Ranged == nil {
		return nil
	}
	spans := make([]evidence.Span, 0, len(ended))
	for _, r := range ended {
		if !r.Result.Ended.Before(r.Result.Started) {
			spans = append(spans, evidence.Span{TestID: r.TestID, From: r.Result.Started, To: r.Result.Ended})
		}
	}
	asking, cancel := context.WithTimeout(ctx, coursesTime)
	defer cancel()
	courses, err := evidence.Courses(asking, l.Ranged, l.limits.Push, spans)
	if err != nil {
		l.Log.WarnContext(ctx, "how runs went over time is not in their evidence", "runs", len(ended), "error", err)
	}
	return courses
}

// instant is when the evidence of the runs is asked for: now, and not before
// any of them ended, also where the clock was set back meanwhile.
func instant(ended []store.Run) time.Time {
	at := time.Now()
	for _, r := range ended {
		for _, known := range []time.Time{r.Result.Started, r.Result.Ended} {
			if known.After(at) {
				at = known
			}
		}
	}
	return at
}

func (l *Line) judgeCollected(ctx context.Context, round contest.RoundID) error {
	collected, err := l.Store.RunsIn(ctx, round, contest.RunCollected)
	if err != nil {
		return err
	}
	var errs []error
	for i, r := range collected {
		if ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("%d runs are left to be judged: %w", len(collected)-i, ctx.Err()))
			break
		}
		if err := spanned(ctx, "judge", r, l.judge); err != nil && !errors.Is(err, store.ErrStale) {
			errs = append(errs, fmt.Errorf("judge run %s: %w", r.ID, err))
		}
	}
	return errors.Join(errs...)
}

// judge seals the evidence, judges it and takes the climb's next step, in one
// transaction.
func (l *Line) judge(ctx context.Context, run store.Run) error {
	sealed, err := evidence.Seal(*run.Observed)
	if err != nil {
		return err
	}
	var rules verdict.Rules
	if len(run.Rules) > 0 {
		if err := json.Unmarshal(run.Rules, &rules); err != nil {
			return fmt.Errorf("decode rules: %w", err)
		}
	}
	judged := verdict.Judge(rules, *run.Observed)
	var ended *contest.Round
	next, now := run, time.Now()
	next.State, next.JudgedAt, next.Outcome, next.Observed = contest.RunJudged, &now, judged.Outcome, nil
	next.Carried = verdict.Carried(*run.Observed, judged)
	write := func(tx *store.Tx) (err error) {
		if err := tx.InsertEvidence(ctx, run.ID, store.SealedEvidence(sealed)); err != nil {
			return err
		}
		if err := tx.InsertRunVerdict(ctx, run.ID, judged, run.Rules, sealed.SHA256); err != nil {
			return err
		}
		ended, err = l.climbOn(ctx, tx, run)
		return err
	}
	err = l.asked(ctx, run.Round, run.Criterion, func() error { return l.move(ctx, run, next, write) })
	if err != nil {
		return err
	}
	l.Observe.RunJudged(next.Run)
	l.tell(ended)
	return l.remove(ctx, run.TestID)
}

// climbOn plans the climb's next run, or ends the climb with its verdict and
// returns the round when that has ended with it.
func (l *Line) climbOn(ctx context.Context, tx *store.Tx, run store.Run) (*contest.Round, error) {
	climb, err := tx.Climb(ctx, run.Climb)
	if err != nil {
		return nil, err
	}
	var c config.Criterion
	if err := decodeConfig(climb, &c); err != nil {
		return nil, err
	}
	service := serviceOf(run.Run)
	judged, err := tx.Judged(ctx, climb.ID)
	if err != nil {
		return nil, err
	}
	results := resultsOf(judged)
	next := verdict.Ladder(l.ladder(c), results)
	if !next.Done {
		if err := tx.InsertRun(ctx, newRun(tx, climb, service, run.Target, next)); err != nil {
			return nil, err
		}
		return nil, l.dispatch(ctx, tx)
	}
	if service.Criterion != "" {
		v := verdict.Climb(verdict.ClimbInput{
			Team: climb.Team, Service: service, Ladder: l.ladder(c), Results: results,
			At: tx.Now(), Links: l.Links, Round: climb.Round, Climb: climb.ID,
		})
		if err := l.publish(ctx, tx, v, climb.Publish); err != nil {
			return nil, err
		}
	}
	if err := tx.EndClimb(ctx, climb.ID); err != nil {
		return nil, err
	}
	return tx.EndRound(ctx, climb.Round)
}

// serviceOf returns the service of a run; for a script that belongs to none, one
// without a criterion, so that its run is judged but gives no verdict.
func serviceOf(r contest.Run) contest.Service {
	s, err := contest.FindService(string(r.Service))
	if err != nil {
		s = contest.Service{Key: r.Service, Name: string(r.Service)}
	}
	s.Scenario = r.Scenario
	return s
}

func resultsOf(judged []store.JudgedRun) []verdict.RunResult {
	results := make([]verdict.RunResult, 0, len(judged))
	for _, j := range judged {
		results = append(results, verdict.RunResult(j))
	}
	return results
}
