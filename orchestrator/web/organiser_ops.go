package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// trailLines is how much of the audit trail its page shows.
const trailLines = 200

// opsPage is a page on which organisers see what there is, and change it: who
// and why are typed once, and each line has its buttons.
type opsPage struct {
	*desk
	section
	read   func(ctx context.Context, into *opsView) error
	change func(ctx context.Context, verb, subject string, by By) error // nil: nothing can be
}

// opsView is what such a page shows.
type opsView struct {
	Path, Title string
	Changes     bool
	By          By       // as it was typed
	Problem     *Refusal // why a change was not made
	Done        bool

	Services []ServiceStatus
	Active   []ActiveRun
	Waiting  []contest.Run
	Again    again
	Letters  []DeadLetter
	Trail    []AuditEntry
	Suspects []contest.Suspicion
}

// again is what can be measured once more, and what of it is chosen.
type again struct {
	Teams    []contest.Team
	Criteria []contest.Criterion
	Chosen   Place
}

// operate adds the pages of what the API lets organisers see and change.
func (d *desk) operate(mux *http.ServeMux, o *Operations) {
	pages := []opsPage{
		{d, section{"/organisers/services", "Services"}, d.readServices, func(ctx context.Context, verb, subject string, by By) error {
			service, err := contest.FindService(subject)
			if err != nil {
				return ErrNotFound
			}
			return o.Schedule.Change(ctx, service.Key, verb, by)
		}},
		{d, section{"/organisers/runs", "Runs"}, d.readRuns, func(ctx context.Context, verb, subject string, by By) (err error) {
			switch verb {
			case "stop":
				_, err = o.Control.StopAll(ctx, by)
				return err
			case "rerun":
				at := chosen(subject)
				if _, err := contest.FindService(string(at.Criterion)); err != nil || !at.Team.Valid() {
					return &Refusal{http.StatusUnprocessableEntity, "It is not chosen whom to measure again, and in what", "Nothing was changed. Choose a team and a criterion."}
				}
				_, err = o.Control.Rerun(ctx, at, by)
				return err
			}
			if !contest.TestID(subject).Valid() {
				return ErrNotFound
			}
			_, err = o.Control.Cancel(ctx, subject, by)
			return err
		}},
		{d, section{"/organisers/letters", "Dead letters"}, d.readLetters, func(ctx context.Context, verb, subject string, by By) error {
			id, err := strconv.ParseInt(subject, 10, 64)
			if err != nil {
				return ErrNotFound
			}
			return o.Letters.ChangeLetter(ctx, id, verb, by)
		}},
		{d, section{"/organisers/suspicions", "Suspicions"}, d.readSuspicions, nil},
		{d, section{"/organisers/audit", "Audit trail"}, d.readTrail, nil},
	}
	for _, p := range pages {
		d.sections = append(d.sections, p.section)
		mux.HandleFunc("GET "+p.Path, d.serve(d.signedIn(p.get)))
		if p.change != nil {
			mux.HandleFunc("POST "+p.Path, d.serve(d.change(p.post)))
		}
	}
}

func (d *desk) readServices(ctx context.Context, into *opsView) (err error) {
	into.Services, err = d.Operations.Schedule.Services(ctx)
	return err
}

func (d *desk) readRuns(ctx context.Context, into *opsView) (err error) {
	if into.Active, err = d.Pulse.Active(ctx); err != nil {
		return err
	}
	waiting, err := d.Pulse.Waiting(ctx)
	into.Waiting = waiting.Runs[:min(mostTurns, len(waiting.Runs))]
	if err != nil {
		return err
	}
	if into.Again.Teams, err = d.Board.Teams(ctx); err != nil {
		return err
	}
	slices.SortFunc(into.Again.Teams, func(a, b contest.Team) int {
		return cmp.Compare(strings.ToLower(teamName(a, shortText)), strings.ToLower(teamName(b, shortText)))
	})
	services, err := d.Operations.Schedule.Services(ctx)
	for _, s := range services {
		if s.Enabled && s.Service != contest.CostTracking { // spends are compared, so all of them are measured together
			into.Again.Criteria = append(into.Again.Criteria, s.Criterion)
		}
	}
	return err
}

// chosen reads a place as the page's form names it: "team criterion".
func chosen(subject string) Place {
	team, criterion, _ := strings.Cut(subject, " ")
	return Place{contest.Slug(team), contest.Criterion(criterion)}
}

func (d *desk) readLetters(ctx context.Context, into *opsView) (err error) {
	into.Letters, err = d.Operations.Letters.DeadLetters(ctx)
	return err
}

func (d *desk) readTrail(ctx context.Context, into *opsView) (err error) {
	into.Trail, err = d.Operations.Trail.AuditTrail(ctx, trailLines)
	return err
}

func (d *desk) readSuspicions(ctx context.Context, into *opsView) (err error) {
	into.Suspects, err = d.Operations.Suspicions.Suspicions(ctx)
	return err
}

func (p opsPage) get(w http.ResponseWriter, r *http.Request, who session) error {
	q := r.URL.Query()
	return p.show(w, r, who, opsView{Done: q.Has("done"), Again: again{Chosen: chosen(q.Get("team") + " " + q.Get("criterion"))}})
}

func (p opsPage) show(w http.ResponseWriter, r *http.Request, who session, view opsView) error {
	view.Path, view.Title, view.Changes = p.Path, p.Title, p.change != nil
	if err := p.read(r.Context(), &view); err != nil {
		return fmt.Errorf("read %s: %w", p.Path, err)
	}
	code := http.StatusOK
	if view.Problem != nil {
		code = view.Problem.Code
	}
	return p.render(w, r, "ops", frame{Title: p.Title, Code: code, Body: p.page(who, p.Path, view)})
}

// post makes a change that a button names as "verb subject". What is refused
// comes back with the reason, and with what was typed.
func (p opsPage) post(w http.ResponseWriter, r *http.Request, who session) error {
	by := By{Who: shown(r.PostFormValue("who"), shortText), Why: shown(r.PostFormValue("why"), proseText)}
	verb, subject, ok := strings.Cut(r.PostFormValue("do"), " ")
	if verb == "rerun" {
		subject = r.PostFormValue("team") + " " + r.PostFormValue("criterion")
	}
	err := error(&Refusal{http.StatusUnprocessableEntity, "It is not said who does this and why", "Nothing was changed. Fill in both, they are kept in the audit trail, and press the button again."})
	switch {
	case !ok || !allowed(p.Path, verb):
		err = &Refusal{http.StatusBadRequest, "There is no such change", "Nothing was changed. Press one of the page's buttons."}
	case by.Who != "" && by.Why != "":
		err = p.change(r.Context(), verb, subject, by)
	}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return p.show(w, r, who, opsView{By: by, Problem: refusal, Again: again{Chosen: chosen(subject)}})
	case err != nil:
		return fmt.Errorf("%s on %s: %w", verb, p.Path, err)
	}
	http.Redirect(w, r, p.Path+"?done", http.StatusSeeOther)
	return nil
}

// allowed reports whether a page has a button for the verb.
func allowed(path, verb string) bool {
	switch path {
	case "/organisers/services":
		return verb == "run" || verb == "pause" || verb == "resume"
	case "/organisers/runs":
		return verb == "cancel" || verb == "stop" || verb == "rerun"
	case "/organisers/letters":
		return verb == "retry" || verb == "drop"
	}
	return false
}
