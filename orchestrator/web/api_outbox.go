package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

type (
	updateJSON struct {
		Team      contest.Slug        `json:"team"`
		Criterion contest.Criterion   `json:"criterion"`
		State     contest.OutboxState `json:"state"`
		Attempts  int                 `json:"attempts"`
		DueAt     time.Time           `json:"dueAt"`
		CreatedAt time.Time           `json:"createdAt"`
		Error     string              `json:"error"` // the Hub's words
		Status    contest.Status      `json:"status"`
		Score     int                 `json:"score"`
	}
	updateMetricsJSON struct {
		updateJSON
		Metrics map[string]any `json:"metrics"` // what the Hub is told
	}
)

func outboxStates() []contest.OutboxState {
	return []contest.OutboxState{contest.OutboxPending, contest.OutboxSent, contest.OutboxParked}
}

func (o *operations) outbox(w http.ResponseWriter, r *http.Request) error {
	states := []contest.OutboxState{contest.OutboxPending, contest.OutboxParked}
	if text := r.URL.Query().Get("state"); text != "" {
		states = nil
		for name := range strings.SplitSeq(text, ",") {
			state := contest.OutboxState(strings.TrimSpace(name))
			if !slices.Contains(outboxStates(), state) {
				return badRequest("there is no such state of an update", "Give some of pending,sent,parked.")
			}
			states = append(states, state)
		}
	}
	return o.sendUpdates(w, r, states)
}

func (o *operations) sendUpdates(w http.ResponseWriter, r *http.Request, states []contest.OutboxState) error {
	rows, err := o.Outbox.Updates(r.Context(), states)
	if err != nil {
		return err
	}
	var out []updateJSON
	for _, row := range rows {
		out = append(out, newUpdateJSON(row))
	}
	return sendList(w, r, out)
}

func newUpdateJSON(row contest.OutboxRow) updateJSON {
	u := row.Update
	return updateJSON{
		Team: u.TeamSlug, Criterion: u.CriteriaType, State: row.State, Attempts: row.Attempts,
		DueAt: *utc(&row.DueAt), CreatedAt: *utc(&row.CreatedAt), Error: shown(row.Error, proseText), Status: u.Status, Score: u.Score,
	}
}

func (o *operations) update(w http.ResponseWriter, r *http.Request) error {
	at, err := placeOf(r, "team")
	if err != nil {
		return err
	}
	rows, err := o.Outbox.Updates(r.Context(), outboxStates())
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Update.TeamSlug == at.Team && row.Update.CriteriaType == at.Criterion {
			return sendJSON(w, r, updateMetricsJSON{newUpdateJSON(row), row.Update.Metrics})
		}
	}
	return &Refusal{http.StatusNotFound, "there is no update of this team in this criterion", "GET /api/v1/outbox?state=pending,sent,parked lists them."}
}

func (o *operations) retryUpdate(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := body(r, &by, &by); err != nil {
		return err
	}
	return o.changeUpdate(w, r, "retry", by)
}

func (o *operations) dropUpdate(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := reasoned(r, &by, &by); err != nil {
		return err
	}
	return o.changeUpdate(w, r, "drop", by)
}

func (o *operations) changeUpdate(w http.ResponseWriter, r *http.Request, change string, by By) error {
	at, err := placeOf(r, "team")
	if err != nil {
		return err
	}
	if err := o.Outbox.ChangeUpdate(r.Context(), at, change, by); err != nil {
		return err
	}
	return o.sendUpdates(w, r, []contest.OutboxState{contest.OutboxPending, contest.OutboxParked})
}

// placeOf finds the team and the criterion that the path names; the criterion
// may be any name of its service.
func placeOf(r *http.Request, team string) (Place, error) {
	slug, err := slugOf(r, team)
	if err != nil {
		return Place{}, err
	}
	service, err := contest.FindService(r.PathValue("criterion"))
	if err != nil {
		return Place{}, &Refusal{http.StatusNotFound, "there is no such criterion", "Name one like EVENT_SEARCH, or its service."}
	}
	return Place{slug, service.Criterion}, nil
}

// reasonedPlace reads a change of a team's criterion that is nothing but its reason.
func reasonedPlace(r *http.Request) (at Place, by By, err error) {
	if err := reasoned(r, &by, &by); err != nil {
		return at, by, err
	}
	at, err = placeOf(r, "slug")
	return at, by, err
}

func slugOf(r *http.Request, name string) (contest.Slug, error) {
	slug := contest.Slug(r.PathValue(name))
	if !slug.Valid() {
		return "", &Refusal{http.StatusNotFound, "there is no such team", "Name its slug as GET /api/v1/results has it."}
	}
	return slug, nil
}
