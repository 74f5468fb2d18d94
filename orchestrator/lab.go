package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// refusing is an address on loopback that nothing listens on: port 1 needs
// privileges and belongs to a protocol that nobody serves.
const refusing = "http://127.0.0.1:1"

// lab is what dev stands up around the line: a Hub, a GitHub and the sample
// services.
type lab struct {
	hub      *labhub.Hub
	hubAt    net.Listener
	key      string
	github   *github.Server
	githubAt net.Listener
	services []sample
	at       map[contest.Slug]string // the endpoint of each team, empty where it has none
}

type sample struct {
	team    biletter.Team
	service *biletter.Service
	at      net.Listener
}

// openLab opens the Hub in dir and listens for everything. What the Hub held
// is still there.
func openLab(ctx context.Context, dir string, teams []biletter.Team) (_ *lab, err error) {
	l := &lab{at: map[contest.Slug]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("stand up the lab: %w", err), l.Close())
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if l.hub, err = labhub.Open(filepath.Join(dir, "hub.db")); err != nil {
		return nil, err
	}
	if l.hubAt, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	l.github = github.New(github.Options{Repos: github.SampleRepos(time.Now())})
	if l.githubAt, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if l.key, err = l.hub.CreateKey(ctx, "teams:read", "environment:read", "environment:write"); err != nil {
		return nil, err
	}
	addresses, err := readAddresses(dir)
	if err != nil {
		return nil, err
	}
	var seeds []labhub.Team
	for _, t := range teams {
		url, err := l.open(t, addresses)
		if err != nil {
			return nil, err
		}
		l.at[contest.Slug(t.Slug)] = url
		seeds = append(seeds, seedOf(t, url))
	}
	if err := writeAddresses(dir, addresses); err != nil {
		return nil, err
	}
	return l, l.hub.Seed(ctx, seeds...)
}

// addresses are where the sample services listened last, by team: planned runs
// know their targets, so a contest that is taken up again needs the same ones.
type addresses map[string]string

func readAddresses(dir string) (addresses, error) {
	text, err := os.ReadFile(filepath.Join(dir, "addresses.json"))
	if errors.Is(err, os.ErrNotExist) {
		return addresses{}, nil
	}
	if err != nil {
		return nil, err
	}
	a := addresses{}
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("read addresses of the sample services: %w", err)
	}
	return a, nil
}

func writeAddresses(dir string, a addresses) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "addresses.json"), text, 0o600)
}

// listen takes the team's last address again, or any free one.
func (a addresses) listen(team string) (net.Listener, error) {
	if last, ok := a[team]; ok {
		if at, err := net.Listen("tcp", last); err == nil {
			return at, nil
		}
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		a[team] = at.Addr().String()
	}
	return at, err
}

// open starts to listen for a team's service, where it has one, and returns
// the endpoint that the team tells the Hub.
func (l *lab) open(t biletter.Team, known addresses) (string, error) {
	if !t.Endpoint {
		return "", nil
	}
	if !t.Serves {
		return refusing, nil
	}
	service, err := biletter.New(t.Kind, biletter.Options{})
	if err != nil {
		return "", err
	}
	at, err := known.listen(t.Slug)
	if err != nil {
		return "", err
	}
	l.services = append(l.services, sample{t, service, at})
	return "http://" + at.Addr().String(), nil
}

// spends are what the sample teams say they have spent, as people write it.
var spends = map[biletter.Kind]string{
	biletter.Good: "120 000 ₸", biletter.Slow: "35000", biletter.Flaky: "≈ 1 200,50 ₸",
	biletter.Oversold: "250 000 KZT", biletter.Leaky: "64000.00", biletter.Down: "0",
}

func seedOf(t biletter.Team, endpoint string) labhub.Team {
	seed := labhub.Team{Slug: t.Slug, Name: t.Name}
	if endpoint != "" {
		seed.Environment = []labhub.Variable{
			{Key: "ENDPOINT_URL", Value: endpoint, Category: "api"},
			{Key: "Repo", Value: "https://github.com/hackload-kz/" + t.Slug, Category: "development"},
			{Key: "MONEY_SPEND", Value: spends[t.Kind], Category: "cloud"},
		}
	}
	return seed
}

func (l *lab) hubURL() string { return "http://" + l.hubAt.Addr().String() }

func (l *lab) githubURL() string { return "http://" + l.githubAt.Addr().String() }

// parts are the lab's servers.
func (l *lab) parts() []part {
	handler := l.hub.Handler()
	all := []part{
		{"hub", func(ctx context.Context) error { return web.Serve(ctx, l.hubAt, handler) }},
		{"github", func(ctx context.Context) error { return web.Serve(ctx, l.githubAt, l.github) }},
	}
	for _, s := range l.services {
		all = append(all, part{"team " + s.team.Slug, func(ctx context.Context) error { return s.service.Serve(ctx, s.at) }})
	}
	return all
}

// describe tells where everything of the lab is to be found.
func (l *lab) describe(out io.Writer) {
	fmt.Fprintf(out, "Hub: %s  Sample services:", l.hubURL())
	for _, s := range l.services {
		fmt.Fprintf(out, " %s http://%s", s.team.Slug, s.at.Addr())
	}
	fmt.Fprintln(out)
}

// Close closes what no part has closed.
func (l *lab) Close() error {
	var errs []error
	for _, s := range l.services {
		errs = append(errs, closeListener(s.at))
	}
	for _, at := range []net.Listener{l.hubAt, l.githubAt} {
		if at != nil {
			errs = append(errs, closeListener(at))
		}
	}
	if l.hub != nil {
		errs = append(errs, l.hub.Close())
	}
	return errors.Join(errs...)
}

func closeListener(ln net.Listener) error {
	if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

const holdingsTimeout = 30 * time.Second

// holdings returns the answer of the Hub's API about all criteria, as it is.
func (l *lab) holdings(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, holdingsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.hubURL()+"/api/service/team-criteria", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", l.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the hub: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the hub: status %d", resp.StatusCode)
	}
	return readAll(resp.Body)
}
