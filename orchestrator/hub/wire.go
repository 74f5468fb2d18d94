package hub

import (
	"encoding/json"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// updateJSON is an update as the Hub reads it. Score and metrics are always
// there: the Hub keeps the old value of whatever is left out.
type updateJSON struct {
	TeamSlug     contest.Slug      `json:"teamSlug,omitempty"`
	HackathonID  string            `json:"hackathonId,omitempty"`
	CriteriaType contest.Criterion `json:"criteriaType,omitempty"`
	Status       contest.Status    `json:"status"`
	Score        int               `json:"score"`
	Metrics      json.RawMessage   `json:"metrics"`
	UpdatedBy    string            `json:"updatedBy"`
}

func newUpdateJSON(u contest.Update, metrics json.RawMessage) updateJSON {
	return updateJSON{
		TeamSlug: u.TeamSlug, HackathonID: u.HackathonID, CriteriaType: u.CriteriaType,
		Status: u.Status, Score: u.Score, Metrics: metrics, UpdatedBy: u.UpdatedBy,
	}
}

func (p *publication) encodeBulk(part []int) ([]byte, error) {
	updates := make([]updateJSON, len(part))
	for n, i := range part {
		updates[n] = p.bodies[i]
	}
	body, err := json.Marshal(map[string]any{"updates": updates})
	if err != nil {
		return nil, fmt.Errorf("encode updates: %w", err)
	}
	return body, nil
}

// bulkAnswer is what the Hub says to a bulk.
type bulkAnswer struct {
	Updated *int        `json:"updatedEntries"`
	Created *int        `json:"createdEntries"`
	Total   *int        `json:"totalRequests"`
	Errors  []bulkError `json:"errors"`
}

// bulkError is the Hub's no to one update of a bulk.
type bulkError struct {
	TeamSlug     contest.Slug      `json:"teamSlug"`
	CriteriaType contest.Criterion `json:"criteriaType"`
	Error        string            `json:"error"`
}

// pair is what identifies an update within a bulk.
type pair struct {
	team      contest.Slug
	criterion contest.Criterion
}

// The Hub's sentences that are final.
const (
	teamNotFound      = "Team not found"
	hackathonMismatch = "Hackathon ID mismatch"
)

// asError says whether the refusal is final: two of the Hub's sentences are, any other
// may be a passing failure of its database.
func (e bulkError) asError() error {
	final := e.Error == teamNotFound || e.Error == hackathonMismatch
	return &Error{
		Op: fmt.Sprintf("update %s/%s", e.TeamSlug, e.CriteriaType), Status: 200,
		Message: clip(e.Error), Permanent: final, Doubtful: !final,
	}
}

// decodeBulk reads the answer to a bulk of sent updates and makes sure that it
// accounts for all of them, so that none is lost in silence.
func decodeBulk(body []byte, sent int) (bulkAnswer, error) {
	var a bulkAnswer
	if err := decode(body, &a); err != nil {
		return bulkAnswer{}, err
	}
	updated, err := field(a.Updated, "updatedEntries")
	if err != nil {
		return bulkAnswer{}, err
	}
	created, err := field(a.Created, "createdEntries")
	if err != nil {
		return bulkAnswer{}, err
	}
	total, err := field(a.Total, "totalRequests")
	if err != nil {
		return bulkAnswer{}, err
	}
	if total != sent || updated < 0 || created < 0 || updated+created+len(a.Errors) != sent {
		return bulkAnswer{}, fmt.Errorf("%w: %d updates were sent, it accounts for %d updated, %d created, %d refused of %d",
			ErrSchema, sent, updated, created, len(a.Errors), total)
	}
	return a, nil
}

// decodePut reads the answer to a single update.
func decodePut(body []byte) error {
	var answer struct {
		Action string `json:"action"`
	}
	if err := decode(body, &answer); err != nil {
		return err
	}
	if answer.Action != "created" && answer.Action != "updated" {
		return fmt.Errorf("%w: action is %q", ErrSchema, clip(answer.Action))
	}
	return nil
}
