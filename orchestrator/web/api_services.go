package web

import (
	"net/http"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// operations serve the organisers' part of the API.
type operations struct {
	*Operations
	site *site
}

func (o *operations) services(w http.ResponseWriter, r *http.Request) error {
	all, err := o.Schedule.Services(r.Context())
	if err != nil {
		return err
	}
	return sendList(w, r, all)
}

func (o *operations) changeService(change string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		var by By
		if err := body(r, &by, &by); err != nil {
			return err
		}
		key, err := serviceOf(r)
		if err != nil {
			return err
		}
		if err := o.Schedule.Change(r.Context(), key, change, by); err != nil {
			return err
		}
		return o.services(w, r)
	}
}

func (o *operations) reschedule(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		By
		Interval string `json:"interval"`
	}
	if err := body(r, &in, &in.By); err != nil {
		return err
	}
	key, err := serviceOf(r)
	if err != nil {
		return err
	}
	if err := o.Schedule.Reschedule(r.Context(), key, in.Interval, in.By); err != nil {
		return err
	}
	return o.services(w, r)
}

// serviceOf finds the service that the path names by any of its names.
func serviceOf(r *http.Request) (contest.ServiceKey, error) {
	s, err := contest.FindService(r.PathValue("service"))
	if err != nil {
		return "", &Refusal{http.StatusNotFound, "there is no such service", "GET /api/v1/services lists them."}
	}
	return s.Key, nil
}
