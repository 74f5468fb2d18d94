// Package spotcheck looks, beside the load, for services that serve the test
// instead of users: that answer the load generator otherwise than other clients,
// list nothing, list the same whatever is asked, hand out one booking twice, or
// are another team's.
//
// In go runs as they begin, go on and end; out come suspicions, for organisers
// alone. Nothing here takes part in a verdict: its requests are its own, their
// answers enter no evidence, and a check that is not made, because the service
// is slow or the process ends, is no suspicion. Each run costs at most
// 58 requests and each team of a round four more, one after the other, in
// bounded time and of bounded size.
//
// What the service is asked cannot be told from users by the request alone. A
// service that knows us by our address, or by how TLS is spoken, stays unseen.
package spotcheck

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

const (
	rounds       = 4 // of all questions, under one run's load
	restTime     = 3 * time.Second
	mostSessions = 256
	sessionTime  = 2 * time.Hour // after which a run that never ended is forgotten
	workers      = 8
	keepTime     = 10 * time.Second
)

// User is one that services know.
type User struct{ Email, Password string }

// Config says how checks are made. Guard and Keep are required.
type Config struct {
	Guard   target.Guard
	Agent   string         // User-Agent of the load generator
	Roots   *x509.CertPool // nil: the system's
	Timeout time.Duration  // of one request; default 5 s
	Every   time.Duration  // between the rounds of one run; default 2 s
	// Users are two that services know, and that no load uses much; fewer: what
	// needs users is not checked.
	Users []User
	// Keep writes suspicions down.
	Keep func(ctx context.Context, found []contest.Suspicion) error
	Log  *slog.Logger // nil for nowhere
}

// Checker makes checks. Its methods are safe for concurrent use, and but for
// Before none of them waits. Nothing is done unless Run runs.
type Checker struct {
	Config
	looks looks
	jobs  chan func(context.Context)

	mu       sync.Mutex
	sessions map[contest.TestID]*session
}

// New returns a checker.
func New(c Config) *Checker {
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Every <= 0 {
		c.Every = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Checker{Config: c, looks: newLooks(c.Agent), jobs: make(chan func(context.Context), mostSessions), sessions: map[contest.TestID]*session{}}
}

// Run makes the checks that are asked for until ctx is done, and returns when
// none is under way any more. Runs that end later are not judged.
func (c *Checker) Run(ctx context.Context) error {
	var group errgroup.Group
	for range workers {
		group.Go(func() error {
			for {
				select {
				case <-ctx.Done():
					c.finish(ctx)
					return nil
				case job := <-c.jobs:
					job(ctx)
				}
			}
		})
	}
	return group.Wait()
}

// finish does what is left when ctx is done: nothing is asked any more, but what
// was seen is judged.
func (c *Checker) finish(ctx context.Context) {
	for {
		select {
		case job := <-c.jobs:
			job(ctx)
		default:
			return
		}
	}
}

// later has a job done soon; false when there are too many.
func (c *Checker) later(job func(context.Context)) bool {
	select {
	case c.jobs <- job:
		return true
	default:
		return false
	}
}

// keep writes down what was found, also while the process is being stopped.
func (c *Checker) keep(ctx context.Context, found []contest.Suspicion) {
	if len(found) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	for _, s := range found {
		c.Log.WarnContext(ctx, "a service behaves as one that serves the test", "team", s.Team, "criterion", s.Criterion, "kind", s.Kind, "run", s.Run)
	}
	if err := c.Keep(ctx, found); err != nil {
		c.Log.ErrorContext(ctx, "suspicions could not be written down", "error", err)
	}
}
