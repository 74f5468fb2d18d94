// Command hackload runs a load-testing contest: it load-tests every team's
// service at rising levels, judges what was measured, and publishes the
// verdicts to the contest's Hub.
//
// In come arguments, the environment and a configuration file; out go pages,
// verdicts at the Hub, and an exit code: 0 done, 1 a verdict failed, 2 wrong
// usage or configuration, 3 our own trouble (loadgen: k6's codes). What a
// killed process left undone is taken up by the next one on the same state.
//
// This package is the only one that reads arguments and environment variables,
// and the only one that knows which outside system stands behind which step.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	_ "time/tzdata" // the image has no zones of its own

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, world{
		Args: arguments(os.Args), Getenv: os.Getenv, Environ: os.Environ,
		Stdout: os.Stdout, Stderr: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd())),
		Program: os.Executable,
	}))
}

// arguments returns what the program is asked to do. Called k6, as by a link in
// a runner's image, it is its load generator.
func arguments(argv []string) []string {
	if filepath.Base(argv[0]) == "k6" {
		return append([]string{"loadgen"}, argv[1:]...)
	}
	return argv[1:]
}
