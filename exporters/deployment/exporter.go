package deployment

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// Config is how services are reached. Zero values mean the defaults.
type Config struct {
	UserAgent   string        // default HackLoad-Monitor/1.0
	HTTPTimeout time.Duration // for the endpoint itself, redirects included; default 10 s
	CallTimeout time.Duration // for each call of a walk, and not above HTTPTimeout; default 5 s
	Pause       time.Duration // between the calls of a walk; default 100 ms
	Timeout     time.Duration // for one team; default 30 s
	Workers     int           // teams that are looked at at once; default 32, each with up to two connections

	// Reset makes POST /api/reset a part of the walk. It wipes what a service
	// holds, so it needs a Lease.
	Reset bool
	// Lease keeps load runs and walks apart; nil where nobody puts load on teams.
	Lease     Lease
	LeaseWait time.Duration // the most that a Lease may wait; default 2 s

	// Evidence is PromQL for a further finding on each team, $team in a quoted
	// string being its slug; empty: none. Query asks it.
	Evidence string
	Query    Query

	Guard    target.Guard   // which addresses may be dialled
	Resolver *net.Resolver  // nil: the system's
	Roots    *x509.CertPool // whom to believe that a service is who it says; nil: the system's
}

func (c Config) withDefaults() Config {
	if c.UserAgent == "" {
		c.UserAgent = "HackLoad-Monitor/1.0"
	}
	for d, value := range map[*time.Duration]time.Duration{
		&c.HTTPTimeout: 10 * time.Second, &c.CallTimeout: 5 * time.Second, &c.Pause: 100 * time.Millisecond,
		&c.Timeout: 30 * time.Second, &c.LeaseWait: 2 * time.Second,
	} {
		if *d <= 0 {
			*d = value
		}
	}
	if c.Workers <= 0 {
		c.Workers = 32
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	return c
}

// Exporter measures and judges deployed services, and remembers what it saw last
// for Prometheus. Make one with New. Its methods may be called at once.
type Exporter struct {
	config  Config
	rules   Rules
	network *network
	leases  *leases
	slots   chan struct{} // one for each team that is looked at

	mu   sync.Mutex
	seen map[contest.Slug]sight
}

// New checks configuration and rules. It calls nobody.
func New(c Config, r Rules) (*Exporter, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("rules of %s: %w", contest.DeployedSolution, err)
	}
	if err := checkEvidence(c.Evidence, c.Query); err != nil {
		return nil, err
	}
	if c.Reset && c.Lease == nil {
		return nil, errors.New("reset of services is asked for, but nothing says when a load run is under way")
	}
	c = c.withDefaults()
	return &Exporter{
		config: c, rules: r, leases: newLeases(c.Lease, c.LeaseWait),
		network: &network{guard: c.Guard, resolver: c.Resolver, roots: c.Roots, agent: c.UserAgent},
		slots:   make(chan struct{}, c.Workers), seen: map[contest.Slug]sight{},
	}, nil
}

// Measure looks at every team's service, some at once and each within the
// configured time, and hands each verdict to each, one at a time, as soon as it
// is known. A team that could not be measured, or has a load run under way, gets
// an invalid one.
//
// It returns an error only when ctx ends; teams that were not measured by then
// get no verdict.
func (x *Exporter) Measure(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	x.forget(teams)
	return x.MeasureAgain(ctx, teams, each)
}

// MeasureAgain is Measure for some of the teams: what was seen of the others stays
// in sight.
func (x *Exporter) MeasureAgain(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whatever each does, nobody is left waiting
	queue, verdicts := make(chan contest.Team), make(chan contest.Verdict)
	var workers sync.WaitGroup
	workers.Go(func() {
		defer close(queue)
		for _, team := range teams {
			select {
			case queue <- team:
			case <-ctx.Done():
				return
			}
		}
	})
	for range min(x.config.Workers, max(1, len(teams))) {
		workers.Go(func() {
			for team := range queue {
				v, ok := x.measure(ctx, team)
				if !ok {
					continue
				}
				select {
				case verdicts <- v:
				case <-ctx.Done():
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(verdicts)
	}()
	for v := range verdicts {
		each(v)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("measure deployed services: %w", context.Cause(ctx))
	}
	return nil
}

// measure looks at one team. It is false when ctx ended first.
func (x *Exporter) measure(ctx context.Context, team contest.Team) (contest.Verdict, bool) {
	ctx, done := observe.Start(observe.About(ctx, observe.Subject{Team: team.Slug}), "measure team")
	defer func() { done(ctx.Err()) }()
	s, ok := x.glance(ctx, team, x.config.Reset)
	if !ok || ctx.Err() != nil {
		return contest.Verdict{}, false
	}
	x.remember(team.Slug, s)
	return s.verdict, true
}

// glance looks at one team without remembering it. It is false when no slot was
// free in time.
func (x *Exporter) glance(ctx context.Context, team contest.Team, reset bool) (sight, bool) {
	select {
	case x.slots <- struct{}{}:
	case <-ctx.Done():
		return sight{}, false
	}
	defer func() { <-x.slots }()
	ctx, cancel := context.WithTimeout(ctx, x.config.Timeout)
	defer cancel()
	last := x.lastOf(team.Slug)
	f := x.look(ctx, team, last.walked, reset)
	v := Judge(team, x.rules, f)
	return last.next(f, v), true
}
