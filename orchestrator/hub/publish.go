package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// chunk is how many updates go into one bulk. The Hub writes them one after
// another, so that a larger bulk would outlast its deadline.
const chunk = 100

// Result is what became of one update of a publication.
type Result struct {
	Update contest.Update
	Err    error // nil: the Hub has it
	// Refused means that Err is about this very update: it is invalid, or the
	// Hub said no to it. Otherwise a call failed and nothing is known of the
	// update; then Err is never permanent, because it was not the update's fault.
	Refused bool
}

// Publish tells the Hub of updates, in their order, and returns one result for
// each. Invalid ones are not sent. Those of teams without a hackathon id are
// written one by one, the others in bulks of at most 100; a bulk that the Hub
// refuses is halved until what it refuses stands alone.
func (c *Client) Publish(ctx context.Context, updates []contest.Update) []Result {
	p := &publication{client: c, results: make([]Result, len(updates)), bodies: make([]updateJSON, len(updates))}
	var bulk, single []int
	for i, u := range updates {
		p.results[i] = Result{Update: u}
		metrics, err := encodeMetrics(u)
		p.bodies[i] = newUpdateJSON(u, metrics)
		switch {
		case err != nil:
			p.refuse(i, err)
		case u.HackathonID == "":
			single = append(single, i)
		default:
			bulk = append(bulk, i)
		}
	}
	p.inBulk(ctx, bulk)
	p.oneByOne(ctx, single)
	return p.results
}

// Send is Publish in the shape that an outbox asks for: one error per update,
// or one for all of them when nothing is known of any.
func (c *Client) Send(ctx context.Context, updates []contest.Update) ([]error, error) {
	var unknown error
	answers, settled := make([]error, len(updates)), false
	for i, r := range c.Publish(ctx, updates) {
		answers[i] = r.Err
		if r.Err == nil || r.Refused {
			settled = true
		} else if unknown == nil {
			unknown = r.Err
		}
	}
	if !settled && unknown != nil {
		return nil, unknown
	}
	return answers, nil
}

// publication is one Publish under way. Numbers are indexes into its results.
type publication struct {
	client  *Client
	results []Result
	bodies  []updateJSON
}

func (p *publication) refuse(i int, err error) {
	p.results[i].Err, p.results[i].Refused = err, true
}

// unsettle notes for part that a call failed and nothing is known.
func (p *publication) unsettle(part []int, err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Permanent {
		innocent := *e
		innocent.Permanent = false
		err = &innocent
	}
	for _, i := range part {
		p.results[i].Err = err
	}
}

// inBulk publishes part in chunks until one of them fails as a whole.
func (p *publication) inBulk(ctx context.Context, part []int) {
	for len(part) > 0 {
		now := part[:min(chunk, len(part))]
		part = part[len(now):]
		if err := p.bulk(ctx, now); err != nil {
			p.unsettle(part, notSent(err))
			return
		}
	}
}

// bulk publishes part in one call and settles each of its results. It returns
// an error when the Hub itself is in trouble, so that more calls are pointless.
//
// The Hub validates a bulk as a whole and gives no reason: a 400 or 500 may be
// the fault of one update. Halving finds it in two calls per level while all
// others are accepted on the way. It also writes a bulk one update after
// another, so a bulk that outlasts its deadline may fit in halves.
func (p *publication) bulk(ctx context.Context, part []int) error {
	if len(part) == 1 {
		return p.alone(ctx, part[0], p.postOne)
	}
	err := p.post(ctx, part, 0)
	if err == nil {
		return nil
	}
	if !blamesBody(err) && (!timedOut(err) || ctx.Err() != nil) {
		p.unsettle(part, err)
		return err
	}
	half := len(part) / 2
	if err := p.bulk(ctx, part[:half]); err != nil {
		p.unsettle(part[half:], notSent(err))
		return err
	}
	return p.bulk(ctx, part[half:])
}

// post publishes part in one bulk and settles its results from the answer.
func (p *publication) post(ctx context.Context, part []int, attempts int) error {
	body, err := p.encodeBulk(part)
	op := fmt.Sprintf("publish %d updates", len(part))
	if err != nil {
		return &Error{Op: op, Err: err}
	}
	var answer bulkAnswer
	err = p.client.do(ctx, call{
		op: op, permission: "environment:write", attempts: attempts, suspect500: true, divisible: len(part) > 1,
		method: http.MethodPost, path: "/api/service/team-criteria", body: body,
		decode: func(body []byte) (err error) { answer, err = decodeBulk(body, len(part)); return err },
	})
	if err != nil {
		return err
	}
	return p.account(part, answer)
}

// account settles part by the per-update errors of an answer.
func (p *publication) account(part []int, answer bulkAnswer) error {
	place := make(map[pair][]int, len(part))
	for _, i := range part {
		u := p.results[i].Update
		place[pair{u.TeamSlug, u.CriteriaType}] = append(place[pair{u.TeamSlug, u.CriteriaType}], i)
	}
	for _, e := range answer.Errors {
		if len(place[pair{e.TeamSlug, e.CriteriaType}]) == 0 {
			return &Error{Op: fmt.Sprintf("publish %d updates", len(part)), Status: http.StatusOK, Err: ErrSchema,
				Message: fmt.Sprintf("an error for %s/%s, which was not sent", clip(string(e.TeamSlug)), clip(string(e.CriteriaType)))}
		}
	}
	for _, e := range answer.Errors {
		for _, i := range place[pair{e.TeamSlug, e.CriteriaType}] {
			p.refuse(i, e.asError())
		}
	}
	return nil
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// teamUnknown tells the Hub's 404 from that of a wrong address.
func teamUnknown(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusNotFound && e.Message == teamNotFound
}

func serverFault(err error) bool { return statusOf(err) == http.StatusInternalServerError }

// blamesBody reports whether the Hub's answer may be about what we sent.
func blamesBody(err error) bool {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
		http.StatusInternalServerError:
		return true
	}
	return false
}

// asRefusal returns err as the Hub's final word on one update.
func asRefusal(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	refusal := *e
	refusal.Permanent = true
	refusal.Message += " (for this update alone; the Hub accepts others)"
	return &refusal
}

// notSent returns the error of updates that were left out after cause.
func notSent(cause error) error {
	e, ok := errors.AsType[*Error](cause)
	if !ok {
		return fmt.Errorf("%w: %w", ErrNotSent, cause)
	}
	return &Error{Op: e.Op, Status: e.Status, Message: e.Message, RetryAfter: e.RetryAfter, Err: errors.Join(ErrNotSent, e.Err)}
}
