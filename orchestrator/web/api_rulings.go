package web

import (
	"context"
	"fmt"
	"math"
	"net/http"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// How many lines of the audit trail are told when it is not said, and at most.
const (
	someLines = 200
	mostLines = 5000
)

func (o *operations) exclusions(w http.ResponseWriter, r *http.Request) error {
	all, err := o.Exclusions.Exclusions(r.Context())
	if err != nil {
		return err
	}
	for i := range all {
		all[i].At = utc(all[i].At)
	}
	return sendList(w, r, all)
}

func (o *operations) exclude(w http.ResponseWriter, r *http.Request) error {
	return o.changeExclusion(w, r, o.Exclusions.Exclude)
}

func (o *operations) include(w http.ResponseWriter, r *http.Request) error {
	return o.changeExclusion(w, r, o.Exclusions.Include)
}

func (o *operations) changeExclusion(w http.ResponseWriter, r *http.Request, change func(context.Context, contest.Slug, By) error) error {
	var by By
	if err := reasoned(r, &by, &by); err != nil {
		return err
	}
	slug, err := slugOf(r, "slug")
	if err != nil {
		return err
	}
	if err := change(r.Context(), slug, by); err != nil {
		return err
	}
	return o.exclusions(w, r)
}

func (o *operations) overrides(w http.ResponseWriter, r *http.Request) error {
	all, err := o.Overrides.Overrides(r.Context())
	if err != nil {
		return err
	}
	for i := range all {
		all[i].At = *utc(&all[i].At)
	}
	return sendList(w, r, all)
}

func (o *operations) override(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		By
		Status contest.Status `json:"status"`
		Score  *int           `json:"score"`
	}
	if err := reasoned(r, &in, &in.By); err != nil {
		return err
	}
	at, err := placeOf(r, "slug")
	if err != nil {
		return err
	}
	if !in.Status.Valid() {
		return badRequest("the Hub knows no such status", fmt.Sprintf("Send %q, %q or %q as status.", contest.Passed, contest.Failed, contest.NoData))
	}
	if in.Score == nil || *in.Score < 0 || *in.Score > math.MaxInt32 {
		return badRequest("the score is missing, or none that the Hub takes", "Send a whole number that is not negative as score.")
	}
	err = o.Overrides.Override(r.Context(), Override{Team: at.Team, Criterion: at.Criterion, Status: in.Status, Score: *in.Score, By: in.By})
	if err != nil {
		return err
	}
	return o.overrides(w, r)
}

func (o *operations) lift(w http.ResponseWriter, r *http.Request) error {
	at, by, err := reasonedPlace(r)
	if err != nil {
		return err
	}
	if err := o.Overrides.Lift(r.Context(), at, by); err != nil {
		return err
	}
	return o.overrides(w, r)
}

func (o *operations) audit(w http.ResponseWriter, r *http.Request) error {
	n, err := limit(r, someLines, mostLines)
	if err != nil {
		return err
	}
	all, err := o.Trail.AuditTrail(r.Context(), n)
	if err != nil {
		return err
	}
	return sendList(w, r, all)
}

func (o *operations) suspicions(w http.ResponseWriter, r *http.Request) error {
	all, err := o.Suspicions.Suspicions(r.Context())
	if err != nil {
		return err
	}
	return sendList(w, r, all)
}
