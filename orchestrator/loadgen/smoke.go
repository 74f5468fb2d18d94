package loadgen

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// judgedScenario is the scenario that a smoke test tries where there is one.
const judgedScenario = "steady"

// smoke does one iteration of the judged scenario, or of each, and prints each
// request and answer. It fails when a request got no HTTP answer.
func (t *test) smoke(ctx context.Context, x IO, f *flags) error {
	tracer := newTracer(x.Stdout, true)
	t.config.Trace = tracer.trace
	t.config.Test.InterruptAll = func(string) {}
	e := &engine{test: t, io: x, flags: f, agg: metric.NewAggregator(t.registry, nil, runtime.GOMAXPROCS(0)), phase: map[string]bool{}}
	e.pool = &pool{test: t, agg: e.agg}
	defer e.pool.close()
	if err := e.pool.fill(ctx, 1); err != nil {
		return &codedError{exitScript, err}
	}
	if err := e.runSetup(ctx); err != nil {
		return err
	}
	var failed error
	for _, s := range smoked(t.scenarios) {
		failed = errors.Join(failed, e.smokeOne(ctx, x, s))
	}
	failed = errors.Join(failed, e.runTeardown(ctx))
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case failed != nil:
		return failed
	case tracer.failures > 0:
		return coded(exitThresholds, "%d of %d requests got no answer", tracer.failures, tracer.failures+tracer.answers)
	case tracer.answers == 0:
		return coded(exitThresholds, "the script sent no request")
	}
	_, err := fmt.Fprintf(x.Stdout, "%d requests, each got an answer\n", tracer.answers)
	return err
}

func smoked(all []options.Scenario) []options.Scenario {
	if i := slices.IndexFunc(all, func(s options.Scenario) bool { return s.Name == judgedScenario }); i >= 0 {
		return all[i : i+1]
	}
	return all
}

func (e *engine) smokeOne(ctx context.Context, x IO, s options.Scenario) error {
	_, _ = fmt.Fprintf(x.Stdout, "# scenario %s, function %s\n\n", s.Name, s.Exec)
	tags := e.config.Tags.With("scenario", s.Name)
	ctx, cancel := context.WithTimeout(ctx, max(s.Length(), time.Minute)+s.GracefulStop)
	defer cancel()
	l := &lender{e.pool, &script.Task{
		Scenario: s.Name, Executor: s.Executor, Exec: s.Exec, Env: s.Env, Tags: tags, Data: e.setup,
		Started: time.Now(), Progress: func() float64 { return 0 },
	}}
	vu, err := l.Take(ctx)
	if err != nil {
		return &codedError{exitScript, err}
	}
	defer l.Give(vu)
	r := vu.(*user).vm.Iterate(ctx, l.task, script.Iteration{})
	var abort *script.AbortError
	switch {
	case errors.As(r.Err, &abort):
		return coded(exitAborted, "%w", r.Err)
	case r.Interrupted():
		return coded(exitScript, "scenario %s: the iteration did not end in time", s.Name)
	case r.Err != nil:
		return coded(exitScript, "scenario %s: %w", s.Name, r.Err)
	}
	return nil
}
