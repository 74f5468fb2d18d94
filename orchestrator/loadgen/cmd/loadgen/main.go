// Command loadgen is the load generator alone: what 'hackload loadgen' is
// inside the large program, with the same flags, variables and exit codes.
//
// In come arguments and the environment, k6's; out go a summary, whatever
// outputs were asked for, and k6's exit codes. A program without the rest of
// hackload starts in half the time and is half the size, so this is the one for
// images of runners, where it stands under the name k6. Whoever has hackload
// needs no second program.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // an image need not have zones of its own

	"github.com/hackload-kz/hackload/orchestrator/internal/revision"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, hard, stop := loadgen.Signals(context.Background())
	defer stop()
	return loadgen.Command(ctx, args, loadgen.IO{
		Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ, Hard: hard, Version: revision.Short(),
	})
}
