package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/samber/lo"
	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
	"github.com/hackload-kz/hackload/scenarios"
)

// runOptions are run's flags.
type runOptions struct {
	target   string
	team     string
	users    int
	unit     time.Duration
	ramp     time.Duration
	duration time.Duration
	file     string // of users
	config   string
	launcher string
	state    string
	publish  bool
	json     bool
	smoke    bool
	reset    bool
}

func runCommand(w world) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run SCENARIO --target URL",
		Short: "Measure one target by hand, and judge it",
		Long: `run puts one scenario on one target and prints the evidence and the verdict.
It needs neither a Hub nor a configuration.

SCENARIO is the name of a shipped scenario (` + strings.Join(scenarios.Names(), ", ") + `) or the path of
a k6 script. --smoke runs a single iteration instead and prints each request
and its answer. It exits 1 when the verdict is failed, 3 when nothing could be
measured.`,
		Example: `  hackload run search --target http://127.0.0.1:8081 --users 50 --duration 10s
  hackload run scenarios/booking.js --target http://127.0.0.1:8081 --smoke`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runByHand(cmd.Context(), w, o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.target, "target", "", "base `URL` of the service under test (required)")
	f.StringVar(&o.team, "team", "local", "`SLUG` that the run is labelled with")
	f.IntVar(&o.users, "users", 10, "users that arrive per time unit")
	f.DurationVar(&o.unit, "time-unit", time.Second, "time unit of --users")
	f.DurationVar(&o.ramp, "ramp", time.Second, "warm-up before the judged phase")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "length of the judged phase")
	f.StringVar(&o.file, "users-file", "", "CSV or JSON `FILE` of users (default: the sample users)")
	f.StringVar(&o.config, "config", "", "configuration `FILE`; needed with --publish")
	f.StringVar(&o.launcher, "launcher", "", "what generates the load: loadgen or k6 (default: the configuration's, else loadgen)")
	f.StringVar(&o.state, "state", "", "keep the run in the state directory `DIR`, for explain")
	f.BoolVar(&o.publish, "publish", false, "write the verdict to the Hub")
	f.BoolVar(&o.json, "json", false, "print evidence and verdict as JSON")
	f.BoolVar(&o.smoke, "smoke", false, "run one iteration and print each request and answer")
	f.BoolVar(&o.reset, "reset", false, "POST /api/reset before the run")
	_ = cmd.MarkFlagRequired("target")
	return cmd
}

func runByHand(ctx context.Context, w world, o runOptions, scenario string) (err error) {
	if err := o.check(); err != nil {
		return usage(err, "See 'hackload run --help'.")
	}
	if o.file, err = usersFile(o.file); err != nil {
		return usage(err, "Name a CSV or JSON file of users with --users-file, or leave it out for the sample users.")
	}
	script, err := findScenario(scenario)
	if err != nil {
		return usage(err, "Name a shipped scenario ("+strings.Join(scenarios.Names(), ", ")+") or the path of a k6 script.")
	}
	if o.publish && script.service.Criterion == "" {
		return usage(fmt.Errorf("--publish: script %s belongs to no criterion of the Hub", script.name),
			"Publish one of "+strings.Join(scenarios.Names(), ", ")+", or leave --publish out.")
	}
	if o.smoke {
		return smoke(ctx, w, o, script)
	}
	c, err := o.configuration(w, script)
	if err != nil {
		return err
	}
	if o.state == "" {
		if c.State.Dir, err = os.MkdirTemp("", "hackload-run-"); err != nil {
			return trouble(fmt.Errorf("make a state directory: %w", err))
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.State.Dir)) }()
	}
	return trouble(measure(ctx, w, o, c, script))
}

func (o runOptions) check() error {
	u, err := url.Parse(o.target)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--target %q is no URL: want http://HOST:PORT or https://HOST", o.target)
	}
	switch {
	case !contest.Slug(o.team).Valid():
		return fmt.Errorf("--team %q: want letters, digits, - and _", o.team)
	case o.users < 1 || o.duration < time.Second || o.unit <= 0 || o.ramp < 0:
		return errors.New("--users must be 1 or more, --duration 1s or more, --time-unit above 0, --ramp 0 or more")
	case o.launcher != "" && o.launcher != "loadgen" && o.launcher != "k6":
		return fmt.Errorf("--launcher %q is not built in: want loadgen or k6", o.launcher)
	case o.publish && o.config == "":
		return errors.New("--publish needs --config with the Hub's address and key")
	}
	return nil
}

