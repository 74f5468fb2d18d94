package loadgen

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
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
	const few = 500 // virtual users
	tighten := relaxCollector(x)
	defer tighten()
	t, err := load(ctx, x, f, path)
	if err != nil {
		return false, err
	}
	if f.smoke {
		return false, t.smoke(ctx, x, f)
	}
	if t.needs.Max > few {
		tighten()
	}
	e := newEngine(t, x, f)
	return e.run(ctx)
}

// engine is one run of a test.
type engine struct {
	*test
	io    IO
	flags *flags
	agg   *metric.Aggregator
	pool  *pool
	setup string // what setup returned, as JSON

	aborted bool // a threshold ended the test; known once whole has returned
	gate    *gate
	state   atomic.Int32 // a phaseCode
	tainted atomic.Bool  // a threshold did not hold when it was last looked at
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
		test: t, io: x, flags: f, phase: map[string]bool{}, gate: newGate(options.Or(t.options.Paused, false)),
		agg: metric.NewAggregator(t.registry, thresholds, runtime.GOMAXPROCS(0)),
	}
	e.pool = &pool{test: t, agg: e.agg}
	t.config.Test.SamplesPerIteration = e.watched(thresholds)
	if debug := options.Or(t.options.HTTPDebug, ""); debug != "" {
		t.config.Trace = newTracer(x.Stdout, debug == "full").trace
	}
	return e
}

// relaxCollector lets garbage grow larger, so that a small heap is collected
// neither while the test is loaded nor dozens of times a second. GOGC wins. The
// returned func undoes it; the memory of many virtual users wants that.
func relaxCollector(x IO) (tighten func()) {
	if x.env()["GOGC"] != "" {
		return func() {}
	}
	before := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(before) }
}

// run runs the whole test and tells what came of it, and whether a threshold
// ended it.
func (e *engine) run(parent context.Context) (aborted bool, err error) {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(parent))
	e.stop = stop
	defer stop(nil)
	unlink := context.AfterFunc(parent, func() { stop(errInterrupted) })
	defer unlink()
	e.config.Test.InterruptAll = func(reason string) { stop(coded(exitAborted, "test aborted: %s", reason)) }

	stopServing, err := e.serveREST()
	if err != nil {
		return false, err
	}
	defer stopServing()
	finished := make(chan error, 1)
	go func() {
		err := e.whole(ctx)
		if e.flags.linger {
			<-ctx.Done()
		}
		finished <- err
	}()
	select {
	case err := <-finished:
		return e.aborted, err
	case <-e.io.Hard:
		// The one case in which goroutines are left behind: whoever asks twice
		// wants the process gone.
		return false, errInterrupted
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
	defer e.enterPhase(phaseEnded)
	failed := e.thresholdsFailed()
	err = errors.Join(e.outcome(ctx, err, failed), e.summarise(ctx))
	if lostErr := sinks.end(); lostErr != nil {
		// It changes no exit code: whoever reads the series sees that their
		// last word is missing.
		e.log.Error("the final account was not delivered", "error", lostErr)
	}
	return err
}

// outcome decides what the run as a whole means. What this machine lacked comes
// first, then what ended the test early, what went wrong, what the script said,
// and what was measured.
func (e *engine) outcome(ctx context.Context, err error, failed []string) error {
	cause := context.Cause(ctx)
	e.aborted = errors.Is(cause, errCrossed) || errors.Is(cause, errLost)
	lacking := e.config.HTTP.Lacking()
	switch {
	case lacking > 0:
		return coded(exitLacking, "this machine had no file descriptors, ports or memory left for %d connections, so nothing can be said of the target: raise 'ulimit -n' or use more generators", lacking)
	case ctx.Err() != nil && cause != nil:
		return cause
	case err != nil:
		return err
	case e.config.Test.Failed.Load():
		return coded(exitMarkedFailed, "the script marked the test as failed")
	case len(failed) > 0:
		return coded(exitThresholds, "thresholds failed: %s", joined(failed))
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
