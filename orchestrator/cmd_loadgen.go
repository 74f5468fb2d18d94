package main

import (
	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

func loadgenCommand(w world) *cobra.Command {
	return &cobra.Command{
		Use:   "loadgen run|inspect SCRIPT [k6 flags]",
		Short: "The load generator: runs k6 scripts, with k6's flags",
		Long: `loadgen runs k6 scripts with k6's flags, environment variables, summary and
exit codes (0 done, 99 a threshold failed, 104 wrong configuration, 105
interrupted, 107 script error), and 120 when this machine had no file
descriptors, ports or memory left. See 'hackload loadgen --help'.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, hard, stop := loadgen.Signals(cmd.Context())
			defer stop()
			io := loadgen.IO{Stdout: w.Stdout, Stderr: w.Stderr, Environ: w.Environ, Hard: hard, Version: version()}
			if code := loadgen.Command(ctx, args, io); code != exitDone {
				return &exit{code: code}
			}
			return nil
		},
	}
}
