package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// How many runs a list has when it is not said, and at most.
const (
	someRuns = 100
	mostRuns = 1000
)

type runsJSON struct {
	SchemaVersion int       `json:"schemaVersion"`
	Runs          []runJSON `json:"runs"`
}

// apiRuns lists runs, newest first.
func (s *site) apiRuns(w http.ResponseWriter, r *http.Request, v view) error {
	f, err := runFilter(r)
	if err != nil {
		return err
	}
	f.JudgedBy = v.until
	runs, err := s.Archive.Runs(r.Context(), f)
	if err != nil {
		return err
	}
	out := runsJSON{SchemaVersion: SchemaVersion, Runs: []runJSON{}}
	for _, run := range runs {
		out.Runs = append(out.Runs, s.runJSON(run))
	}
	return sendJSON(w, r, out)
}

func runFilter(r *http.Request) (f RunFilter, err error) {
	q := r.URL.Query()
	if f.Team = contest.Slug(q.Get("team")); f.Team != "" && !f.Team.Valid() {
		return f, badRequest("team is not the name of one", "Give its slug as the results have it.")
	}
	if name := q.Get("criterion"); name != "" {
		service, err := contest.FindService(name)
		if err != nil {
			return f, badRequest("there is no such criterion", "Give one like EVENT_SEARCH, or the name of its service.")
		}
		f.Criterion = service.Criterion
	}
	if f.State = contest.RunState(q.Get("state")); f.State != "" && !slices.Contains(runStates(), f.State) {
		return f, badRequest("there is no such state of a run", fmt.Sprintf("Give one of %v.", runStates()))
	}
	f.Limit, err = limit(r, someRuns, mostRuns)
	return f, err
}

func runStates() []contest.RunState {
	return []contest.RunState{
		contest.RunPlanned, contest.RunLeased, contest.RunPrepared, contest.RunLaunched,
		contest.RunEnded, contest.RunCollected, contest.RunJudged, contest.RunCancelled,
	}
}

// limit reads how long a list may be.
func limit(r *http.Request, some, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return some, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badRequest("limit is no number from 1 to "+strconv.Itoa(most), "Leave it out for "+strconv.Itoa(some)+".")
	}
	return n, nil
}

func (o *operations) cancel(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := reasoned(r, &by, &by); err != nil {
		return err
	}
	id := r.PathValue("id")
	if !contest.TestID(id).Valid() {
		return &Refusal{http.StatusNotFound, "there is no such run", "GET /api/v1/runs lists them."}
	}
	run, err := o.Control.Cancel(r.Context(), id, by)
	if err != nil {
		return err
	}
	return sendJSON(w, r, o.site.runJSON(run))
}

// rerun has a team measured once more in a criterion.
func (o *operations) rerun(w http.ResponseWriter, r *http.Request) error {
	at, by, err := reasonedPlace(r)
	if err != nil {
		return err
	}
	round, err := o.Control.Rerun(r.Context(), at, by)
	if err != nil {
		return err
	}
	return sendJSON(w, r, map[string]string{"round": string(round), "team": string(at.Team), "criterion": string(at.Criterion)})
}

func (o *operations) stop(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := reasoned(r, &by, &by); err != nil {
		return err
	}
	stopped, err := o.Control.StopAll(r.Context(), by)
	if err != nil {
		return err
	}
	return sendJSON(w, r, map[string]int{"stopped": stopped})
}
