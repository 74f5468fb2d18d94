package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// patience is how many single calls in a row may fail before the rest of a
// publication is left for the next time.
const patience = 3

// oneByOne publishes part by single calls.
func (p *publication) oneByOne(ctx context.Context, part []int) {
	failures := 0
	for n, i := range part {
		err := p.alone(ctx, i, p.put)
		if err == nil {
			failures = 0
			continue
		}
		if failures++; failures == patience || ctx.Err() != nil {
			p.unsettle(part[n+1:], notSent(err))
			return
		}
	}
}

// alone publishes update i by send, which makes a call with at most so many
// attempts (0: as configured), and settles its result.
//
// A 500 may be the update's fault or the Hub's. The two are told apart by an
// empty bulk, which a working Hub accepts: only an update that is refused again
// and again while the Hub accepts the empty bulk each time is refused for good.
func (p *publication) alone(ctx context.Context, i int, send func(context.Context, int, int) error) error {
	err := send(ctx, i, 0)
	for round := 1; err != nil && serverFault(err) && round < p.client.cfg.Retries; round++ {
		if trouble := p.probe(ctx); trouble != nil {
			p.unsettle([]int{i}, trouble)
			return trouble
		}
		if stopped := pause(ctx, p.client.cfg.Pause<<round); stopped != nil {
			p.unsettle([]int{i}, stopped)
			return stopped
		}
		err = send(ctx, i, 1)
	}
	switch {
	case err == nil:
		return nil
	case teamUnknown(err):
		p.refuse(i, err)
		return nil
	case !blamesBody(err):
		p.unsettle([]int{i}, err)
		return err
	}
	if trouble := p.probe(ctx); trouble != nil {
		p.unsettle([]int{i}, trouble)
		return trouble
	}
	p.refuse(i, asRefusal(err))
	return nil
}

// probe asks whether the Hub takes updates at all.
func (p *publication) probe(ctx context.Context) error { return p.post(ctx, nil, 1) }

func (p *publication) postOne(ctx context.Context, i, attempts int) error {
	return p.post(ctx, []int{i}, attempts)
}

// put publishes update i by the single call, which needs no hackathon id.
func (p *publication) put(ctx context.Context, i, attempts int) error {
	u := p.results[i].Update
	op := fmt.Sprintf("update %s/%s", u.TeamSlug, u.CriteriaType)
	single := p.bodies[i]
	single.TeamSlug, single.HackathonID, single.CriteriaType = "", "", ""
	body, err := json.Marshal(single)
	if err != nil {
		return &Error{Op: op, Permanent: true, Err: err}
	}
	return p.client.do(ctx, call{
		op: op, permission: "environment:write", attempts: attempts, suspect500: true,
		method: http.MethodPut, path: criterionPath(u.TeamSlug, u.CriteriaType), body: body,
		decode: decodePut,
	})
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, maxPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &Error{Op: "publish", Message: "stopped", Err: context.Cause(ctx)}
	}
}
