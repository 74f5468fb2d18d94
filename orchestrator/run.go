package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/internal/revision"
)

// world is everything outside the process that a command may touch.
type world struct {
	Args     []string
	Getenv   func(string) string
	Environ  func() []string
	Stdout   io.Writer // data
	Stderr   io.Writer // progress, logs, errors
	Terminal bool      // Stderr is one
	Program  func() (string, error)
}

// Exit codes.
const (
	exitDone    = 0
	exitFailed  = 1 // a verdict failed
	exitUsage   = 2 // wrong usage or configuration
	exitTrouble = 3 // our own trouble
)

// exit is an error that knows its exit code and what to do about it. An exit
// without an error only sets the code: everything has been said.
type exit struct {
	code int
	err  error
	hint string
}

// Error returns the message of the error inside.
func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the error inside.
func (e *exit) Unwrap() error { return e.err }

func usage(err error, hint string) error { return &exit{exitUsage, err, hint} }

// run is the program: it does what the arguments say and returns the exit code.
func run(ctx context.Context, w world) int {
	root := rootCommand(w)
	root.SetArgs(w.Args)
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	asked, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var e *exit
	if !errors.As(err, &e) {
		// What cobra itself refuses is wrong usage; all of ours carry a code.
		e = &exit{code: exitUsage, err: err, hint: "See '" + asked.CommandPath() + " --help'."}
	}
	if e.err != nil {
		fmt.Fprintf(w.Stderr, "hackload: %v\n", err)
	}
	if e.hint != "" {
		fmt.Fprintln(w.Stderr, e.hint)
	}
	return e.code
}

func rootCommand(w world) *cobra.Command {
	root := &cobra.Command{
		Use:   "hackload",
		Short: "Load-tests every team of a contest, judges fairly, publishes to the Hub",
		Long: `hackload runs a load-testing contest.

On a schedule it measures every team against every criterion, turns what was
measured into evidence, judges the evidence by the contest's rules, and gets
the verdict into the Hub exactly once, whatever breaks on the way.

Begin with 'hackload dev': a whole contest on this machine, with sample teams.

Exit codes: 0 done, 1 a verdict failed, 2 wrong usage or configuration,
3 our own trouble; 'hackload loadgen' uses k6's.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(unknownFlag)
	root.AddCommand(versionCommand(), devCommand(w), serveCommand(w), runCommand(w), explainCommand(w), exporterCommand(w), checkCommand(w), loadgenCommand(w), minderCommand(w), jobsCommand(w), runsCommand(w), stopCommand(w),
		outboxCommand(w), teamCommand(w), overrideCommand(w), auditCommand(w), exportCommand(w), backupCommand(w), restoreCommand(w))
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the revision that this program was built from",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "hackload", version()) },
	}
}

// unknownFlag adds to a flag that is not known the one that was meant.
func unknownFlag(cmd *cobra.Command, err error) error {
	_, wrong, unknown := strings.Cut(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	for _, name := range oneAway(wrong) {
		if cmd.Flags().Lookup(name) != nil {
			return fmt.Errorf("%w, did you mean --%s?", err, name)
		}
	}
	return err
}

// oneAway lists the words that one slip of the hand separates from word: a
// letter left out, doubled, mistaken or swapped with the next.
func oneAway(word string) (words []string) {
	const letters = "abcdefghijklmnopqrstuvwxyz-"
	for i := range len(word) + 1 {
		before, after := word[:i], word[i:]
		for _, c := range letters {
			words = append(words, before+string(c)+after)
		}
		if after == "" {
			break
		}
		words = append(words, before+after[1:])
		for _, c := range letters {
			words = append(words, before+string(c)+after[1:])
		}
		if len(after) > 1 {
			words = append(words, before+after[1:2]+after[:1]+after[2:])
		}
	}
	return words
}

// version tells the revision that the binary was built from.
func version() string { return revision.Short() }
