package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// letters are the queue's dead letters, with the teams that they are about.
type letters struct{ *works }

// DeadLetters lists them, newest first.
func (l letters) DeadLetters(ctx context.Context) ([]web.DeadLetter, error) {
	found, err := l.queue.DeadLetters(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]web.DeadLetter, 0, len(found))
	for _, d := range found {
		known, err := l.known(ctx, d)
		if err != nil {
			return nil, err
		}
		all = append(all, known)
	}
	return all, nil
}

// DeadLetter finds one.
func (l letters) DeadLetter(ctx context.Context, id int64) (web.DeadLetter, error) {
	d, err := l.queue.DeadLetter(ctx, id)
	if err != nil {
		return web.DeadLetter{}, refusal(err)
	}
	return l.known(ctx, d)
}

// known looks up whose step a dead letter was. A row that is gone leaves it empty.
func (l letters) known(ctx context.Context, d schedule.DeadLetter) (web.DeadLetter, error) {
	out := web.DeadLetter{ID: d.ID, Kind: d.Kind, Service: d.Service, Run: d.Run, Round: d.Round, Died: d.Died, Retries: max(0, d.Tries-1)}
	for _, f := range d.History {
		out.History = append(out.History, web.LetterFail(f))
	}
	var err error
	switch {
	case d.Run != "":
		var run store.Run
		run, err = l.store.Run(ctx, string(d.Run))
		out.Service, out.Team, out.Round = run.Service, run.Team.Slug, run.Round
	case d.Round != "" && d.Service == "": // the letter of a round that did not begin names its service
		var round contest.Round
		round, err = l.store.Round(ctx, d.Round)
		out.Service = round.Service
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return out, err
}

// ChangeLetter retries or drops one. River's row and the audit trail are in one
// database, so both change in one transaction.
func (l letters) ChangeLetter(ctx context.Context, id int64, change string, by web.By) error {
	do := map[string]func(context.Context, *sql.Tx, int64) error{"retry": l.queue.RetryLetter, "drop": l.queue.DropLetter}[change]
	d, err := l.DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	subject := strings.Join(strings.Fields(fmt.Sprintf("%d: %s %s %s", id, d.Kind, d.Service, d.Team)), " ")
	return refusal(l.audited(ctx, noted(change+" dead letter", subject, by), func(tx *store.Tx) error { return do(ctx, tx.SQL.Tx, id) }))
}

// updates are the outbox's rows.
type updates struct{ *works }

// Updates lists the rows in one of the states.
func (u updates) Updates(ctx context.Context, states []contest.OutboxState) ([]contest.OutboxRow, error) {
	return u.store.Outbox(ctx, states...)
}

// ChangeUpdate has a row sent again, or gives it up.
func (u updates) ChangeUpdate(ctx context.Context, at web.Place, change string, by web.By) error {
	e := noted(change+" update", fmt.Sprintf("%s %s", at.Team, at.Criterion), by)
	do, stale := (*store.Tx).RetryUpdate, "the Hub holds this update already"
	if change == "drop" {
		do, stale = (*store.Tx).DropUpdate, "this update is not parked, so it may be on its way to the Hub or there"
	}
	err := u.audited(ctx, e, func(tx *store.Tx) error { return do(tx, ctx, at.Team, at.Criterion) })
	if errors.Is(err, store.ErrStale) {
		return &web.Refusal{Code: http.StatusConflict, Text: stale, Hint: "A pending or parked update can be retried, a parked one dropped."}
	}
	if err == nil && change == "retry" {
		observer(u).UpdateQueued()
	}
	return refusal(err)
}

// exclusions are the teams that take no part.
type exclusions struct{ *works }

// Exclusions lists those of the configuration and those of organisers.
func (x exclusions) Exclusions(ctx context.Context) ([]web.Exclusion, error) {
	found, err := x.store.Exclusions(ctx)
	if err != nil {
		return nil, err
	}
	var all []web.Exclusion
	for _, slug := range x.config.Contest.Teams.Exclude {
		all = append(all, web.Exclusion{Team: slug, Source: web.ByContest})
	}
	for _, e := range found {
		all = append(all, web.Exclusion{Team: e.Team, Who: e.Who, Why: e.Why, At: &e.At, Source: web.ByOrganiser})
	}
	return all, nil
}

// Exclude takes a team out of the rounds that begin from now on.
func (x exclusions) Exclude(ctx context.Context, team contest.Slug, by web.By) error {
	if err := x.exists(ctx, team); err != nil {
		return err
	}
	return refusal(x.audited(ctx, noted("exclude team", string(team), by), func(tx *store.Tx) error {
		return tx.Exclude(ctx, team, by.Who, by.Why)
	}))
}

// exists refuses a slug that neither the contest's history nor its teams know:
// an exclusion that is misspelt would take nobody out and look as if it did.
func (x exclusions) exists(ctx context.Context, team contest.Slug) error {
	known := func(t contest.Team) bool { return t.Slug == team }
	seen, err := board(x).Teams(ctx)
	if err != nil || slices.ContainsFunc(seen, known) {
		return err
	}
	all, err := x.teams(ctx)
	if err != nil {
		return &web.Refusal{Code: http.StatusServiceUnavailable, Text: "nobody here knows this team, and the list of teams cannot be had now", Hint: "Try again when it can."}
	}
	if !slices.ContainsFunc(all, known) {
		return refusal(fmt.Errorf("%w: %s", conduct.ErrNoTeam, team))
	}
	return nil
}

// Include takes a team in again.
func (x exclusions) Include(ctx context.Context, team contest.Slug, by web.By) error {
	err := x.audited(ctx, noted("include team", string(team), by), func(tx *store.Tx) error { return tx.Include(ctx, team) })
	if errors.Is(err, store.ErrNotFound) && x.config.Contest.Excluded(team) {
		return &web.Refusal{Code: http.StatusConflict, Text: "the team is excluded by the configuration", Hint: "Take it out of teams.exclude in contest.yaml."}
	}
	return refusal(err)
}

// overrides are the verdicts that organisers set; the line writes the audit trail.
type overrides struct{ *works }

// Overrides lists them.
func (o overrides) Overrides(ctx context.Context) ([]web.Override, error) {
	found, err := o.store.Overrides(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]web.Override, 0, len(found))
	for _, v := range found {
		all = append(all, web.Override{
			Team: v.Team.Slug, Criterion: v.Criterion, Status: v.Status, Score: v.Score, By: web.By{Who: v.Who, Why: v.Why}, At: v.At,
		})
	}
	return all, nil
}

// Override sets a verdict by hand.
func (o overrides) Override(ctx context.Context, v web.Override) error {
	return refusal(o.line.Override(ctx, conduct.Override{
		Team: v.Team, Criterion: v.Criterion, Status: v.Status, Score: v.Score, Who: v.Who, Why: v.Why,
	}))
}

// Lift ends an override.
func (o overrides) Lift(ctx context.Context, at web.Place, by web.By) error {
	return refusal(o.line.Lift(ctx, at.Team, at.Criterion, store.AuditEntry{Who: by.Who, Why: by.Why}))
}
