package loadgen

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// Command runs the command line args (without the program's name) and returns
// its exit code: k6's, or 255 for a wrong use. Cancelling ctx stops a running
// test in an orderly way.
func Command(ctx context.Context, args []string, x IO) int {
	root := &cobra.Command{
		Use:   "loadgen",
		Short: "Run k6 scripts",
		Long: `loadgen runs k6 scripts, unchanged, with k6's flags, variables and exit codes.

  0 all well              99 a threshold failed      104 wrong options
105 interrupted          107 the script failed       108 the script stopped the test
110 the script said fail 255 wrong use`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(runCommand(x), inspectCommand(x), archiveCommand(x), versionCommand(x))
	root.SetArgs(append([]string{}, args...)) // nil would mean the process's own
	root.SetOut(x.Stdout)
	root.SetErr(x.Stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		_, _ = fmt.Fprintf(x.Stderr, "loadgen: %v\n", err)
		if exitCode(err) == exitUsage {
			_, _ = fmt.Fprintln(x.Stderr, "Try: loadgen run --help")
		}
	}
	return exitCode(err)
}

func runCommand(x IO) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use:   "run SCRIPT",
		Short: "Run a test",
		Example: `  loadgen run search.js --vus 10 --duration 30s
  loadgen run search.js -e API_URL=http://127.0.0.1:8081 --smoke
  K6_PROMETHEUS_RW_SERVER_URL=http://127.0.0.1:9090/api/v1/write \
    loadgen run search.js --out prometheus-rw --tag testid=mine`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runTest(c.Context(), x, f, args[0])
		},
	}
	f.define(c.Flags(), true)
	return c
}

func inspectCommand(x IO) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use:   "inspect SCRIPT",
		Short: "Print a script's options",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return inspect(c.Context(), x, f, args[0])
		},
	}
	f.define(c.Flags(), false)
	c.Flags().BoolVar(&f.requirements, "execution-requirements", false, "add totalDuration and maxVUs")
	c.Flags().BoolVar(&f.jsonScript, "json-script", false, "print what a judge needs to know of the script instead")
	return c
}

func archiveCommand(x IO) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use:   "archive SCRIPT",
		Short: "Put a script, its imports, the files it opens and its options into one file",
		Long: `archive writes one file that 'run' and 'inspect' take in place of a script, here
or elsewhere. Only what is said with --env goes along, no variable of this
machine; options are those in force now, and flags still override them later.`,
		Example: "  loadgen archive search.js -e API_URL=http://127.0.0.1:8081 -O search.tar\n  loadgen run search.tar",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return archive(c.Context(), x, f, args[0])
		},
	}
	f.define(c.Flags(), false)
	c.Flags().StringVarP(&f.archiveOut, "archive-out", "O", "archive.tar", "the file to write")
	return c
}

func versionCommand(x IO) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(x.Stdout, "loadgen %s\n", x.version())
			return err
		},
	}
}
