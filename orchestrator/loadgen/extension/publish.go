package extension

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
)

const publishTimeout = time.Minute

// Publication is the write of a run's own verdict to the Hub, for runs by hand.
type Publication struct {
	client  *hub.Client
	service contest.Service
	team    contest.Slug
	score   int
}

// NewPublication reads what HACKLOAD_PUBLISH=true needs from the environment:
// API_BASE_URL, HACKLOAD_API_KEY_FILE, HACKLOAD_CRITERION, HACKLOAD_TEAM and
// HACKLOAD_SCORE (points of a pass, 1). It returns nil where nothing is to be
// published, and an error for a run that is one part of several: no part can
// judge the whole.
func NewPublication(getenv func(string) string, whole bool) (*Publication, error) {
	asked, err := strconv.ParseBool(cmp.Or(getenv("HACKLOAD_PUBLISH"), "false"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("HACKLOAD_PUBLISH is %q, want true or false", getenv("HACKLOAD_PUBLISH"))
	case !asked:
		return nil, nil
	case !whole:
		return nil, ErrPart
	}
	p := &Publication{team: contest.Slug(getenv("HACKLOAD_TEAM")), score: 1}
	if p.service, err = contest.FindService(getenv("HACKLOAD_CRITERION")); err != nil {
		return nil, fmt.Errorf("HACKLOAD_CRITERION: %w", err)
	}
	if !p.team.Valid() {
		return nil, fmt.Errorf("HACKLOAD_TEAM %.100q is no team's slug", p.team)
	}
	if text := getenv("HACKLOAD_SCORE"); text != "" {
		if p.score, err = strconv.Atoi(text); err != nil || p.score < 0 {
			return nil, fmt.Errorf("HACKLOAD_SCORE is %.20q, want a number of points", text)
		}
	}
	key, err := ReadKey(getenv("HACKLOAD_API_KEY_FILE"))
	if err != nil {
		return nil, err
	}
	if p.client, err = hub.New(hub.Config{BaseURL: getenv("API_BASE_URL"), Key: hub.Key(key), UserAgent: "xk6-hackload"}); err != nil {
		return nil, fmt.Errorf("API_BASE_URL: %w", err)
	}
	return p, nil
}

// ErrPart is returned for a run that is one of several parts.
var ErrPart = errors.New("this k6 runs one segment of the test, so it publishes no verdict: only its series are written")

// Judge says what the outcome means for the Hub. A run whose thresholds have no
// samples, or that has none, has no data.
func (p *Publication) Judge(o Outcome) contest.Update {
	u := contest.Update{
		TeamSlug: p.team, CriteriaType: p.service.Criterion, Status: contest.Passed, Score: p.score, UpdatedBy: p.service.Name,
		Metrics: map[string]any{"totalRequests": int64(o.Requests)},
	}
	var told []any
	for _, r := range o.Results {
		told = append(told, map[string]any{"threshold": r.Threshold.String(), "ok": r.OK, "value": r.Value, "samples": r.Samples})
		switch {
		case r.NoSamples && r.Threshold.Method != "count":
			u.Status = contest.NoData
		case !r.OK && u.Status != contest.NoData:
			u.Status = contest.Failed
		}
	}
	if len(told) == 0 {
		u.Status = contest.NoData
	}
	if u.Status != contest.Passed {
		u.Score = 0
	}
	u.Metrics["thresholds"] = told
	return u
}

// Publish writes the update to the Hub, under the hackathon that the Hub knows
// the team by.
func (p *Publication) Publish(ctx context.Context, u contest.Update) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	answers, err := p.client.Send(ctx, []contest.Update{u})
	if err != nil {
		return fmt.Errorf("publish %s of %s: %w", u.CriteriaType, u.TeamSlug, err)
	}
	if err := errors.Join(answers...); err != nil {
		return fmt.Errorf("publish %s of %s: %w", u.CriteriaType, u.TeamSlug, err)
	}
	return nil
}
