package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Spends is what is known of teams' spend, and where organisers write it down.
type Spends interface {
	// Sheet lists every team with its newest entry.
	Sheet(ctx context.Context) (SpendSheet, error)
	// Of returns one team with its entries, newest first, or ErrNotFound.
	Of(ctx context.Context, team contest.Slug) (TeamSpend, error)
	// Enter writes down what a team has spent. It answers a *Refusal, with a
	// sentence for whoever typed it, to what is no entry.
	Enter(ctx context.Context, e SpendForm) error
}

// SpendSheet is what is known of all teams.
type SpendSheet struct {
	Teams []TeamSpend
	Note  string // what is wrong with it, in a sentence
}

// TeamSpend is what is known of one team's spend.
type TeamSpend struct {
	Team     contest.Team // as people may see it
	Typed    string       // the amount that MONEY_SPEND was read as; empty: none, or a secret
	Problem  string       // why MONEY_SPEND cannot be read, in a sentence
	Differs  bool         // the newest entry and MONEY_SPEND do
	Currency string       // of amounts that name none
	Entries  []SpendEntry
}

// SpendEntry is what an organiser wrote down.
type SpendEntry struct {
	Amount string
	Note   string
	Who    string
	At     time.Time
}

// SpendForm is what an organiser typed.
type SpendForm struct {
	Team                        contest.Slug
	Amount, Currency, Note, Who string
}

// Newest returns the entry that counts; nil when there is none.
func (t TeamSpend) Newest() *SpendEntry {
	if len(t.Entries) == 0 {
		return nil
	}
	return &t.Entries[0]
}

// spendPages show and take what teams have spent.
type spendPages struct {
	*desk
	spends Spends
}

func (p spendPages) sheet(w http.ResponseWriter, r *http.Request, who session) error {
	sheet, err := p.spends.Sheet(r.Context())
	if err != nil {
		return fmt.Errorf("read spends: %w", err)
	}
	return p.render(w, r, "spend", frame{Title: "Spend", Body: p.page(who, "/organisers/spend", sheet)})
}

// spendTeamPage is a team with the form about it.
type spendTeamPage struct {
	TeamSpend
	Form    SpendForm // as it was typed
	Problem *Refusal  // why it was not taken
	Saved   bool
}

func (p spendPages) team(w http.ResponseWriter, r *http.Request, who session) error {
	return p.show(w, r, who, spendTeamPage{Saved: r.URL.Query().Has("saved")})
}

func (p spendPages) show(w http.ResponseWriter, r *http.Request, who session, page spendTeamPage) (err error) {
	slug := contest.Slug(r.PathValue("slug"))
	if !slug.Valid() {
		return ErrNotFound
	}
	if page.TeamSpend, err = p.spends.Of(r.Context(), slug); err != nil {
		return fmt.Errorf("read spend of %s: %w", slug, err)
	}
	code := http.StatusOK
	if page.Problem != nil {
		code = page.Problem.Code
	}
	title := "Spend of " + teamName(page.Team, shortText)
	return p.render(w, r, "spend_team", frame{Title: title, Code: code, Body: p.page(who, "/organisers/spend", page)})
}

// enter takes the form. What it cannot take comes back as it was typed, with
// what is wrong.
func (p spendPages) enter(w http.ResponseWriter, r *http.Request, who session) error {
	slug := contest.Slug(r.PathValue("slug"))
	if !slug.Valid() {
		return ErrNotFound
	}
	form := SpendForm{
		Team: slug, Amount: shown(r.PostFormValue("amount"), proseText), Currency: shown(r.PostFormValue("currency"), shortText),
		Note: shown(r.PostFormValue("note"), proseText), Who: shown(r.PostFormValue("who"), shortText),
	}
	err := p.spends.Enter(r.Context(), form)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return p.show(w, r, who, spendTeamPage{Form: form, Problem: refusal})
	case err != nil:
		return fmt.Errorf("enter spend of %s: %w", slug, err)
	}
	http.Redirect(w, r, "/organisers/spend/"+string(slug)+"?saved", http.StatusSeeOther)
	return nil
}
