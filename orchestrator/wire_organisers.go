package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// organisers are the pages on which organisers change things.
func (w *works) organisers() *web.Organisers {
	return &web.Organisers{Token: w.config.Web.AdminToken.Reveal(), Spends: spendBook{w}}
}

const (
	spendTeamsTime = 5 * time.Second // for the list of teams, before the last known one serves
	spendHistory   = 200             // entries that a team's page shows
)

// spendBook is what is known of teams' spend, and the book in which organisers
// write it down.
type spendBook struct{ *works }

// Sheet lists every team with its newest entry.
func (s spendBook) Sheet(ctx context.Context) (web.SpendSheet, error) {
	teams, note, err := s.known(ctx)
	if err != nil {
		return web.SpendSheet{}, err
	}
	newest, err := s.store.Spends(ctx)
	if err != nil {
		return web.SpendSheet{}, err
	}
	sheet := web.SpendSheet{Note: note}
	for _, t := range teams {
		var entries []store.SpendEntry
		if e, ok := newest[t.Slug]; ok {
			entries = []store.SpendEntry{e}
			delete(newest, t.Slug)
		}
		sheet.Teams = append(sheet.Teams, s.spendOf(t, entries))
	}
	for _, e := range newest { // of teams that have left
		sheet.Teams = append(sheet.Teams, s.spendOf(contest.Team{Slug: e.Team}, []store.SpendEntry{e}))
	}
	slices.SortFunc(sheet.Teams, func(a, b web.TeamSpend) int { return strings.Compare(string(a.Team.Slug), string(b.Team.Slug)) })
	return sheet, nil
}

// Of returns one team with its entries.
func (s spendBook) Of(ctx context.Context, slug contest.Slug) (web.TeamSpend, error) {
	team, err := s.team(ctx, slug)
	if err != nil {
		return web.TeamSpend{}, err
	}
	entries, err := s.store.SpendHistory(ctx, slug, spendHistory)
	if err != nil {
		return web.TeamSpend{}, err
	}
	return s.spendOf(team, entries), nil
}

// Enter checks what was typed and writes it down.
func (s spendBook) Enter(ctx context.Context, f web.SpendForm) error {
	if _, err := s.team(ctx, f.Team); err != nil {
		return err
	}
	amount, err := s.amountOf(f)
	if err != nil {
		return &web.Refusal{Code: http.StatusUnprocessableEntity, Text: err.Error(), Hint: "Nothing was written down."}
	}
	if f.Who == "" {
		return &web.Refusal{Code: http.StatusUnprocessableEntity, Text: "It is not said who writes this down.", Hint: "Give your name: it stays with the entry."}
	}
	entry := store.SpendEntry{
		Team: f.Team, Micros: amount.Micros, Currency: amount.Currency, Approximate: amount.Approximate, Note: f.Note, Who: f.Who,
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.AddSpend(ctx, entry, amount.String()) })
}

// amountOf reads the amount in the currency that is named in either field.
func (s spendBook) amountOf(f web.SpendForm) (cost.Amount, error) {
	amount, err := cost.Parse(f.Amount)
	if err != nil {
		return cost.Amount{}, err
	}
	code := strings.ToUpper(strings.TrimSpace(f.Currency))
	if code != "" && amount.Currency != "" && amount.Currency != code {
		return cost.Amount{}, &cost.Refusal{Sentence: "The amount is in " + amount.Currency + " and the currency says otherwise: leave the currency empty, or make both say the same."}
	}
	amount = amount.Or(cmp.Or(code, s.money()))
	if !amount.Valid() {
		return cost.Amount{}, &cost.Refusal{Sentence: "There is no such currency: give its code of ISO 4217, like KZT or USD."}
	}
	return amount, nil
}

// money is the currency of amounts that name none.
func (s spendBook) money() string { return s.config.Cost.Currency }

// known lists the teams: the Hub's, or where it does not answer, those that were
// measured, with a sentence about that.
func (s spendBook) known(ctx context.Context) (teams []contest.Team, note string, err error) {
	short, cancel := context.WithTimeout(ctx, spendTeamsTime)
	defer cancel()
	if teams, err = s.contestants(short); err == nil {
		return teams, "", nil
	}
	teams, err = board(s).Teams(ctx)
	return teams, "The teams cannot be read just now. What they say is as it was when they were last measured.", err
}

func (s spendBook) team(ctx context.Context, slug contest.Slug) (contest.Team, error) {
	teams, _, err := s.known(ctx)
	if err != nil {
		return contest.Team{}, err
	}
	for _, t := range teams {
		if t.Slug == slug {
			return t, nil
		}
	}
	entries, err := s.store.SpendHistory(ctx, slug, 1)
	if err == nil && len(entries) == 0 {
		err = web.ErrNotFound
	}
	return contest.Team{Slug: slug}, err
}

// spendOf puts together what is known of a team, as people may see it.
func (s spendBook) spendOf(t contest.Team, entries []store.SpendEntry) web.TeamSpend {
	shown := web.TeamSpend{Team: t.Shown(), Currency: s.money()}
	for _, e := range entries {
		shown.Entries = append(shown.Entries, web.SpendEntry{Amount: entryOf(e).Amount.String(), Note: e.Note, Who: e.Who, At: e.At})
	}
	typed, err := cost.Parse(t.Spend)
	typed = typed.Or(s.money())
	switch {
	case errors.Is(err, cost.ErrNothing):
		return shown
	case err != nil:
		shown.Problem = err.Error()
	case shown.Team.Spend == t.Spend: // no secret
		shown.Typed = typed.String()
	}
	if len(entries) > 0 && err == nil {
		newest := entryOf(entries[0]).Amount
		shown.Differs = newest.Micros != typed.Micros || newest.Currency != typed.Currency
	}
	return shown
}

// entryOf is an entry as the exporter counts it.
func entryOf(e store.SpendEntry) cost.Entry {
	return cost.Entry{
		Team: e.Team, Amount: cost.Amount{Micros: e.Micros, Currency: e.Currency, Approximate: e.Approximate},
		Note: e.Note, Who: e.Who, At: e.At,
	}
}

// entries are what counts before MONEY_SPEND.
func (s spendBook) entries(ctx context.Context) (map[contest.Slug]cost.Entry, error) {
	newest, err := s.store.Spends(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[contest.Slug]cost.Entry, len(newest))
	for slug, e := range newest {
		all[slug] = entryOf(e)
	}
	return all, nil
}
