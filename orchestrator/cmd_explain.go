package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

func explainCommand(w world) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "explain RUN | FILE | TEAM CRITERION",
		Short: "Say why a verdict is what it is, and whether it still follows",
		Long: `explain shows a run's rules, values, queries and hashes, derives the verdict
again from the stored evidence, and says whether it agrees with the stored one.

RUN is a run's id or testid; the results page and 'hackload dev' show them.

FILE is the record of a run as its page offers it for download. Nothing else is
needed to check it: no state, no network.

With a TEAM and a CRITERION it does so for the verdict that stands: it derives
each of its runs and then the verdict again, and holds what the Hub is told
against it. What exporters saw is not kept, so theirs are only held against what
the Hub is told; likewise those that were set by hand.

It exits 1 when the verdict does not follow, or when a stored value, rule or
hash is not as it was written, and names it.`,
		Example:           "  hackload explain good-search-30-01kah… --state /tmp/contest\n  hackload explain run-01KAH….json\n  hackload explain good EVENT_SEARCH --state /tmp/contest",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeCriteria,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && isFile(args[0]) {
				return explainFile(w.Stdout, args[0])
			}
			state := stateOf(w, cmd, dir)
			if len(args) == 2 {
				return explainTeam(cmd.Context(), w.Stdout, state, args)
			}
			return explain(cmd.Context(), w.Stdout, state, args[0])
		},
	}
	cmd.Flags().StringVar(&dir, "state", "state", "state `DIR` of the contest; without it, STATE_DATABASE_URL where it is set")
	return cmd
}

// stateOf is the state that a command looks into: the directory that --state
// names, or else the database of the environment, as 'serve' has it.
func stateOf(w world, cmd *cobra.Command, dir string) config.State {
	c := config.State{Dir: dir}
	if !cmd.Flags().Changed("state") {
		c.DatabaseURL = config.NewSecret(w.Getenv("STATE_DATABASE_URL"))
	}
	return c
}

func openToRead(ctx context.Context, c config.State) (*store.Store, error) {
	if c.DatabaseURL.Set() {
		return store.OpenPostgresRead(ctx, c.DatabaseURL.Reveal())
	}
	return store.OpenRead(ctx, c.Dir)
}

