package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// book keeps what operators change of the schedule in the state.
type book struct{ *store.Store }

// ChangeMeta changes a named value, together with the line of the audit trail
// that the change brings along.
func (b book) ChangeMeta(ctx context.Context, name string, change func(value string) (string, error)) error {
	return b.Write(ctx, func(tx *store.Tx) error {
		value, err := tx.Meta(ctx, name)
		if err != nil {
			return err
		}
		if value, err = change(value); err != nil {
			return err
		}
		if err := tx.SetMeta(ctx, name, value); err != nil {
			return err
		}
		if e, ok := ctx.Value(entryKey{}).(store.AuditEntry); ok {
			return tx.Audit(ctx, e)
		}
		return nil
	})
}

// entryKey is where a context carries the line that is written to the audit
// trail with the change. The queue decides whether a change of the schedule is
// one, and knows of no audit trail; so the line rides along to the transaction
// that keeps the change, and a refused one leaves no line.
type entryKey struct{}

func withEntry(ctx context.Context, e store.AuditEntry) context.Context {
	return context.WithValue(ctx, entryKey{}, e)
}

// lastRound tells when a service's last round began and ended; zero: not yet.
func (w *works) lastRound(ctx context.Context, key contest.ServiceKey) (began, ended time.Time, err error) {
	rounds, err := w.store.Rounds(ctx, key, 1)
	if err != nil || len(rounds) == 0 {
		return time.Time{}, time.Time{}, err
	}
	if rounds[0].EndedAt != nil {
		ended = *rounds[0].EndedAt
	}
	return rounds[0].StartedAt, ended, nil
}

// skipped counts a firing that a pause has swallowed.
func (w *works) skipped(key contest.ServiceKey) {
	if s, err := contest.FindService(string(key)); err == nil {
		w.instruments.JobDone(s, web.JobSkipped, 0)
	}
}

// operations are what organisers see and change over the JSON API.
func (w *works) operations() *web.Operations {
	return &web.Operations{
		Token: w.config.Web.AdminToken.Reveal(), Schedule: scheduler{w}, Control: control{w}, Letters: letters{w},
		Outbox: updates{w}, Exclusions: exclusions{w}, Overrides: overrides{w}, Trail: trail{w.store}, Suspicions: suspicions{w.store},
	}
}

// noted is what a change writes to the audit trail.
func noted(what, subject string, by web.By) store.AuditEntry {
	return store.AuditEntry{Who: by.Who, What: what, Subject: subject, Why: by.Why}
}

// audited makes a change and writes it to the audit trail, both or neither.
func (w *works) audited(ctx context.Context, e store.AuditEntry, change func(tx *store.Tx) error) error {
	return w.store.Write(ctx, func(tx *store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return tx.Audit(ctx, e)
	})
}

// scheduler changes the schedule.
type scheduler struct{ *works }

// Services lists where every service stands.
func (s scheduler) Services(ctx context.Context) ([]web.ServiceStatus, error) {
	found, err := s.queue.Status(ctx)
	all := make([]web.ServiceStatus, 0, len(found))
	for _, st := range found {
		all = append(all, web.ServiceStatus(st))
	}
	return all, err
}

// Change runs, pauses or resumes a service.
func (s scheduler) Change(ctx context.Context, key contest.ServiceKey, change string, by web.By) error {
	e := noted(change+" service", string(key), by)
	switch change {
	case "run":
		return refusal(s.audited(ctx, e, func(tx *store.Tx) error { return s.queue.FireTx(ctx, tx.SQL.Tx, key) }))
	case "pause":
		return refusal(s.queue.Pause(withEntry(ctx, e), key))
	}
	return refusal(s.queue.Resume(withEntry(ctx, e), key))
}

// Reschedule gives a service another interval.
func (s scheduler) Reschedule(ctx context.Context, key contest.ServiceKey, interval string, by web.By) error {
	return refusal(s.queue.Reschedule(withEntry(ctx, noted("reschedule service", string(key)+" "+interval, by)), key, interval))
}

// control ends runs and has teams measured again; the line writes the audit trail.
type control struct{ *works }

// Rerun has a team measured once more.
func (c control) Rerun(ctx context.Context, at web.Place, by web.By) (contest.RoundID, error) {
	service, err := contest.FindService(string(at.Criterion))
	switch {
	case err != nil:
		return "", err
	case !slices.Contains(c.services, service.Key):
		return "", refusal(fmt.Errorf("%w: %s", schedule.ErrNotScheduled, service.Key))
	case service.Key == contest.CostTracking:
		return "", &web.Refusal{Code: http.StatusConflict, Text: "spends are measured for all teams together, because they are compared", Hint: "Run cost-tracking now instead."}
	}
	round, err := c.line.Rerun(ctx, conduct.Rerun{Team: at.Team, Criterion: at.Criterion, Who: by.Who, Why: by.Why})
	switch {
	case errors.Is(err, conduct.ErrUnderWay):
		err = &web.Refusal{Code: http.StatusConflict, Text: conduct.ErrUnderWay.Error(), Hint: "Wait for its verdict, or cancel its run."}
	case errors.Is(err, conduct.ErrNoRoster):
		c.log.WarnContext(ctx, "a team could not be measured again", "team", at.Team, "error", err)
		err = &web.Refusal{Code: http.StatusServiceUnavailable, Text: conduct.ErrNoRoster.Error(), Hint: "The log says why. Try again when it can."}
	}
	return round, refusal(err)
}

// Cancel ends a run.
func (c control) Cancel(ctx context.Context, run string, by web.By) (contest.Run, error) {
	r, err := c.line.Cancel(ctx, run, by.Who, by.Why)
	return r, refusal(err)
}

// StopAll ends every run.
func (c control) StopAll(ctx context.Context, by web.By) (int, error) {
	return c.line.StopAll(ctx, by.Who, by.Why)
}

// trail is the audit trail.
type trail struct{ *store.Store }

// AuditTrail lists the newest lines, newest first.
func (t trail) AuditTrail(ctx context.Context, limit int) ([]web.AuditEntry, error) {
	found, err := t.Store.AuditTrail(ctx, limit)
	all := make([]web.AuditEntry, 0, len(found))
	for _, e := range found {
		all = append(all, web.AuditEntry(e))
	}
	return all, err
}

// refusal says in words what the caller can do something about.
func refusal(err error) error {
	for _, known := range []struct {
		of   error
		code int
		hint string
	}{
		{store.ErrNotFound, http.StatusNotFound, "List what there is first."},
		{schedule.ErrNoLetter, http.StatusNotFound, "GET /api/v1/dead-letters lists them; one that was retried is none any more."},
		{conduct.ErrNoTeam, http.StatusNotFound, "Name its slug as GET /api/v1/results has it; a team that is excluded takes no part."},
		{schedule.ErrBadInterval, http.StatusBadRequest, `Give five cron fields, like "*/30 * * * *".`},
		{schedule.ErrNotScheduled, http.StatusConflict, "Enable it in the configuration."},
		{conduct.ErrFinal, http.StatusConflict, "Only a run that is not over can be cancelled."},
		{store.ErrStale, http.StatusConflict, "It has changed meanwhile: look again."},
	} {
		if errors.Is(err, known.of) {
			return &web.Refusal{Code: known.code, Text: err.Error(), Hint: known.hint}
		}
	}
	return err
}