// usersFile returns the path of a users file as the generator needs it, which
// works in a directory of its own. What the file holds is the scenario's to judge.
func usersFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("--users-file: %w", err)
	}
	if info.IsDir() {
		return "", fmt.Errorf("--users-file %s is a directory", path)
	}
	return filepath.Abs(path)
}

// found is a scenario and where it stands.
type found struct {
	name    string
	dir     string // of an edited script; empty: shipped
	service contest.Service
}

// findScenario takes the name of a shipped scenario or the path of a script.
// A script of another name than the shipped ones has no criterion: it is judged
// by its own thresholds and is never published.
func findScenario(arg string) (found, error) {
	f := found{name: strings.TrimSuffix(filepath.Base(arg), ".js")}
	info, err := os.Stat(arg)
	if err == nil && info.IsDir() && !lo.Contains(scenarios.Names(), arg) {
		return found{}, fmt.Errorf("scenario %s is a directory", arg)
	}
	if err == nil && !info.IsDir() {
		if !strings.HasSuffix(arg, ".js") {
			return found{}, fmt.Errorf("scenario %s is no .js file", arg)
		}
		f.dir = filepath.Dir(arg)
	} else if !lo.Contains(scenarios.Names(), f.name) || strings.ContainsRune(arg, '/') && err != nil {
		return found{}, fmt.Errorf("there is no scenario %s", arg)
	}
	f.service = contest.Service{Key: "by-hand", Name: "by-hand", Scenario: f.name}
	for _, s := range contest.Services() {
		if s.Scenario == f.name {
			f.service = s
		}
	}
	return f, nil
}

func (o runOptions) level() contest.Level {
	return contest.Level{
		Users: o.users, TimeUnit: contest.Duration(o.unit), Ramp: contest.Duration(o.ramp),
		Duration: contest.Duration(o.duration), Points: 1, UsersFile: o.file,
	}
}

func (o runOptions) configuration(w world, script found) (*config.Config, error) {
	c, err := config.Dev()
	if err != nil {
		return nil, trouble(err)
	}
	if o.config != "" {
		c, err = loadConfig(w, o.config, nil)
	} else if c.Observe, err = config.ObserveFrom(w.Getenv); err != nil {
		err = usage(err, "Correct the environment.")
	}
	if err != nil {
		return nil, err
	}
	c.Load.AllowPrivateTargets, c.Load.Launcher = true, cmp.Or(o.launcher, c.Load.Launcher)
	c.Contest.Windows = nil                                           // who runs something by hand has chosen the hour
	c.Scenarios.Dir, c.State = script.dir, config.State{Dir: o.state} // never the contest's
	return c, nil
}

// smoke runs one iteration in this process and prints what was said.
func smoke(ctx context.Context, w world, o runOptions, script found) error {
	dir, err := os.MkdirTemp("", "hackload-smoke-")
	if err != nil {
		return trouble(fmt.Errorf("make a directory: %w", err))
	}
	defer os.RemoveAll(dir)
	files := scenarios.Files()
	if script.dir != "" {
		files = scenarios.Overlay(script.dir)
	}
	if err := scenarios.Materialise(files, dir); err != nil {
		return trouble(err)
	}
	args := []string{"run", filepath.Join(dir, script.name+".js"), "--smoke", "-e", "API_URL=" + o.target,
		"-e", fmt.Sprint("USERS=", o.users), "-e", "DURATION=" + o.duration.String(), "-e", "RAMP=" + o.ramp.String()}
	if o.file != "" {
		args = append(args, "-e", "USERS_FILE="+o.file)
	}
	if code := loadgen.Command(ctx, args, loadgen.IO{Stdout: w.Stdout, Stderr: w.Stderr, Environ: w.Environ}); code != 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

// measure runs the line for one run.
func measure(ctx context.Context, w world, o runOptions, c *config.Config, script found) (err error) {
	program, err := w.Program()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	x, err := w.witness(ctx, c, "run", forPeople())
	if err != nil {
		return err
	}
	defer x.close(ctx, &err)
	s := site{config: c, log: x.log, tracing: x.tracing, program: program, environ: w.Environ(), reached: reached(w.Getenv), noReset: !o.reset}
	wk, err := o.assemble(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wk.Close()) }()
	err = wk.work(ctx, func(ctx context.Context) error { return wk.byHand(ctx, w, o, script) }, nil)
	x.push(ctx, wk.registry)
	// Nobody would follow a load that goes on after this command.
	return errors.Join(err, wk.line.Abandon(context.WithoutCancel(ctx)))
}

