package conduct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// Advance takes a run as far as it can go now. It returns after which time it
// wants to be called again, or 0 when the run needs no more waking: it waits
// for its target, has ended, or has been moved on by someone else. While another
// call is at the same run, it asks to be called again.
func (l *Line) Advance(ctx context.Context, id contest.RunID) (again time.Duration, err error) {
	end, ok := l.turns.take("run " + string(id))
	if !ok {
		return l.limits.Poll, nil
	}
	defer end()
	for {
		run, err := l.Store.Run(ctx, string(id))
		if err != nil {
			return 0, err
		}
		if run.State == contest.RunPlanned {
			return l.waited(ctx)
		}
		if !run.State.UnderWay() {
			return 0, nil
		}
		again, err = l.step(ctx, run)
		if errors.Is(err, store.ErrStale) {
			l.live.drop(id)
			return 0, nil
		}
		if err != nil || again > 0 {
			return again, err
		}
	}
}

// step does the one step that a run waits for, if it is this replica's.
func (l *Line) step(ctx context.Context, run store.Run) (again time.Duration, err error) {
	if run.State == contest.RunLeased {
		if run, err = l.own(ctx, run); err != nil {
			return 0, err
		}
	}
	if !l.mine(run) {
		return l.standBy(ctx, run)
	}
	if asked, err := l.heed(ctx, run); err != nil || asked {
		return 0, err
	}
	if run.State != contest.RunLaunched && !l.LoadAllowed(time.Now()) {
		return 0, l.postpone(ctx, run)
	}
	switch run.State {
	case contest.RunLeased:
		l.Reached(string(run.State))
		return 0, spanned(ctx, "prepare", run, l.prepare)
	case contest.RunPrepared:
		return 0, spanned(ctx, "launch", run, l.launch)
	}
	return l.watch(observe.About(ctx, observe.Run(run.Run)), run)
}

// spanned does a step of a run in a span of its own.
func spanned(ctx context.Context, name string, run store.Run, do func(context.Context, store.Run) error) error {
	ctx, end := observe.Start(observe.About(ctx, observe.Run(run.Run)), name)
	err := do(ctx, run)
	end(err)
	return err
}

// move commits the run's next state; also does whatever belongs to it.
func (l *Line) move(ctx context.Context, before store.Run, after store.Run, also func(tx *store.Tx) error) error {
	l.Reached("before-" + string(after.State))
	err := l.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Move(ctx, before, after); err != nil {
			return err
		}
		if also == nil {
			return nil
		}
		return also(tx)
	})
	if err == nil {
		l.Reached(string(after.State))
	}
	return err
}

// prepare looks at the target and the script, and decides the rules and the
// testid. A target that gives no answer ends the run here: it would only hold
// the generators.
func (l *Line) prepare(ctx context.Context, run store.Run) error {
	next := run
	next.Shape = nil
	next.TestID = contest.NewTestID(run.Team.Slug, run.Scenario, run.Level.Users, strings.ToLower(newID()))
	next.Preflight = l.preflight(ctx, run)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("prepare run %s: %w", run.ID, err)
	}
	script, err := l.Inspect(ctx, run.Scenario, run.Env)
	if err != nil {
		said := fmt.Sprintf("The scenario cannot be used: %v.", err)
		if errors.Is(err, contest.ErrUnusable) {
			return l.end(ctx, run, next, contest.LaunchResult{Unusable: said})
		}
		return l.end(ctx, run, next, contest.LaunchResult{Trouble: said})
	}
	c, err := l.inForce(ctx, run.Climb)
	if err != nil {
		return err
	}
	rules, err := rulesFor(run.Criterion, script, c)
	if err != nil {
		return l.end(ctx, run, next, contest.LaunchResult{Unusable: fmt.Sprintf("The rules cannot be used: %v.", err)})
	}
	next.Script, next.Rules, next.Full = script, rules, len(c.Thresholds) > 0
	if !next.Preflight.Answered {
		return l.end(ctx, run, next, contest.LaunchResult{})
	}
	if next.Shape, err = l.shape(ctx, next); err != nil {
		return err
	}
	l.Watch.Before(ctx, next.Run)
	next.State = contest.RunPrepared
	return l.move(ctx, run, next, nil)
}

// shape decides what generators a prepared run gets: those that its load asks
// for, and more where what was tried in its climb had too few.
func (l *Line) shape(ctx context.Context, run store.Run) (*contest.Shape, error) {
	if l.Shape == nil {
		return nil, nil
	}
	base, err := l.Shape(ctx, run.Run, run.Script)
	if err != nil {
		return nil, fmt.Errorf("choose the generators of run %s: %w", run.ID, err)
	}
	judged, err := l.Store.Judged(ctx, run.Climb)
	if err != nil {
		return nil, err
	}
	shape := verdict.Remedy(base, run.LevelNo, resultsOf(judged))
	return &shape, nil
}

// preflight looks at the target for three quarters of the step's time at most. A
// target that keeps everybody waiting would use the step up otherwise, time and
// again, and the round would never end.
func (l *Line) preflight(ctx context.Context, run store.Run) contest.Preflight {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
		defer cancel()
	}
	return l.Preflight(ctx, run.Team.Endpoint, l.limits.Reset[run.Criterion])
}

// inForce returns the configuration that was in force when the climb's round
// began.
func (l *Line) inForce(ctx context.Context, id contest.ClimbID) (c config.Criterion, err error) {
	err = l.Store.Write(ctx, func(tx *store.Tx) error {
		climb, err := tx.Climb(ctx, id)
		if err != nil {
			return err
		}
		return decodeConfig(climb, &c)
	})
	return c, err
}

