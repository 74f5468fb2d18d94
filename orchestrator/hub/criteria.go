package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Entry is what the Hub holds for one team and criterion.
type Entry struct {
	Team        contest.Slug
	HackathonID string
	Criterion   contest.Criterion
	Status      contest.Status
	Score       *int // nil when the Hub has none
	Metrics     map[string]any
	UpdatedBy   string
	LastUpdated time.Time
}

// Filter selects entries; an empty field selects all.
type Filter struct {
	Team      contest.Slug
	Hackathon string // id
	Criterion contest.Criterion
}

// Criteria returns the entries that f selects.
func (c *Client) Criteria(ctx context.Context, f Filter) ([]Entry, error) {
	entries, _, err := c.criteria(ctx, f)
	return entries, err
}

// CriteriaJSON returns the Hub's answer to Criteria byte for byte, once it has
// proved to be one.
func (c *Client) CriteriaJSON(ctx context.Context, f Filter) ([]byte, error) {
	_, body, err := c.criteria(ctx, f)
	return body, err
}

func (c *Client) criteria(ctx context.Context, f Filter) (entries []Entry, answer []byte, err error) {
	op := "read criteria"
	if f.Criterion != "" && !f.Criterion.Valid() {
		// The Hub would ignore the filter and answer with everything.
		return nil, nil, &Error{Op: op, Permanent: true, Message: fmt.Sprintf("unknown criterion %q", f.Criterion)}
	}
	query := url.Values{}
	for key, value := range map[string]string{
		"team": string(f.Team), "hackathon": f.Hackathon, "criteriaType": string(f.Criterion),
	} {
		if value != "" {
			query.Set(key, value)
		}
	}
	err = c.do(ctx, call{
		op: op, permission: "environment:read",
		method: http.MethodGet, path: "/api/service/team-criteria", query: query,
		decode: func(body []byte) (err error) { answer = body; entries, err = decodeCriteria(body); return err },
	})
	if err != nil {
		return nil, nil, err
	}
	return entries, answer, nil
}

// Criterion returns the entry of one team and criterion. found is false when
// the Hub has none yet.
func (c *Client) Criterion(ctx context.Context, team contest.Slug, criterion contest.Criterion) (entry Entry, found bool, err error) {
	err = c.do(ctx, call{
		op:         fmt.Sprintf("read criterion %s/%s", team, criterion),
		permission: "environment:read", method: http.MethodGet,
		path: criterionPath(team, criterion),
		decode: func(body []byte) (err error) {
			entry, found, err = decodeCriterion(body)
			return err
		},
	})
	return entry, found, err
}

func criterionPath(team contest.Slug, criterion contest.Criterion) string {
	return "/api/service/team-criteria/" + url.PathEscape(string(team)) + "/" + url.PathEscape(string(criterion))
}

// entryJSON is an entry as the Hub writes it. The team stands beside it or
// inside it, depending on the call.
type entryJSON struct {
	HackathonID  string            `json:"hackathonId"`
	CriteriaType contest.Criterion `json:"criteriaType"`
	Status       contest.Status    `json:"status"`
	Score        *int              `json:"score"`
	Metrics      json.RawMessage   `json:"metrics"` // an object by the Hub's schema, anything by its database
	UpdatedBy    string            `json:"updatedBy"`
	LastUpdated  time.Time         `json:"lastUpdated"`
	Team         struct {
		Nickname string `json:"nickname"`
	} `json:"team"`
}

func (e entryJSON) entry() (Entry, error) {
	if e.Team.Nickname == "" || e.CriteriaType == "" {
		return Entry{}, fmt.Errorf("%w: an entry without team or criteriaType", ErrSchema)
	}
	entry := Entry{
		Team: contest.Slug(e.Team.Nickname), HackathonID: e.HackathonID, Criterion: e.CriteriaType,
		Status: e.Status, Score: e.Score, UpdatedBy: e.UpdatedBy, LastUpdated: e.LastUpdated,
	}
	if json.Unmarshal(e.Metrics, &entry.Metrics) != nil {
		entry.Metrics = nil // written by someone else and no object: as good as none
	}
	return entry, nil
}

func decodeCriteria(body []byte) ([]Entry, error) {
	var answer struct {
		Criteria *[]entryJSON `json:"criteria"`
	}
	if err := decode(body, &answer); err != nil {
		return nil, err
	}
	raw, err := field(answer.Criteria, "criteria")
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(raw))
	for i, r := range raw {
		if entries[i], err = r.entry(); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func decodeCriterion(body []byte) (entry Entry, found bool, err error) {
	var answer struct {
		TeamSlug     *string           `json:"teamSlug"`
		CriteriaType contest.Criterion `json:"criteriaType"`
		HackathonID  string            `json:"hackathonId"`
		Criteria     *entryJSON        `json:"criteria"`
	}
	if err := decode(body, &answer); err != nil {
		return Entry{}, false, err
	}
	slug, err := field(answer.TeamSlug, "teamSlug")
	if err != nil || answer.Criteria == nil {
		return Entry{}, false, err
	}
	raw := *answer.Criteria
	raw.Team.Nickname, raw.CriteriaType, raw.HackathonID = slug, answer.CriteriaType, answer.HackathonID
	entry, err = raw.entry()
	return entry, err == nil, err
}
