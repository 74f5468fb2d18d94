package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/k6"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/scenarios"
)

// openLauncher opens what puts load on teams.
func (w *works) openLauncher(ctx context.Context) error {
	c := w.config
	args, err := generator(ctx, c)
	if err != nil {
		return err
	}
	files := scenarios.Files()
	if c.Scenarios.Dir != "" {
		files = scenarios.Overlay(c.Scenarios.Dir)
	}
	w.launcher = launch.New(launch.Config{
		Program: w.program, Args: args, Dir: filepath.Join(c.State.Dir, "launches"),
		Scenarios: files, BlacklistIPs: w.guard().Private(), PushInterval: c.Load.PushInterval.D(), Environ: w.environ, Log: w.log,
	})
	w.closers = append(w.closers, func() error { w.launcher.Close(); return nil })
	if c.Load.Launcher == "testrun" {
		return w.openCluster(files)
	}
	return nil
}

// generator returns the command of this program that a launch runs.
func generator(ctx context.Context, c *config.Config) ([]string, error) {
	switch c.Load.Launcher {
	case "loadgen", "testrun": // which looks at scripts with it
		return []string{"loadgen"}, nil
	case "k6":
		p, err := k6.Find(ctx, c.Load.K6Program)
		if err != nil {
			return nil, usage(err, "Install k6 v2, name it in load.k6_program, or set load.launcher to loadgen.")
		}
		return []string{minderName, p.Path}, nil
	}
	return nil, usage(fmt.Errorf("launcher %q is not built in", c.Load.Launcher), "Set load.launcher to loadgen, k6 or testrun.")
}

// checkLauncher asks the k6 program what it is, where it is to put on the load.
func (s *survey) checkLauncher(ctx context.Context, c *config.Config) {
	if c.Load.Launcher != "k6" {
		return
	}
	p, err := k6.Find(ctx, c.Load.K6Program)
	if err != nil {
		s.problem("load.launcher is k6: %v", err)
		return
	}
	s.say("load comes from %s (%s)", p.Path, p.Version)
	if text := p.Inexact(); text != "" {
		s.warn("%s Build it with the extension, as the README says.", text)
	}
}
