package kube

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

const (
	progressEvery   = time.Second
	progressTimeout = time.Second
	progressBody    = 1 << 20
	progressAtOnce  = 8
)

// progresses are the last known progresses of launches.
type progresses struct {
	client *http.Client
	port   int
	mu     *sync.Mutex
	of     map[string]seenProgress
}

type seenProgress struct {
	contest.Progress
	at time.Time
}

func newProgresses() progresses {
	return progresses{
		client: &http.Client{Timeout: progressTimeout, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}},
		port:   restPort, mu: &sync.Mutex{}, of: map[string]seenProgress{},
	}
}

func (p progresses) last(name string) contest.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[name].Progress
}

func (p progresses) drop(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, name)
}

// look asks the generators how far they are, once a second at most. One that
// does not answer is left out: nothing is decided by it.
func (l *Launcher) look(ctx context.Context, r record) contest.Progress {
	p := l.progress
	p.mu.Lock()
	last := p.of[r.name]
	now := time.Now()
	if now.Sub(last.at) < progressEvery {
		p.mu.Unlock()
		return last.Progress
	}
	last.at = now
	p.of[r.name] = last // who comes meanwhile does not ask too
	p.mu.Unlock()

	next := l.ask(ctx, r, now)
	if passed := now.Sub(last.at).Seconds(); next.Requests > last.Requests && next.RPS == 0 && passed > 0 {
		next.RPS = float64(next.Requests-last.Requests) / passed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[r.name] = seenProgress{next, now}
	return next
}

// ask adds up what the generators answer.
func (l *Launcher) ask(ctx context.Context, r record, now time.Time) contest.Progress {
	total := contest.Progress{Planned: r.launch.Timeout}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(progressAtOnce)
	for _, one := range l.sight(r.name).pods {
		if one.started.IsZero() {
			continue
		}
		total.Elapsed = max(total.Elapsed, contest.Duration(one.lasted(now)))
		if one.over || one.address == "" {
			continue
		}
		g.Go(func() error {
			if p, err := l.progress.ask(ctx, one.address); err == nil {
				mu.Lock()
				defer mu.Unlock()
				total.VUs += p.VUs
				total.Requests += p.Requests
				total.RPS += p.RPS
				total.Failures += p.Failures
				total.Dropped += p.Dropped
				total.P95 = max(total.P95, p.P95)
			}
			return nil
		})
	}
	_ = g.Wait() // no call returns an error
	return total
}

// ask reads one generator's REST API.
func (p progresses) ask(ctx context.Context, host string) (contest.Progress, error) {
	r := launch.Remote{Client: p.client, URL: "http://" + net.JoinHostPort(host, strconv.Itoa(p.port)), Most: progressBody}
	vus, err := r.VUs(ctx)
	if err != nil {
		return contest.Progress{}, err
	}
	out, err := r.Metrics(ctx)
	out.VUs = vus
	return out, err
}
