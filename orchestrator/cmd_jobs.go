package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/schedule"
)

func jobsCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := &cobra.Command{
		Use:     "jobs",
		Short:   "See and change when the running process measures what",
		Example: "  hackload jobs list\n  hackload jobs pause git-monitor --why 'the Hub is being moved'",
	}
	r.flags(cmd)
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the services with their intervals", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.ask(cmd.Context(), http.MethodGet, "/api/v1/services", nil)
			return r.showJobs(answer, err)
		},
	})
	for change, short := range map[string]string{
		"run":    "Measure all teams now, also while the service is paused",
		"pause":  "Fire a service no more until it is resumed",
		"resume": "Let a paused service fire again",
	} {
		cmd.AddCommand(&cobra.Command{
			Use: change + " SERVICE", Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				answer, err := r.change(cmd.Context(), http.MethodPost, "/api/v1/services/"+url.PathEscape(args[0])+"/"+change, nil)
				return r.showJobs(answer, err)
			},
		})
	}
	cmd.AddCommand(&cobra.Command{
		Use: "reschedule SERVICE CRON", Short: "Give a service another interval", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), http.MethodPut, "/api/v1/services/"+url.PathEscape(args[0])+"/interval", map[string]string{"interval": args[1]})
			return r.showJobs(answer, err)
		},
	})
	return cmd
}

func (r *remote) showJobs(answer []byte, err error) error {
	if err != nil {
		return err
	}
	var all []schedule.JobStatus
	if err := json.Unmarshal(answer, &all); err != nil {
		return trouble(fmt.Errorf("decode services: %w", err))
	}
	table := tabwriter.NewWriter(r.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tSTATE\tINTERVAL\tNEXT\tLAST\tSKIPPED")
	for _, s := range all {
		state := map[bool]string{true: "paused", false: "waits"}[s.Paused]
		if !s.Enabled {
			state = "off"
		}
		if s.Running {
			state += ", running"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\n", s.Service, state, s.Interval, moment(s.NextRun), moment(s.LastRun), s.Skipped)
	}
	return trouble(table.Flush())
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func runsCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := &cobra.Command{Use: "runs", Short: "End runs of the running process"}
	r.flags(cmd)
	cmd.AddCommand(&cobra.Command{
		Use: "cancel RUN", Short: "End a run; its team gets no verdict in this round", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := r.change(cmd.Context(), http.MethodPost, "/api/v1/runs/"+url.PathEscape(args[0])+"/cancel", nil); err != nil {
				return err
			}
			fmt.Fprintf(w.Stdout, "Run %s is cancelled.\n", args[0])
			return nil
		},
	})
	return cmd
}

func stopCommand(w world) *cobra.Command {
	r := &remote{world: w}
	var all bool
	cmd := &cobra.Command{
		Use: "stop --all", Short: "End all load now; services keep their schedules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.change(cmd.Context(), http.MethodPost, "/api/v1/stop", nil)
			if err != nil {
				return err
			}
			_, err = w.Stdout.Write(answer)
			return trouble(err)
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every run")
	cobra.CheckErr(cmd.MarkFlagRequired("all"))
	return cmd
}