func explain(ctx context.Context, out io.Writer, state config.State, id string) (err error) {
	s, err := openToRead(ctx, state)
	if err != nil {
		return usage(err, "Name the contest's state directory with --state, or its database with STATE_DATABASE_URL.")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	run, err := s.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return usage(fmt.Errorf("there is no run %q in %s", id, place(state)), "The results page lists the runs with their ids.")
	}
	if err != nil {
		return trouble(err)
	}
	if run.State != contest.RunJudged {
		return usage(fmt.Errorf("run %s is %s: there is no verdict yet", run.ID, run.State), "Wait until it is judged.")
	}
	e, err := examine(ctx, s, run.Run)
	if err != nil {
		return trouble(err)
	}
	e.print(out)
	if len(e.problems) > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

// examination is what was found when a judged run was looked at again.
type examination struct {
	run      contest.Run
	evidence contest.Evidence
	counts   string
	judged   store.RunJudgement
	sealed   store.SealedEvidence
	problems []string
	withheld []string // parts of the evidence that could not be checked
}

// examine checks every hash and derives the verdict again.
func examine(ctx context.Context, s *store.Store, run contest.Run) (examination, error) {
	x := examination{run: run}
	var err error
	if x.sealed, err = s.Evidence(ctx, run.ID); err != nil {
		return x, err
	}
	if x.judged, err = s.RunVerdict(ctx, run.ID); err != nil {
		return x, err
	}
	now, err := s.VerdictHash(ctx, run.ID)
	if err != nil {
		return x, err
	}
	x.check(now)
	x.compareRow()
	x.counts, err = counts(ctx, s, run)
	return x, err
}

// check holds evidence, rules and verdict against their hashes, and derives the
// verdict again. now is the verdict's hash as it is.
func (x *examination) check(now string) {
	x.problems = evidence.Sealed(x.sealed).Check(x.withheld...)
	if x.sealed.SHA256 != x.judged.EvidenceSHA256 {
		x.note("evidence hash: the evidence has %s, the verdict was derived from %s", x.sealed.SHA256, x.judged.EvidenceSHA256)
	}
	if sum := store.Hash(x.judged.Rules); sum != x.judged.RulesSHA256 {
		x.note("rules: their hash is %s, written was %s", sum, x.judged.RulesSHA256)
	}
	if now != x.judged.SHA256 {
		x.note("verdict: its hash is %s, written was %s", now, x.judged.SHA256)
	}
	x.derive()
}

func (x *examination) note(format string, args ...any) {
	x.problems = append(x.problems, fmt.Sprintf(format, args...))
}

// derive judges the stored evidence by the stored rules again.
func (x *examination) derive() {
	if err := json.Unmarshal(x.sealed.JSON, &x.evidence); err != nil {
		x.note("evidence: cannot be read: %v", err)
		return
	}
	var rules verdict.Rules
	if len(x.judged.Rules) > 0 {
		if err := json.Unmarshal(x.judged.Rules, &rules); err != nil {
			x.note("rules: cannot be read: %v", err)
			return
		}
	}
	x.problems = append(x.problems, verdict.Explain(rules, x.evidence, x.judged.Verdict)...)
}

// compareRow holds the run's own row, which the pages show, against the
// evidence and the verdict.
func (x *examination) compareRow() {
	r, e := x.run, x.evidence
	if e.Run == "" {
		return // it could not be read, which is said already
	}
	for _, c := range []struct {
		name      string
		row, want any
	}{
		{"id", r.ID, e.Run},
		{"testId", r.TestID, e.TestID},
		{"team", r.Team.Slug, e.Team},
		{"criterion", r.Criterion, e.Criterion},
		{"scenario", r.Scenario, e.Scenario},
		{"level", r.Level, e.Level},
		{"outcome", r.Outcome, x.judged.Verdict.Outcome},
	} {
		if c.row != c.want {
			x.note("run: its %s is %v, evidence and verdict have %v", c.name, c.row, c.want)
		}
	}
}

func (x *examination) print(out io.Writer) {
	e := x.evidence
	fmt.Fprintf(out, "Run      %s\nTestid   %s\nTeam     %s (%s)\nLevel    %d: %d users per %s for %s\n",
		x.run.ID, x.run.TestID, x.run.Team.Slug, x.run.Criterion, x.run.LevelNo+1, x.run.Level.Users, x.run.Level.Unit(), x.run.Level.Duration)
	fmt.Fprintf(out, "Window   %s to %s\nVerdict  %s\n", e.Window.From.Format("2006-01-02 15:04:05Z07:00"), e.Window.To.Format("15:04:05Z07:00"), x.judged.Verdict.Outcome)
	if x.counts != "" {
		fmt.Fprintf(out, "Counts   %s\n", x.counts)
	}
	fmt.Fprintln(out, "\nFindings")
	for _, f := range x.judged.Verdict.Findings {
		fmt.Fprintf(out, "  %-7s %s\n          %s\n", f.Outcome, f.Rule, f.Sentence)
	}
	fmt.Fprintln(out, "\nQueries")
	for _, q := range e.Queries {
		fmt.Fprintf(out, "  %s, at %s\n    %s\n", q.Name, q.At.Format("15:04:05.000Z07:00"), q.PromQL)
	}
	fmt.Fprintf(out, "\nHashes\n  script    %s\n  config    %s\n  rules     %s\n  evidence  %s\n  verdict   %s\n\n",
		e.Script.SHA256, e.ConfigHash, x.judged.RulesSHA256, x.sealed.SHA256, x.judged.SHA256)
	if len(x.withheld) > 0 {
		fmt.Fprintln(out, "The address of the team's service is left out of the file, so the hash of the evidence as a whole was not checked; that of each of its parts was.")
	}
	if len(x.problems) == 0 {
		fmt.Fprintln(out, "The verdict follows from the stored evidence; every hash agrees.")
		return
	}
	fmt.Fprintln(out, "NOT AS WRITTEN")
	for _, p := range x.problems {
		fmt.Fprintln(out, "  "+p)
	}
}

// place names a state for people; an address of a database may hold a password.
func place(s config.State) string {
	if s.DatabaseURL.Set() {
		return "the state database"
	}
	return s.Dir
}
