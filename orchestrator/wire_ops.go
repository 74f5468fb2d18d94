package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
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

// operations are what organisers may change over the JSON API.
func (w *works) operations() *web.Operations {
	return &web.Operations{Token: w.config.Web.AdminToken.Reveal(), Schedule: scheduler{w}, Control: control{w}}
}

// scheduler changes the schedule and writes it to the audit trail.
type scheduler struct{ *works }

// Services lists where every service stands.
func (s scheduler) Services(ctx context.Context) (any, error) { return s.queue.Status(ctx) }

// Change runs, pauses or resumes a service.
func (s scheduler) Change(ctx context.Context, key contest.ServiceKey, change string, by web.By) error {
	do := map[string]func(context.Context, contest.ServiceKey) error{
		"run": s.queue.Fire, "pause": s.queue.Pause, "resume": s.queue.Resume,
	}[change]
	if err := do(ctx, key); err != nil {
		return refusal(err)
	}
	return s.audit(ctx, change+" service", string(key), by)
}

// Reschedule gives a service another interval.
func (s scheduler) Reschedule(ctx context.Context, key contest.ServiceKey, interval string, by web.By) error {
	if err := s.queue.Reschedule(ctx, key, interval); err != nil {
		return refusal(err)
	}
	return s.audit(ctx, "reschedule service", string(key)+" "+interval, by)
}

func (w *works) audit(ctx context.Context, what, subject string, by web.By) error {
	return w.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, store.AuditEntry{Who: by.Who, What: what, Subject: subject, Why: by.Why})
	})
}

// control ends runs; the line writes the audit trail.
type control struct{ *works }

// Cancel ends a run.
func (c control) Cancel(ctx context.Context, run string, by web.By) (contest.Run, error) {
	r, err := c.line.Cancel(ctx, run, by.Who, by.Why)
	return r, refusal(err)
}

// StopAll ends every run.
func (c control) StopAll(ctx context.Context, by web.By) (int, error) {
	return c.line.StopAll(ctx, by.Who, by.Why)
}

// refusal says in words what the caller can do something about.
func refusal(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &web.Refusal{Code: http.StatusNotFound, Text: err.Error(), Hint: "See the results page for what there is."}
	case errors.Is(err, schedule.ErrBadInterval):
		return &web.Refusal{Code: http.StatusBadRequest, Text: err.Error(), Hint: `Give five cron fields, like "*/30 * * * *".`}
	case errors.Is(err, schedule.ErrNotScheduled):
		return &web.Refusal{Code: http.StatusConflict, Text: err.Error(), Hint: "Enable it in the configuration."}
	case errors.Is(err, conduct.ErrFinal):
		return &web.Refusal{Code: http.StatusConflict, Text: err.Error(), Hint: "Only a run that is not over can be cancelled."}
	}
	return err
}
