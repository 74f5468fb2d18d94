package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
)

func jobsCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := r.group(&cobra.Command{
		Use:     "jobs",
		Short:   "See and change when the running process measures what",
		Example: "  hackload jobs list\n  hackload jobs pause git-monitor --why 'the Hub is being moved'",
	})
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the services with their intervals", Args: cobra.NoArgs,
		Example: "  hackload jobs list --server https://hackload.example.org",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.read(cmd.Context(), apiPath("services"), nil)
			return jobsListing().show(r, answer, err)
		},
	})
	cmd.AddCommand(r.jobsChange("run", "Measure all teams now, also while the service is paused"))
	cmd.AddCommand(r.jobsChange("pause", "Fire a service no more until it is resumed"))
	cmd.AddCommand(r.jobsChange("resume", "Let a paused service fire again"))
	cmd.AddCommand(&cobra.Command{
		Use: "reschedule SERVICE CRON", Short: "Give a service another interval", Args: cobra.ExactArgs(2),
		Example:           "  hackload jobs reschedule git-monitor '*/10 * * * *' --who Aigerim",
		ValidArgsFunction: completeServices,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), change{method: http.MethodPut, path: apiPath("services", args[0], "interval"), more: map[string]any{"interval": args[1]}})
			return jobsListing().show(r, answer, err)
		},
	})
	cmd.AddCommand(r.deadLetters(), r.deadLetter(), r.deadLetterRetry(), r.deadLetterDrop())
	return cmd
}

// jobsChange is a command that changes one service.
func (r *remote) jobsChange(verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " SERVICE", Short: short, Args: cobra.ExactArgs(1),
		Example:           "  hackload jobs " + verb + " k6-search-testing --who Aigerim",
		ValidArgsFunction: completeServices,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), post("services", args[0], verb))
			return jobsListing().show(r, answer, err)
		},
	}
}

func jobsListing() listing[schedule.JobStatus] {
	return listing[schedule.JobStatus]{
		none: "There are no services.",
		head: []string{"SERVICE", "STATE", "INTERVAL", "NEXT", "LAST", "SKIPPED"},
		row: func(s schedule.JobStatus) []string {
			state := map[bool]string{true: "paused", false: "waits"}[s.Paused]
			if !s.Enabled {
				state = "off"
			}
			if s.Running {
				state += ", running"
			}
			return []string{string(s.Service), state, s.Interval, moment(s.NextRun), moment(s.LastRun), fmt.Sprint(s.Skipped)}
		},
	}
}

// completeServices completes a first argument that is a service.
func completeServices(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var keys []string
	if len(args) == 0 {
		for _, s := range contest.Services() {
			keys = append(keys, string(s.Key))
		}
	}
	return keys, cobra.ShellCompDirectiveNoFileComp
}

// completeCriteria completes a second argument that is a criterion.
func completeCriteria(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return criteriaNames(), cobra.ShellCompDirectiveNoFileComp
}

// criteriaNames lists the criteria that are measured.
func criteriaNames() []string {
	var names []string
	for _, s := range contest.Services() {
		names = append(names, string(s.Criterion))
	}
	return names
}

// completeFlag completes a flag's value from a closed set.
func completeFlag(cmd *cobra.Command, name string, values []string) {
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}

// criterion finds the criterion that one of a service's names means.
func criterion(name string) (contest.Criterion, error) {
	s, err := contest.FindService(name)
	if err != nil {
		return "", usage(err, "The results page shows the criteria.")
	}
	return s.Criterion, nil
}

// ofTeam is a command on one team's criterion, given as its two arguments.
func ofTeam(do func(ctx context.Context, team string, c contest.Criterion) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := criterion(args[1])
		if err != nil {
			return err
		}
		return do(cmd.Context(), args[0], c)
	}
}
