package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

type (
	// letterJSON has the names of the seed document's FailedJobRecord first. A
	// dead letter is not tried again by itself, so nextRetryAt is always null.
	letterJSON struct {
		ID          int64           `json:"id"`
		ServiceName string          `json:"serviceName"`
		TeamID      contest.Slug    `json:"teamId"`
		Error       string          `json:"error"`
		Timestamp   time.Time       `json:"timestamp"`
		RetryCount  int             `json:"retryCount"`
		NextRetryAt *time.Time      `json:"nextRetryAt"`
		Kind        string          `json:"kind"`
		Run         contest.RunID   `json:"run"`
		Round       contest.RoundID `json:"round"`
	}
	letterHistoryJSON struct {
		letterJSON
		History []LetterFail `json:"history"`
	}
)

func (o *operations) letters(w http.ResponseWriter, r *http.Request) error {
	var only contest.ServiceKey
	if name := r.URL.Query().Get("service"); name != "" {
		service, err := contest.FindService(name)
		if err != nil {
			return badRequest("there is no such service", "GET /api/v1/services lists them.")
		}
		only = service.Key
	}
	return o.sendLetters(w, r, only)
}

// sendLetters lists the dead letters of one service, or of all when only is empty.
func (o *operations) sendLetters(w http.ResponseWriter, r *http.Request, only contest.ServiceKey) error {
	all, err := o.Letters.DeadLetters(r.Context())
	if err != nil {
		return err
	}
	var out []letterJSON
	for _, d := range all {
		if only == "" || d.Service == only {
			out = append(out, newLetterJSON(d))
		}
	}
	return sendList(w, r, out)
}

func newLetterJSON(d DeadLetter) letterJSON {
	out := letterJSON{
		ID: d.ID, TeamID: d.Team, Timestamp: *utc(&d.Died), RetryCount: d.Retries,
		Kind: d.Kind, Run: d.Run, Round: d.Round,
	}
	if s, err := contest.FindService(string(d.Service)); err == nil {
		out.ServiceName = s.Name
	}
	if len(d.History) > 0 {
		out.Error = shown(d.History[len(d.History)-1].Error, proseText)
	}
	return out
}

func (o *operations) letter(w http.ResponseWriter, r *http.Request) error {
	id, err := letterID(r)
	if err != nil {
		return err
	}
	d, err := o.Letters.DeadLetter(r.Context(), id)
	if err != nil {
		return err
	}
	out := letterHistoryJSON{newLetterJSON(d), []LetterFail{}}
	for _, f := range d.History {
		out.History = append(out.History, LetterFail{At: *utc(&f.At), Try: f.Try, Error: shown(f.Error, proseText)})
	}
	return sendJSON(w, r, out)
}

func (o *operations) retryLetter(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := body(r, &by, &by); err != nil {
		return err
	}
	return o.changeLetter(w, r, "retry", by)
}

func (o *operations) dropLetter(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := reasoned(r, &by, &by); err != nil {
		return err
	}
	return o.changeLetter(w, r, "drop", by)
}

func (o *operations) changeLetter(w http.ResponseWriter, r *http.Request, change string, by By) error {
	id, err := letterID(r)
	if err != nil {
		return err
	}
	if err := o.Letters.ChangeLetter(r.Context(), id, change, by); err != nil {
		return err
	}
	return o.sendLetters(w, r, "")
}

func letterID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, &Refusal{http.StatusNotFound, "there is no such dead letter", "GET /api/v1/dead-letters lists them."}
	}
	return id, nil
}
