package git

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// Config is how repositories are reached. Zero values mean the defaults.
type Config struct {
	APIURL string   // GitHub's API; default https://api.github.com
	Hosts  []string // hosts whose repositories that API knows; default github.com, or the API's own host where it ends in /api/v3

	// Token, or AppID with its PrivateKey (PEM), say who asks. With neither,
	// GitHub allows 60 requests an hour. A token wins over an App.
	Token          string
	AppID          int64
	PrivateKey     string
	InstallationID int64 // of the App; default its first one

	UserAgent string        // default "hackload"
	Timeout   time.Duration // for one team; default 5 min
	Request   time.Duration // for one request to GitHub, and for one look at another host; default 10 s
	Workers   int           // teams that are looked at at once; default 8
	PerSecond float64       // requests to GitHub; default 10, GitHub's secondary limit being 900 a minute

	Guard target.Guard   // which addresses of other hosts may be dialled
	Roots *x509.CertPool // whom to believe that another host is who it says; nil: the system's
	Cache Cache          // of GitHub's answers; nil: a MemoryCache
}

func (c Config) withDefaults() Config {
	if c.APIURL == "" {
		c.APIURL = "https://api.github.com"
	}
	if c.UserAgent == "" {
		c.UserAgent = "hackload"
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Minute
	}
	if c.Request <= 0 {
		c.Request = 10 * time.Second
	}
	if c.Workers <= 0 {
		c.Workers = 8
	}
	if c.PerSecond <= 0 {
		c.PerSecond = 10
	}
	if c.Cache == nil {
		c.Cache = NewMemoryCache(CacheBytes)
	}
	return c
}

// Exporter measures and judges repositories, and remembers what it saw last for
// Prometheus. Make one with New. Its methods may be called at once.
type Exporter struct {
	config Config
	rules  Rules
	github *gitHub
	remote remote
	slots  chan struct{} // one for each team that is looked at

	away atomic.Bool // see Away

	mu   sync.Mutex
	seen map[contest.Slug]sight
}

// New checks configuration and rules. It calls nobody.
func New(c Config, r Rules) (*Exporter, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("rules of %s: %w", contest.CodeRepo, err)
	}
	c = c.withDefaults()
	api, err := url.Parse(strings.TrimRight(c.APIURL, "/") + "/")
	if err != nil || api.Host == "" || api.Scheme != "https" && api.Scheme != "http" {
		return nil, errors.New("GitHub's API is no web address: want one like https://api.github.com")
	}
	if len(c.Hosts) == 0 {
		c.Hosts = []string{githubHost}
		if strings.HasSuffix(api.Path, "/api/v3/") {
			c.Hosts = []string{strings.ToLower(api.Host)}
		}
	}
	g, err := newGitHub(c, api)
	if err != nil {
		return nil, err
	}
	return &Exporter{
		config: c, rules: r, github: g, slots: make(chan struct{}, c.Workers), seen: map[contest.Slug]sight{},
		remote: remote{guard: c.Guard, roots: c.Roots, timeout: c.Request},
	}, nil
}

// Away reports whether GitHub could not be asked when a round last began.
func (x *Exporter) Away() bool { return x.away.Load() }

// Close gives idle connections back.
func (x *Exporter) Close() { x.github.close() }

// Measure looks at every team's repository, a few at once and each within the
// configured time, and hands each verdict to each, one at a time, as soon as it
// is known. Where GitHub or we failed, the verdict is invalid.
//
// It returns an error when GitHub refuses our credentials (no verdict is handed
// out then), and when ctx ends: teams that were not measured by then get none.
func (x *Exporter) Measure(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	return x.measureAll(ctx, teams, each, x.forget)
}

// MeasureAgain is Measure for some of the teams: what was seen of the others stays
// in sight.
func (x *Exporter) MeasureAgain(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	return x.measureAll(ctx, teams, each, func([]contest.Team) {})
}

func (x *Exporter) measureAll(ctx context.Context, teams []contest.Team, each func(contest.Verdict), forget func([]contest.Team)) error {
	down, err := x.reach(ctx, teams)
	if err != nil {
		return fmt.Errorf("measure repositories: %w", err)
	}
	forget(teams)
	queue, verdicts := make(chan contest.Team), make(chan contest.Verdict)
	go func() {
		defer close(queue)
		for _, team := range teams {
			select {
			case queue <- team:
			case <-ctx.Done():
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range min(x.config.Workers, max(1, len(teams))) {
		workers.Go(func() {
			for team := range queue {
				if v, ok := x.measure(ctx, team, down); ok {
					verdicts <- v
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(verdicts)
	}()
	handed := 0
	for v := range verdicts {
		each(v)
		handed++
	}
	if handed < len(teams) {
		return fmt.Errorf("measure repositories: %w", context.Cause(ctx))
	}
	return nil
}

// reach asks GitHub who we are, which costs nothing, if any team is there. down
// says why none of its repositories need be asked for in this round.
func (x *Exporter) reach(ctx context.Context, teams []contest.Team) (down string, err error) {
	if !slices.ContainsFunc(teams, func(t contest.Team) bool {
		r, err := ParseRepository(t.Repository)
		return err == nil && x.onGitHub(r)
	}) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, x.config.Timeout)
	defer cancel()
	err = x.github.reach(ctx)
	x.away.Store(err != nil && !errors.Is(err, ErrCredentials))
	if errors.Is(err, ErrCredentials) {
		return "", err
	}
	if err != nil {
		_, down = explain(err)
	}
	return down, nil
}

// measure looks at one team. It is false when ctx ended first.
func (x *Exporter) measure(ctx context.Context, team contest.Team, down string) (contest.Verdict, bool) {
	select {
	case x.slots <- struct{}{}:
	case <-ctx.Done():
		return contest.Verdict{}, false
	}
	defer func() { <-x.slots }()
	one, cancel := context.WithTimeout(ctx, x.config.Timeout)
	defer cancel()
	one, done := observe.Start(observe.About(one, observe.Subject{Team: team.Slug}), "measure team")
	f := x.look(one, team, down)
	done(one.Err())
	if ctx.Err() != nil {
		return contest.Verdict{}, false
	}
	v := Judge(team, x.rules, f)
	x.remember(team.Slug, f, v)
	return v, true
}

// look gathers the facts about one team's repository.
func (x *Exporter) look(ctx context.Context, team contest.Team, down string) Facts {
	started := time.Now()
	f := Facts{Contributors: -1}
	r, err := ParseRepository(team.Repository)
	f.Repository = r
	switch {
	case errors.Is(err, errNothing):
		f.State, f.Reason = None, "The team gave no repository."
	case err != nil:
		f.State, f.Reason = Malformed, fmt.Sprintf("What the team gave is no repository: %v. Want an address like https://github.com/owner/name.", err)
	case !x.onGitHub(r):
		x.remote.look(ctx, &f)
	case down != "":
		f.GitHub, f.State, f.Reason = true, Unmeasured, down
	default:
		f.GitHub = true
		owner, name, _ := r.names()
		f.Repository.Path = owner + "/" + name // without a page of an Enterprise server
		x.github.look(ctx, &f, x.rules, started)
	}
	f.At, f.Took = started, time.Since(started)
	return f
}

func (x *Exporter) onGitHub(r Repository) bool {
	_, _, ok := r.names()
	return ok && slices.Contains(x.config.Hosts, r.Host)
}
