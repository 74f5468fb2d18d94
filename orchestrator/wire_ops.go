package main

import (
	"context"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// book keeps what operators change of the schedule in the state.
type book struct{ *store.Store }

// KeepMeta keeps a named value.
func (b book) KeepMeta(ctx context.Context, name, value string) error {
	return b.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(ctx, name, value) })
}

// lastRound tells when a service's last round began, and whether it goes on.
func (w *works) lastRound(ctx context.Context, key contest.ServiceKey) (began time.Time, underWay bool, err error) {
	rounds, err := w.store.Rounds(ctx, key, 1)
	if err != nil || len(rounds) == 0 {
		return time.Time{}, false, err
	}
	return rounds[0].StartedAt, rounds[0].EndedAt == nil, nil
}

// skipped counts a firing that a pause has swallowed.
func (w *works) skipped(key contest.ServiceKey) {
	if s, err := contest.FindService(string(key)); err == nil {
		w.instruments.JobDone(s, web.JobSkipped, 0)
	}
}
