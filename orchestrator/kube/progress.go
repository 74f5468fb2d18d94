package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
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
	base := "http://" + net.JoinHostPort(host, strconv.Itoa(p.port)) + "/v1/"
	var status struct {
		Data struct {
			Attributes struct {
				VUs int `json:"vus"`
			} `json:"attributes"`
		} `json:"data"`
	}
	var metrics struct {
		Data []struct {
			ID         string `json:"id"`
			Attributes struct {
				Sample map[string]float64 `json:"sample"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := p.get(ctx, base+"status", &status); err != nil {
		return contest.Progress{}, err
	}
	if err := p.get(ctx, base+"metrics", &metrics); err != nil {
		return contest.Progress{}, err
	}
	out := contest.Progress{VUs: status.Data.Attributes.VUs}
	var failed float64
	for _, m := range metrics.Data {
		s := m.Attributes.Sample
		switch m.ID {
		case "http_reqs":
			out.Requests, out.RPS = int64(s["count"]), s["rate"]
		case "http_req_duration":
			out.P95 = s["p(95)"]
		case "http_req_failed":
			failed = max(s["rate"], s["value"])
		case "dropped_iterations":
			out.Dropped = int64(s["count"])
		}
	}
	out.Failures = int64(failed * float64(out.Requests))
	return out, nil
}

func (p progresses) get(ctx context.Context, url string, to any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask a generator: %w", err)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("ask a generator: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask a generator: it answers %s", answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, progressBody)).Decode(to); err != nil {
		return fmt.Errorf("ask a generator: %w", err)
	}
	return nil
}
