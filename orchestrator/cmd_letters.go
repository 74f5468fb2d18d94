package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// deadLetter is a job that failed for the last time, as the API tells of it.
type deadLetter struct {
	ID         int64     `json:"id"`
	Service    string    `json:"serviceName"`
	Team       string    `json:"teamId"`
	Error      string    `json:"error"`
	At         time.Time `json:"timestamp"`
	RetryCount int       `json:"retryCount"`
	Kind       string    `json:"kind"`
	Run        string    `json:"run"`
	Round      string    `json:"round"`
	History    []struct {
		At    time.Time `json:"at"`
		Try   int       `json:"try"`
		Error string    `json:"error"`
	} `json:"history"`
}

func deadLettersListing() listing[deadLetter] {
	return listing[deadLetter]{
		none: "There are no dead letters.",
		head: []string{"ID", "SERVICE", "TEAM", "KIND", "DIED", "RETRIES", "ERROR"},
		row: func(d deadLetter) []string {
			return []string{fmt.Sprint(d.ID), d.Service, d.Team, d.Kind, moment(&d.At), fmt.Sprint(d.RetryCount), d.Error}
		},
	}
}

func (r *remote) deadLetters() *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use: "dead-letters", Short: "List the jobs that failed for the last time", Args: cobra.NoArgs,
		Example: "  hackload jobs dead-letters --service git-monitor",
		RunE: func(cmd *cobra.Command, _ []string) error {
			only := url.Values{}
			if service != "" {
				only.Set("service", service)
			}
			answer, err := r.readAsOrganiser(cmd.Context(), apiPath("dead-letters"), only)
			return deadLettersListing().show(r, answer, err)
		},
	}
	cmd.Flags().StringVar(&service, "service", "", "only those of `SERVICE`")
	var keys []string
	for _, s := range contest.Services() {
		keys = append(keys, string(s.Key))
	}
	completeFlag(cmd, "service", keys)
	return cmd
}

func (r *remote) deadLetter() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a dead letter with every try that failed", Args: letterID,
		Example: "  hackload jobs show 17",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.readAsOrganiser(cmd.Context(), apiPath("dead-letters", args[0]), nil)
			return show(r, answer, err, func(d deadLetter) fields {
				f := fields{{"Id", fmt.Sprint(d.ID)}, {"Kind", d.Kind}, {"Service", d.Service}, {"Team", d.Team},
					{"Round", d.Round}, {"Run", d.Run}, {"Died", moment(&d.At)}, {"Error", d.Error}}
				for _, h := range d.History {
					f = append(f, [2]string{fmt.Sprintf("Try %d", h.Try), moment(&h.At) + ": " + h.Error})
				}
				return f
			})
		},
	}
}

func (r *remote) deadLetterRetry() *cobra.Command {
	return &cobra.Command{
		Use: "retry ID", Short: "Try a dead letter's job again", Args: letterID,
		Example: "  hackload jobs retry 17 --who Aigerim",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), post("dead-letters", args[0], "retry"))
			return deadLettersListing().show(r, answer, err)
		},
	}
}

func (r *remote) deadLetterDrop() *cobra.Command {
	return &cobra.Command{
		Use: "drop ID", Short: "Give a dead letter's job up", Args: letterID,
		Example: "  hackload jobs drop 17 --who Aigerim --why 'the team has left'",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), post("dead-letters", args[0], "drop").because())
			return deadLettersListing().show(r, answer, err)
		},
	}
}

// letterID accepts one argument, the number of a dead letter.
func letterID(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(cmd, args); err != nil {
		return err
	}
	if _, err := strconv.ParseUint(args[0], 10, 63); err != nil {
		return usage(fmt.Errorf("%q is no dead letter's id", args[0]), "'hackload jobs dead-letters' lists them.")
	}
	return nil
}
