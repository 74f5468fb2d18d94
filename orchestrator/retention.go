package main

import (
	"context"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

const (
	pruneEvery = 24 * time.Hour
	pruneFirst = 5 * time.Minute // after the start, which has other things to do
	pruneLimit = 10 * time.Minute
)

// forget deletes once a day what is older than K6_RESULTS_RETENTION and no
// longer stands behind anything, until ctx is done. A failure is told, and the
// next day goes on where it stopped.
func (w *works) forget(ctx context.Context) error {
	for after := pruneFirst; wait(ctx, after) == nil; after = pruneEvery {
		w.prune(ctx, time.Now())
	}
	return nil
}

func (w *works) prune(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, pruneLimit)
	defer cancel()
	gone, err := w.store.Prune(ctx, store.Age{Before: now.AddDate(0, 0, -w.config.Metrics.RetentionDays), Freeze: w.config.Contest.FreezeAt})
	if err != nil {
		w.log.WarnContext(ctx, "old history could not be deleted, it is tried again tomorrow", "error", err)
		return
	}
	w.log.InfoContext(ctx, "old history was deleted", "days", w.config.Metrics.RetentionDays,
		"climbs", gone.Climbs, "verdicts", gone.Verdicts, "rounds", gone.Rounds)
}
