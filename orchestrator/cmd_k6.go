package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/k6"
)

const minderName = "k6"

// minderCommand is what a launch runs where k6 puts on the load: it minds one
// k6 process. Scripts are read by our own generator, which says of them what a
// judge needs to know.
func minderCommand(w world) *cobra.Command {
	return &cobra.Command{
		Use:                minderName + " PROGRAM run|inspect SCRIPT [flags]",
		Short:              "Run a k6 program in place of the load generator",
		Hidden:             true,
		DisableFlagParsing: true,
		Args:               cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[1] != "run" {
				return loadgenCommand(w).RunE(cmd, args[1:])
			}
			p, err := k6.Find(cmd.Context(), args[0])
			if err != nil {
				return &exit{code: k6.ExitUsage, err: err}
			}
			// SIGTERM is k6's to heed, so the context does not end with it.
			io := k6.IO{Stdout: w.Stdout, Stderr: w.Stderr, Environ: w.Environ()}
			if code := k6.Command(context.WithoutCancel(cmd.Context()), p, args[1:], io); code != exitDone {
				return &exit{code: code}
			}
			return nil
		},
	}
}
