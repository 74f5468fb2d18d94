package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// part is one long-lived thing: it works until ctx is done and returns when all
// is quiet.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// runStages runs body while all parts work, then stops them in the order of
// the stages: a stage is told to stop when everything in the stages before it
// has become quiet. So steps end before the outbox has its last flush, and
// that before the servers that both rely on close. A part that ends early ends
// the whole.
func runStages(ctx context.Context, body func(ctx context.Context) error, stages ...[]part) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	type running struct {
		stop  context.CancelFunc
		group *errgroup.Group
	}
	all := make([]running, len(stages))
	for i := len(stages) - 1; i >= 0; i-- {
		stageCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		all[i] = running{stop, &errgroup.Group{}}
		for _, p := range stages[i] {
			all[i].group.Go(func() error {
				err := p.run(stageCtx)
				if stageCtx.Err() == nil {
					fail(fmt.Errorf("%s ended early: %w", p.name, err))
				}
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				return nil
			})
		}
	}
	errs := []error{body(ctx)}
	for _, r := range all {
		r.stop()
		errs = append(errs, r.group.Wait())
	}
	return errors.Join(errs...)
}
