package loadgen

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/executor"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// lifecycle is setup, the scenarios, and teardown.
func (e *engine) lifecycle(ctx context.Context) error {
	e.enterPhase(phaseInitVUs)
	if err := e.pool.fill(ctx, max(e.needs.Ready, 1)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return scriptError(e.name, err)
	}
	e.enterPhase(phaseInitDone)
	if e.gate.isClosed() {
		e.enterPhase(phasePaused)
		e.gate.wait(ctx)
	}
	e.enterPhase(phaseSetup)
	if err := e.runSetup(ctx); err != nil {
		return err
	}
	e.enterPhase(phaseRunning)
	e.config.Test.Begin()
	err := e.runScenarios(ctx)
	e.enterPhase(phaseTeardown)
	return errors.Join(err, e.runTeardown(ctx))
}

func (e *engine) runSetup(ctx context.Context) error {
	if e.flags.noSetup || options.Or(e.options.NoSetup, false) || ctx.Err() != nil {
		return nil
	}
	limit := options.Or(e.options.SetupTimeout, time.Minute)
	text, err := e.runAlone(ctx, "setup", limit, "")
	e.setup = text
	var abort *script.AbortError
	switch {
	case errors.As(err, &abort): // as after an exception, there is nothing to tear down
		return scriptError("setup()", err)
	case errors.Is(err, script.ErrInterrupted) && ctx.Err() == nil:
		return coded(exitSetupTimeout, "setup() took longer than %v", limit)
	case err != nil && ctx.Err() == nil:
		return scriptError("setup()", err)
	}
	return nil
}

// runTeardown runs also when the test was stopped.
func (e *engine) runTeardown(ctx context.Context) error {
	if e.flags.noTeardown || options.Or(e.options.NoTeardown, false) {
		return nil
	}
	limit := options.Or(e.options.TeardownTimeout, time.Minute)
	_, err := e.runAlone(context.WithoutCancel(ctx), "teardown", limit, e.setup)
	switch {
	case errors.Is(err, script.ErrInterrupted):
		return coded(exitTeardownTimeout, "teardown() took longer than %v", limit)
	case err != nil:
		return scriptError("teardown()", err)
	}
	return nil
}

// runAlone calls a lifecycle function in a VM of its own.
func (e *engine) runAlone(ctx context.Context, name string, limit time.Duration, argument string) (text string, err error) {
	err = e.alone(ctx, limit, func(ctx context.Context, vm *script.VM) (err error) {
		text, err = vm.Run(ctx, name, "::"+name, argument)
		return err
	})
	return text, err
}

// alone hands f a VM that nobody else uses. Its number is 0.
func (e *engine) alone(ctx context.Context, limit time.Duration, f func(context.Context, *script.VM) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	vm, err := e.program.New(ctx, e.config, e.agg.Shard(0), 0)
	if err != nil {
		return err
	}
	defer vm.Close()
	return f(ctx, vm)
}

// runScenarios runs all scenarios, each from its start time.
func (e *engine) runScenarios(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range e.scenarios {
		group.Go(func() error {
			if !wait(ctx, s.StartTime) {
				return nil
			}
			return e.runScenario(ctx, s)
		})
	}
	return group.Wait()
}

func (e *engine) runScenario(ctx context.Context, s options.Scenario) error {
	tags := e.config.Tags.With("scenario", s.Name)
	for k, v := range s.Tags {
		tags = tags.With(k, v)
	}
	shard := e.agg.Shard(0)
	r := &executor.Run{
		Scenario: s, Stripe: e.stripe,
		Dropped: func(n int64) { shard.Add(e.registry.Builtin().DroppedIterations, tags, float64(n)) },
		Busy:    func(delta int) { e.config.Test.Active.Add(int64(delta)) },
	}
	r.Lender = &lender{e.pool, &script.Task{
		Scenario: s.Name, Executor: s.Executor, Exec: s.Exec, Env: s.Env, Tags: tags, Data: e.setup,
		Started: time.Now(), Progress: r.Progress,
	}}
	e.enter(s.Name, true)
	defer e.enter(s.Name, false)
	if err := r.Do(ctx); err != nil {
		return coded(exitScript, "scenario %s: %w", s.Name, err)
	}
	return nil
}

func (e *engine) enter(scenario string, on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if on {
		e.phase[scenario] = true
		return
	}
	delete(e.phase, scenario)
}

// phases lists the scenarios under way.
func (e *engine) phases() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for name := range e.phase {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// wait sleeps for d or until ctx is done.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