func (o runOptions) assemble(ctx context.Context, s site) (*works, error) {
	if o.publish {
		return assembleWithHub(ctx, s, hubConfig(s.config))
	}
	return assemble(ctx, s)
}

func (w *works) byHand(ctx context.Context, out world, o runOptions, script found) error {
	team, err := w.teamByHand(ctx, o)
	if err != nil {
		return err
	}
	stop := newWatch(out, w).start(ctx)
	defer stop()
	rules := config.Criterion{Scenario: script.name, Levels: []contest.Level{o.level()}, Repeats: 1, Score: config.ScoreSum, Result: config.ResultLatest}
	round, err := w.line.ByHand(ctx, team, script.service, rules, o.publish)
	if err != nil {
		return err
	}
	run, err := w.untilJudged(ctx, round)
	if err != nil {
		return err
	}
	if o.publish {
		if err := w.untilFlushed(ctx); err != nil {
			return err
		}
	}
	stop()
	told := w.tellRun(ctx, out, o, run)
	if !o.publish {
		return told
	}
	return cmp.Or(w.refused(ctx, run), told)
}

// refused returns an error when the Hub said no to the update of a run.
func (w *works) refused(ctx context.Context, run contest.Run) error {
	parked, err := w.store.Outbox(ctx, contest.OutboxParked)
	if err != nil {
		return err
	}
	for _, r := range parked {
		if r.Update.TeamSlug == run.Team.Slug && r.Update.CriteriaType == run.Criterion {
			return fmt.Errorf("the hub refused %s %s: %s", run.Team.Slug, run.Criterion, r.Error)
		}
	}
	return nil
}

// teamByHand is the team that the run is labelled with; for publishing, the
// Hub's own.
func (w *works) teamByHand(ctx context.Context, o runOptions) (contest.Team, error) {
	team := contest.Team{Slug: contest.Slug(o.team), Name: o.team}
	if o.publish {
		all, err := w.contestants(ctx)
		if err != nil {
			return team, err
		}
		known, ok := lo.Find(all, func(t contest.Team) bool { return t.Slug == team.Slug })
		if !ok {
			return team, usage(fmt.Errorf("the Hub has no team %q", o.team), "Name one of the Hub's teams with --team.")
		}
		team = known
	}
	team.Endpoint = o.target
	return team, nil
}

// untilJudged waits for the last run of the round: the one that is judged and
// not to be repeated.
func (w *works) untilJudged(ctx context.Context, round contest.RoundID) (contest.Run, error) {
	for {
		open, err := w.store.OpenClimbs(ctx, round)
		if err != nil {
			return contest.Run{}, err
		}
		if open == 0 {
			judged, err := w.store.RunsIn(ctx, round, contest.RunJudged)
			if err != nil || len(judged) == 0 {
				return contest.Run{}, errors.Join(errors.New("the run left no verdict"), err)
			}
			return judged[len(judged)-1].Run, nil
		}
		if err := wait(ctx, sessionLook); err != nil {
			return contest.Run{}, err
		}
	}
}

func (w *works) tellRun(ctx context.Context, out world, o runOptions, run contest.Run) error {
	x, err := examine(ctx, w.store, run)
	if err != nil {
		return err
	}
	if run.Outcome == contest.OutcomeInvalid {
		fmt.Fprintln(out.Stderr, "hackload: nothing was measured:", reason(x.judged.Verdict))
	}
	if o.json {
		enc := json.NewEncoder(out.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false) // rules hold < and >, and nobody shows this as HTML
		err = enc.Encode(struct {
			Run      contest.Run        `json:"run"`
			Evidence contest.Evidence   `json:"evidence"`
			Verdict  contest.RunVerdict `json:"verdict"`
		}{run.Shown(), x.evidence, x.judged.Verdict})
	} else {
		x.print(out.Stdout)
	}
	if err != nil {
		return fmt.Errorf("print verdict: %w", err)
	}
	switch run.Outcome {
	case contest.OutcomePassed:
		return nil
	case contest.OutcomeFailed:
		return &exit{code: exitFailed}
	}
	return &exit{code: exitTrouble}
}