func decodeConfig(climb store.Climb, c *config.Criterion) error {
	if err := json.Unmarshal(climb.Config, c); err != nil {
		return fmt.Errorf("decode configuration of climb %s: %w", climb.ID, err)
	}
	return nil
}

// rulesFor joins the script's thresholds with the configuration.
func rulesFor(criterion contest.Criterion, script contest.Script, c config.Criterion) (json.RawMessage, error) {
	rules, err := verdict.RulesFor(criterion, script.Thresholds, c.Thresholds)
	if err != nil {
		return nil, err
	}
	return json.Marshal(rules.Under(c.Rule))
}

func (l *Line) launch(ctx context.Context, run store.Run) error {
	url, token := l.Writers.Admit(run.TestID)
	next, now := run, time.Now()
	next.State, next.LaunchedAt = contest.RunLaunched, &now
	order := contest.Launch{
		TestID: run.TestID, Team: run.Team.Slug, Scenario: run.Scenario, Level: run.Level, Env: run.Env, Full: run.Full,
		Timeout:  contest.Duration(run.Script.Length() + l.limits.Grace),
		WriteURL: url, WriteToken: token, Generators: 1,
	}
	if run.Shape != nil {
		order.Generators, order.Memory = run.Shape.Runners, run.Shape.Memory
	}
	err := l.Launcher.Start(ctx, order)
	if ctx.Err() != nil {
		return fmt.Errorf("launch run %s: %w", run.ID, ctx.Err())
	}
	if errors.Is(err, contest.ErrTryAgain) {
		return fmt.Errorf("launch run %s: %w", run.ID, err)
	}
	if err != nil {
		return l.end(ctx, run, next, contest.LaunchResult{Trouble: fmt.Sprintf("The load generator could not be started: %v.", err)})
	}
	l.Reached("started")
	err = l.move(ctx, run, next, nil)
	if errors.Is(err, store.ErrStale) {
		return errors.Join(err, l.disown(ctx, run))
	}
	return err
}

// disown removes a launch whose run was taken away while it was being started,
// unless the run still stands for it.
func (l *Line) disown(ctx context.Context, started store.Run) error {
	now, err := l.Store.Run(ctx, string(started.ID))
	if err != nil || now.TestID == started.TestID && !now.State.Final() {
		return err
	}
	return l.remove(ctx, started.TestID)
}

// remove leaves nothing of a launch, and lets nobody write its series any more.
func (l *Line) remove(ctx context.Context, id contest.TestID) error {
	l.Writers.Dismiss(id)
	if err := l.Launcher.Remove(ctx, id); err != nil {
		return fmt.Errorf("remove launch %s: %w", id, err)
	}
	return nil
}

// watch looks at a launch. A launch of which nothing is left is planned again, a
// bounded number of times.
func (l *Line) watch(ctx context.Context, run store.Run) (time.Duration, error) {
	status, err := l.Launcher.Status(ctx, run.TestID)
	if err != nil {
		return 0, fmt.Errorf("look at launch %s: %w", run.TestID, err)
	}
	switch status.State {
	case contest.LaunchRunning:
		l.live.show(run.Run, status.Progress)
		l.Watch.During(run.Run)
		return l.limits.Poll, nil
	case contest.LaunchDone:
		l.live.drop(run.ID)
		l.Watch.After(run.Run)
		return 0, l.end(ctx, run, run, status.Result)
	}
	l.live.drop(run.ID)
	return 0, l.lost(ctx, run)
}

func (l *Line) lost(ctx context.Context, run store.Run) error {
	if err := l.remove(ctx, run.TestID); err != nil {
		return err
	}
	if run.Attempt > l.limits.Retries+1 {
		return l.end(ctx, run, run, contest.LaunchResult{Trouble: "The load generator was lost again and again."})
	}
	l.Log.WarnContext(ctx, "launch is gone, the run is planned again", "run", run.ID, "testid", run.TestID)
	return l.planAgain(ctx, run, func(tx *store.Tx) error { return l.dispatch(ctx, tx) })
}

// end commits that the generators are done and gives the target to the next run.
func (l *Line) end(ctx context.Context, run, next store.Run, result contest.LaunchResult) error {
	now := time.Now()
	if result.Started.IsZero() { // it never came to a launch
		result.Started, result.Ended = now, now
	}
	result.Shape = next.Shape
	next.State, next.EndedAt, next.Result = contest.RunEnded, &now, result
	err := l.move(ctx, run, next, func(tx *store.Tx) error {
		if err := tx.Release(ctx, run.Run); err != nil {
			return err
		}
		if err := l.wakeCollection(ctx, tx, run.Round); err != nil {
			return err
		}
		return l.dispatch(ctx, tx)
	})
	if err == nil && run.State == contest.RunLaunched {
		observe.Past(ctx, "load", result.Started, result.Ended)
	}
	return err
}

// wakeCollection wakes the round's collection once: while others have ended and
// wait for it, it is awake already.
func (l *Line) wakeCollection(ctx context.Context, tx *store.Tx, round contest.RoundID) error {
	waiting, err := tx.CountRuns(ctx, round, contest.RunEnded)
	if err != nil || waiting > 1 { // this run is one of them
		return err
	}
	return l.Wake.WakeCollect(ctx, tx.SQL.Tx, round)
}
