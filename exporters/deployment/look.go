package deployment

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	lookupTime = 5 * time.Second // for DNS
	mostHops   = 5               // redirects on the same host
	mostSilent = 3               // first calls without an answer, after which a walk ends
)

// look gathers the facts about one team's service. last is what is known of it
// already, for the time of a load run.
func (x *Exporter) look(ctx context.Context, team contest.Team, last Facts, reset bool) Facts {
	f := Facts{State: Looked, At: time.Now(), Reset: reset}
	a, err := ParseAddress(team.Endpoint)
	f.Address = a
	switch {
	case errors.Is(err, errNothing):
		f.State, f.Reason = None, "The team gave no endpoint."
	case err != nil:
		f.State, f.Reason = Malformed, fmt.Sprintf("What the team gave cannot be called: %v.", err)
	default:
		if x.network.resolve(ctx, &f, min(lookupTime, x.config.HTTPTimeout)); f.State == Looked {
			x.visit(ctx, &f, last)
		}
	}
	x.read(ctx, team, &f)
	f.Took = time.Since(f.At)
	return f
}

// visit calls the service, and walks it where no load run is in the way.
func (x *Exporter) visit(ctx context.Context, f *Facts, last Facts) {
	release, ok := x.leases.take(ctx, f.Address.Target)
	f.UnderLoad = !ok
	if ok {
		defer release()
	}
	if x.rules.Rule == RuleHTTP {
		x.probe(ctx, f)
	}
	if !ok {
		if last.Address.Origin() == f.Address.Origin() {
			f.Walk, f.WalkedAt = last.Walk, last.WalkedAt
		}
		return
	}
	f.WalkedAt = f.At
	x.walk(ctx, f)
}

// probe asks for the endpoint itself, and follows redirects on the same host,
// all within the timeout.
func (x *Exporter) probe(ctx context.Context, f *Facts) {
	limit := x.config.HTTPTimeout
	wire := x.network.transport(limit)
	defer wire.CloseIdleConnections()
	at, before := f.Address, time.Duration(0)
	for {
		a := x.network.call(ctx, wire, request{method: "GET", url: at.Origin() + at.Path, user: at.User, limit: limit - before})
		before += a.Took
		a.Took = before
		if a.Failure == Timeout && ctx.Err() == nil {
			a.Reason = silence(limit)
		}
		f.Probe = a
		if a.Status < 300 || a.Status > 399 || a.location == "" {
			return
		}
		next, same := at.follow(a.location)
		switch {
		case !same:
			f.Probe.Reason = "it sends visitors elsewhere, which is not followed"
			return
		case f.Hops == mostHops:
			f.Probe.Reason = "its redirects do not come to an end"
			return
		}
		at = next
		f.Hops++
	}
}

// walk calls the rule's endpoints in order, with a pause in between. A service
// whose first calls all go unanswered is not asked for the rest.
func (x *Exporter) walk(ctx context.Context, f *Facts) {
	limit := min(x.config.CallTimeout, x.config.HTTPTimeout)
	wire := x.network.transport(limit)
	defer wire.CloseIdleConnections()
	silent := ""
	if x.rules.Rule == RuleHTTP && f.Probe.Status == 0 {
		silent = "it was not tried, as the endpoint itself gave no answer"
	}
	answered := false
	for i, e := range planned(x.rules.Rule, f.Reset) {
		if silent == "" && (i > 0 || x.rules.Rule == RuleHTTP) && !sleep(ctx, x.config.Pause) {
			silent = "it was not tried, as the time for this team was over"
		}
		r := Result{Endpoint: e, Answer: Answer{Failure: Untried, Reason: silent}}
		if silent == "" {
			r.Answer = x.network.call(ctx, wire, request{
				method: e.Method, url: e.url(f.Address.Origin()), body: e.Body, user: url.UserPassword("test", "test"), limit: limit,
			})
		}
		f.Walk = append(f.Walk, r)
		answered = answered || r.Answer.Status != 0
		if !answered && i+1 == mostSilent && silent == "" {
			silent = "it was not tried, as nothing before it gave an answer"
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
