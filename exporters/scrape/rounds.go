package scrape

import (
	"context"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Rounds measures all teams now and then every so often until ctx ends. What goes
// wrong with a round is handed to failed, and the next one is tried all the same.
func Rounds(ctx context.Context, every time.Duration, teams Teams, measure func(context.Context, []contest.Team) error, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		all, err := teams.list(ctx)
		if err == nil {
			err = measure(ctx, all)
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
