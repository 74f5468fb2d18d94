package loadgen

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/executor"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// runTest is the command run.
func runTest(ctx context.Context, x IO, f *flags, path string) error {
	started := time.Now()
	aborted, err := runLoaded(ctx, x, f, path)
	if f.resultFile == "" {
		return err
	}
	return errors.Join(err, launch.WriteResult(x.path(f.resultFile), launch.Result{
		ExitCode: exitCode(err), Aborted: aborted, Started: started, Ended: time.Now(),
	}))
}

func runLoaded(ctx context.Context, x IO, f *flags, path string) (aborted bool, err error) {
	t, err := load(ctx, x, f, path)
	if err != nil {
		return false, err
	}
	if f.smoke {
		return false, t.smoke(ctx, x, f)
	}
	e := newEngine(t, x, f)
	err = e.run(ctx)
	return e.aborted, err
}

// engine is one run of a test.
type engine struct {
	*test
	io    IO
	flags *flags
	agg   *metric.Aggregator
	pool  *pool
	setup string // what setup returned, as JSON

	aborted bool // a threshold ended the test
	// stop ends the test early; the cause says why.
	stop context.CancelCauseFunc

	mu    sync.Mutex
	phase map[string]bool // scenarios under way
}

// Why a test ended early.
var (
	errInterrupted = coded(exitInterrupted, "interrupted")
	errCrossed     = coded(exitThresholds, "a threshold with abortOnFail failed")
	errLost        = coded(exitThresholds, "a threshold cannot be met any more")
)

func newEngine(t *test, x IO, f *flags) *engine {
	thresholds := t.options.Thresholds
	if f.noThresholds {
		thresholds = nil
	}
	e := &engine{
		test: t, io: x, flags: f, phase: map[string]bool{},
		agg: metric.NewAggregator(t.registry, thresholds, runtime.GOMAXPROCS(0)),
	}
	e.pool = &pool{test: t, agg: e.agg}
	t.config.Test.SamplesPerIteration = e.watched(thresholds)
	if f.httpDebug != "" {
		t.config.Trace = newTracer(x.Stdout, f.httpDebug == "full").trace
	}
	return e
}

// run runs the whole test and tells what came of it.
func (e *engine) run(parent context.Context) error {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(parent))
	e.stop = stop
	defer stop(nil)
	unlink := context.AfterFunc(parent, func() { stop(errInterrupted) })
	defer unlink()
	e.config.Test.InterruptAll = func(reason string) { stop(coded(exitAborted, "test aborted: %s", reason)) }

	finished := make(chan error, 1)
	go func() { finished <- e.whole(ctx) }()
	select {
	case err := <-finished:
		return err
	case <-e.io.Hard:
		// The one case in which goroutines are left behind: whoever asks twice
		// wants the process gone.
		return errInterrupted
	}
}

// whole is run without the hard stop.
func (e *engine) whole(ctx context.Context) error {
	sinks, err := e.startSinks()
	if err != nil {
		return err
	}
	err = e.lifecycle(ctx)
	e.pool.close()
	failed := e.thresholdsFailed()
	err = errors.Join(e.outcome(ctx, err, failed), e.summarise(ctx))
	if lostErr := sinks.end(); lostErr != nil {
		// It changes no exit code: whoever reads the series sees that their
		// last word is missing.
		e.log.Error("the final account was not delivered", "error", lostErr)
	}
	return err
}

// lifecycle is setup, the scenarios, and teardown.
func (e *engine) lifecycle(ctx context.Context) error {
	if err := e.pool.fill(ctx, max(e.needs.Ready, 1)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return scriptError(e.name, err)
	}
	if err := e.runSetup(ctx); err != nil {
		return err
	}
	e.config.Test.Started = time.Now()
	err := e.runScenarios(ctx)
	return errors.Join(err, e.runTeardown(ctx))
}

func (e *engine) runSetup(ctx context.Context) error {
	if e.flags.noSetup || options.Or(e.options.NoSetup, false) || ctx.Err() != nil {
		return nil
	}
	limit := options.Or(e.options.SetupTimeout, time.Minute)
	text, err := e.runAlone(ctx, "setup", limit, "")
	e.setup = text
	switch {
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

// runAlone calls a lifecycle function in a VM of its own, which is number 0.
func (e *engine) runAlone(ctx context.Context, name string, limit time.Duration, argument string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	vm, err := e.program.New(ctx, e.config, e.agg.Shard(0), 0)
	if err != nil {
		return "", err
	}
	defer vm.Close()
	return vm.Run(ctx, name, "::"+name, argument)
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

// outcome decides what the run as a whole means. What ended the test early
// comes first, then what went wrong, then what was measured.
func (e *engine) outcome(ctx context.Context, err error, failed []string) error {
	cause := context.Cause(ctx)
	e.aborted = errors.Is(cause, errCrossed) || errors.Is(cause, errLost)
	switch {
	case ctx.Err() != nil && cause != nil:
		return cause
	case err != nil:
		return err
	case len(failed) > 0:
		return coded(exitThresholds, "thresholds failed: %s", joined(failed))
	case e.config.Test.Failed.Load():
		return coded(exitMarkedFailed, "the script marked the test as failed")
	}
	if e.config.Test.Completed.Load() == 0 {
		e.log.Warn("no iteration was finished: the test may be too short")
	}
	return nil
}

func joined(list []string) string {
	text := ""
	for i, s := range list {
		if i > 0 {
			text += "; "
		}
		text += s
	}
	return text
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
