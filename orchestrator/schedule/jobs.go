package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
)

// The kinds of jobs. Their JSON stays readable for later versions: fields are
// only ever added.
type (
	roundArgs struct {
		Service contest.ServiceKey `json:"service"`
		Cron    bool               `json:"cron,omitempty"`  // fired by its schedule, not by a person
		Round   contest.RoundID    `json:"round,omitempty"` // which it begins, however often it is tried
	}
	advanceArgs struct {
		Run contest.RunID `json:"run"`
	}
	collectArgs struct {
		Round contest.RoundID `json:"round"`
	}
	lookArgs struct {
		Round contest.RoundID `json:"round"`
	}
)

// newRound is a firing: the round that it begins has its identity from now on.
func newRound(service contest.ServiceKey, cron bool) roundArgs {
	return roundArgs{Service: service, Cron: cron, Round: contest.RoundID(ulid.Make().String())}
}

// Kind names the job in the database.
func (roundArgs) Kind() string { return "round" }

// Kind names the job in the database.
func (advanceArgs) Kind() string { return "advance" }

// Kind names the job in the database.
func (collectArgs) Kind() string { return "collect" }

// Kind names the job in the database.
func (lookArgs) Kind() string { return "look" }

// InsertOpts puts the job where rounds begin.
func (roundArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: queueRounds} }

// InsertOpts puts the job among the steps.
func (advanceArgs) InsertOpts() river.InsertOpts { return stepOptions() }

// InsertOpts puts the job among the steps.
func (collectArgs) InsertOpts() river.InsertOpts { return stepOptions() }

// InsertOpts puts the job among the steps.
func (lookArgs) InsertOpts() river.InsertOpts { return stepOptions() }

func stepOptions() river.InsertOpts {
	return river.InsertOpts{Queue: queueSteps, MaxAttempts: stepAttempts}
}

// workers are what does the jobs. swallowed reports whether a pause keeps a
// service from firing, and counts the firing then.
func workers(steps Steps, log *slog.Logger, swallowed func(context.Context, contest.ServiceKey) (bool, error)) *river.Workers {
	all := river.NewWorkers()
	river.AddWorker(all, river.WorkFunc(func(ctx context.Context, job *river.Job[roundArgs]) error {
		if job.Args.Cron {
			if paused, err := swallowed(ctx, job.Args.Service); err != nil || paused {
				return err
			}
		}
		ctx = observe.About(ctx, observe.Subject{Service: job.Args.Service})
		again, err := steps.Round(ctx, job.Args.Service, job.Args.Round)
		return snooze(again, told(ctx, log, fmt.Sprintf("begin round of %s", job.Args.Service), job.JobRow, err))
	}))
	river.AddWorker(all, river.WorkFunc(func(ctx context.Context, job *river.Job[advanceArgs]) error {
		ctx = observe.About(ctx, observe.Subject{Run: job.Args.Run})
		again, err := steps.Advance(ctx, job.Args.Run)
		return snooze(again, told(ctx, log, fmt.Sprintf("advance run %s", job.Args.Run), job.JobRow, err))
	}))
	river.AddWorker(all, river.WorkFunc(func(ctx context.Context, job *river.Job[collectArgs]) error {
		ctx = observe.About(ctx, observe.Subject{Round: job.Args.Round})
		again, err := steps.Collect(ctx, job.Args.Round)
		return snooze(again, told(ctx, log, fmt.Sprintf("collect round %s", job.Args.Round), job.JobRow, err))
	}))
	river.AddWorker(all, river.WorkFunc(func(ctx context.Context, job *river.Job[lookArgs]) error {
		ctx = observe.About(ctx, observe.Subject{Round: job.Args.Round})
		again, err := steps.Look(ctx, job.Args.Round)
		return snooze(again, told(ctx, log, fmt.Sprintf("look at round %s", job.Args.Round), job.JobRow, err))
	}))
	return all
}

// told logs a failed step at the one place that all of them pass.
func told(ctx context.Context, log *slog.Logger, what string, job *rivertype.JobRow, err error) error {
	if err == nil {
		return nil
	}
	level, outcome := slog.LevelWarn, "step failed, will be tried again"
	if job.Attempt >= job.MaxAttempts {
		level, outcome = slog.LevelError, "step failed for the last time, kept as a dead letter"
	}
	log.Log(ctx, level, outcome, "step", what, "attempt", job.Attempt, "of", job.MaxAttempts, "error", err)
	return err
}

func snooze(again time.Duration, err error) error {
	if err != nil || again <= 0 {
		return err
	}
	return river.JobSnooze(again)
}

// retryPolicy waits 2^n seconds after the n-th failure, a minute at most.
type retryPolicy struct{}

// NextRetry returns when the job is tried again.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(retryAfter(len(job.Errors) + 1))
}

func retryAfter(failures int) time.Duration {
	if failures > 6 {
		return longestRetry
	}
	return min(longestRetry, time.Second<<failures)
}

// levelHandler passes on records of at least its level.
type levelHandler struct {
	slog.Handler
	least slog.Level
}

// Enabled reports whether records of the level are passed on.
func (h levelHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.least && h.Handler.Enabled(ctx, l)
}

// WithAttrs keeps the level.
func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs), h.least}
}

// WithGroup keeps the level.
func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name), h.least}
}
