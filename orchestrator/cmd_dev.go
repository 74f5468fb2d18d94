package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/samber/lo"
	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

// devOptions are dev's flags.
type devOptions struct {
	once     bool
	json     string
	listen   string
	state    string
	teams    []string
	criteria []string
	dir      string // of scenarios
}

func devCommand(w world) *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole contest on this machine, with sample teams",
		Long: `dev stands up a whole contest here, every part of it real: seven sample teams
(their services on loopback), a Hub, a metric store, load generators as child
processes, and the pages. Nothing needs to be installed or configured.

The teams are good, slow, flaky (every 12th request fails), oversold (sells a
seat twice), leaky (anyone may cancel anything), down (refuses connections) and
empty (has no endpoint).

With --once it runs one round of every service, prints what the Hub then holds
and exits 0 if the Hub accepted every update. With --state a killed contest is
taken up again; without it, the state is thrown away at the end.

The organisers' pages and commands are there too: dev tells the token that they
need, unless ADMIN_TOKEN is set.`,
		Example: `  hackload dev
  hackload dev --once --json out.json
  hackload dev --once --teams good,slow --criteria EVENT_SEARCH --state /tmp/contest`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return dev(cmd.Context(), w, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.once, "once", false, "run one round of every service, print the result, exit")
	f.StringVar(&o.json, "json", "", "write what the Hub holds at the end to `FILE`")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDR` of the pages")
	f.StringVar(&o.state, "state", "", "keep the contest's state in `DIR` and take it up again")
	f.StringSliceVar(&o.teams, "teams", nil, "only these sample teams, comma-separated")
	f.StringSliceVar(&o.criteria, "criteria", nil, "only these criteria (or services), comma-separated")
	f.StringVar(&o.dir, "scenarios", "", "use the edited scenarios in `DIR`")
	return cmd
}

func dev(ctx context.Context, w world, o devOptions) (err error) {
	c, err := devConfig(w, &o)
	if err != nil {
		return usage(err, "See 'hackload dev --help'.")
	}
	services, err := chooseServices(c, o.criteria)
	if err != nil {
		return usage(err, "See 'hackload dev --help'.")
	}
	teams, err := chooseTeams(o.teams)
	if err != nil {
		return usage(err, "See 'hackload dev --help'.")
	}
	if o.state == "" {
		if c.State.Dir, err = os.MkdirTemp("", "hackload-dev-"); err != nil {
			return trouble(fmt.Errorf("make a state directory: %w", err))
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.State.Dir)) }()
	}
	program, err := w.Program()
	if err != nil {
		return trouble(fmt.Errorf("find this program: %w", err))
	}
	x, err := w.witness(ctx, c, "dev", forPeople())
	if err != nil {
		return err
	}
	defer x.close(ctx, &err)
	s := site{config: c, log: x.log, tracing: x.tracing, program: program, environ: w.Environ(),
		reached: reached(w.Getenv), services: services, cron: !o.once}
	return trouble(s.dev(ctx, w, o, teams))
}

// devConfig is dev's configuration. Without a token of the user's there is a new
// one, which is told at the start.
func devConfig(w world, o *devOptions) (*config.Config, error) {
	c, err := config.Dev()
	if err != nil {
		return nil, err
	}
	if c.Observe, err = config.ObserveFrom(w.Getenv); err != nil {
		return nil, err
	}
	c.Scenarios.Dir, c.State.Dir = o.dir, o.state
	c.Web.AdminToken = config.NewSecret(cmp.Or(w.Getenv("ADMIN_TOKEN"), rand.Text()))
	return c, nil
}

// chooseServices returns the load services that names select, all when empty.
func chooseServices(c *config.Config, names []string) ([]contest.ServiceKey, error) {
	all := enabled(c)
	if len(names) == 0 {
		return all, nil
	}
	var some []contest.ServiceKey
	for _, name := range names {
		s, err := contest.FindService(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("%w; measured here: %v", err, all)
		}
		if !lo.Contains(all, s.Key) {
			return nil, fmt.Errorf("%s is not measured here; choose from %v", name, all)
		}
		some = append(some, s.Key)
	}
	return some, nil
}

func chooseTeams(names []string) ([]biletter.Team, error) {
	all := biletter.Teams()
	if len(names) == 0 {
		return all, nil
	}
	all = append(all, biletter.Cheats()...)
	bySlug := lo.KeyBy(all, func(t biletter.Team) string { return t.Slug })
	var some []biletter.Team
	for _, name := range names {
		t, ok := bySlug[strings.TrimSpace(name)]
		if !ok {
			return nil, fmt.Errorf("there is no sample team %q; choose from %s", name, strings.Join(lo.Map(all, func(t biletter.Team, _ int) string { return t.Slug }), ", "))
		}
		some = append(some, t)
	}
	return some, nil
}

// dev stands the lab up, and the line on top of it. The sample services live
// in this process: a launch that outlived an earlier one has measured their
// absence, so its run is begun again instead of being adopted.
func (s site) dev(ctx context.Context, w world, o devOptions, teams []biletter.Team) (err error) {
	laboratory, err := openLab(ctx, filepath.Join(s.config.State.Dir, "lab"), teams)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, laboratory.Close()) }()
	pages, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for pages: %w", err)
	}
	defer closeListener(pages)
	s.config.Web.PublicURL = "http://" + pages.Addr().String()
	s.config.GitHub.APIURL, s.config.GitHub.Token = laboratory.githubURL(), config.NewSecret("lab")
	s.only = lo.Map(teams, func(t biletter.Team, _ int) contest.Slug { return contest.Slug(t.Slug) })
	wk, err := assembleWithHub(ctx, s, hub.Config{BaseURL: laboratory.hubURL(), Key: hub.Key(laboratory.key)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wk.Close()) }()
	if err := wk.line.Abandon(ctx); err != nil {
		return err
	}
	if err := wk.cancelGone(ctx, laboratory.at); err != nil {
		return err
	}
	servers, err := wk.servers(pages, "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(w.Stderr, "A contest of %d teams. Pages: %s  Metrics: http://%s/metrics  State: %s\n", len(teams), s.config.Web.PublicURL, wk.metricsAt, s.config.State.Dir)
	laboratory.describe(w.Stderr)
	if !o.once {
		fmt.Fprintf(w.Stderr, "Organisers: %s/organisers, and the commands of 'hackload --help' with --server %s\n  ADMIN_TOKEN=%s\n",
			s.config.Web.PublicURL, s.config.Web.PublicURL, s.config.Web.AdminToken.Reveal())
	}
	body := func(ctx context.Context) error { return wk.devBody(ctx, w, o, laboratory) }
	err = wk.work(ctx, body, append(laboratory.parts(), servers...))
	return errors.Join(err, wk.line.Abandon(context.WithoutCancel(ctx)))
}

// cancelGone cancels the runs that an earlier process on this state planned at
// services which this one does not have: teams left out this time, and addresses
// that somebody else has taken. They would measure nobody, or a stranger.
func (w *works) cancelGone(ctx context.Context, here map[contest.Slug]string) error {
	runs, err := w.store.RunsIn(ctx, "", contest.RunPlanned, contest.RunLeased, contest.RunPrepared, contest.RunEnded, contest.RunCollected)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if at, ok := here[r.Team.Slug]; ok && at == r.Team.Endpoint {
			continue
		}
		_, err := w.line.Cancel(ctx, string(r.ID), "dev", "its sample service is not there any more")
		if err != nil && !errors.Is(err, conduct.ErrFinal) { // another's cancellation ended its climb
			return err
		}
	}
	return nil
}

// devBody is what happens while everything works.
func (w *works) devBody(ctx context.Context, out world, o devOptions, l *lab) error {
	watch := newWatch(out, w)
	stop := watch.start(ctx)
	defer stop()
	if !o.once {
		for _, key := range w.services {
			if err := w.queue.Fire(ctx, key); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}
	if err := w.session(ctx); err != nil {
		return err
	}
	stop()
	return w.report(ctx, out, o.json, l)
}
