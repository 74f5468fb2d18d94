package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
	"github.com/hackload-kz/hackload/orchestrator/prom"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
	"github.com/hackload-kz/hackload/scenarios"
)

func checkCommand(w world) *cobra.Command {
	var file string
	var health bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong or missing before 'serve' finds out",
		Long: `check validates the configuration, evaluates every scenario at every level, and
asks every source of teams, Grafana and Prometheus. It prints all that it finds
and exits 2 when 'serve' would not work.

--health asks the 'serve' of this machine instead, on HEALTH_CHECK_PORT, and
exits 1 when it does not answer: the health check of a container.`,
		Example: "  hackload check --config hackload.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(w, file, nil)
			if err != nil {
				return err
			}
			if health {
				return checkHealth(cmd.Context(), w, c.Web.Port)
			}
			return check(cmd.Context(), w, c)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE`")
	cmd.Flags().BoolVar(&health, "health", false, "ask whether the 'serve' of this machine is alive")
	return cmd
}

const checkTimeout = 15 * time.Second

func check(ctx context.Context, w world, c *config.Config) error {
	s := survey{warnings: slices.Concat(c.Warnings, c.Lacking()), problems: c.Check(scenarios.Names())}
	if err := c.ValidateServe(); err != nil {
		s.problems = append(s.problems, strings.Split(err.Error(), "\n")...)
	}
	bad, err := checkScenarios(ctx, w, c)
	if err != nil {
		return trouble(err)
	}
	s.problems = append(s.problems, bad...)
	s.problems = append(s.problems, c.CheckMachine(output.Cores())...)
	s.checkLauncher(ctx, c)
	s.checkTeams(ctx, c)
	s.checkState(ctx, c)
	s.checkCluster(ctx, c)
	g, err := openGrafana(c)
	if err != nil {
		s.problem("%v", err)
	} else {
		s.checkGrafana(ctx, c, g)
		s.checkPrometheus(ctx, c, g)
	}
	s.print(w.Stdout)
	if len(s.problems) > 0 {
		return &exit{code: exitUsage}
	}
	fmt.Fprintln(w.Stdout, "All is well: 'hackload serve' can start.")
	return nil
}

// checkScenarios evaluates each criterion's scenario at each of its levels.
func checkScenarios(ctx context.Context, w world, c *config.Config) (problems []string, err error) {
	program, err := w.Program()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "hackload-check-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	files := scenarios.Files()
	if c.Scenarios.Dir != "" {
		files = scenarios.Overlay(c.Scenarios.Dir)
	}
	l := launch.New(launch.Config{Program: program, Args: []string{"loadgen"}, Dir: dir, Scenarios: files, Environ: w.Environ()})
	defer l.Close()
	for _, key := range enabled(c) {
		s, err := contest.FindService(string(key))
		if err != nil {
			return nil, err
		}
		rules := c.Contest.Criteria[s.Criterion] // without levels where there is no load
		for _, level := range rules.Levels {
			if err := checkLevel(ctx, l, s, rules, level); err != nil {
				problems = append(problems, fmt.Sprintf("%s at %d users: %v", s.Criterion, level.Users, err))
			}
		}
	}
	return problems, nil
}

func checkLevel(ctx context.Context, l *launch.Launcher, s contest.Service, rules config.Criterion, level contest.Level) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	env := map[string]string{
		"API_URL": "http://127.0.0.1:1", "USERS": fmt.Sprint(level.Users), "TIME_UNIT": level.Unit().String(),
		"RAMP": level.Ramp.String(), "DURATION": level.Duration.String(),
	}
	if level.UsersFile != "" {
		env["USERS_FILE"] = level.UsersFile
	}
	script, err := l.Inspect(ctx, s.Scenario, env)
	if err != nil {
		return err
	}
	_, err = verdict.RulesFor(s.Criterion, script.Thresholds, rules.Thresholds)
	return err
}

// checkPrometheus asks Prometheus, where there is one outside.
func (s *survey) checkPrometheus(ctx context.Context, c *config.Config, g *grafana.Client) {
	if c.Prometheus.URL == "" && (!c.Proxied() || g == nil) {
		return // the embedded store serves, or the configuration's check has told
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	p, err := prometheusConfig(ctx, c, g)
	if err != nil {
		s.problem("prometheus: %v", err)
		return
	}
	client, err := prom.New(p)
	if err != nil {
		s.problem("%v", err)
		return
	}
	if err := client.Check(ctx); err != nil {
		s.problem("prometheus: %v", err)
	}
}

// print writes everything, what matters most last.
func (s *survey) print(out io.Writer) {
	for _, kind := range []struct {
		word  string
		lines []string
	}{{"ok", s.said}, {"warning", s.warnings}, {"problem", s.problems}} {
		for _, line := range kind.lines {
			fmt.Fprintln(out, kind.word+":", line)
		}
	}
}
