package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func runsCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := r.group(&cobra.Command{
		Use:     "runs",
		Short:   "List and end runs of the running process, and measure a team again",
		Example: "  hackload runs list --team good --state launched\n  hackload runs cancel 01KAH… --why 'the wrong target'\n  hackload runs rerun good TICKET_BOOKING --why 'its database was down'",
	})
	cmd.AddCommand(r.runsList(), r.runsRerun(), &cobra.Command{
		Use: "cancel RUN", Short: "End a run; its team gets no verdict in this round", Args: cobra.ExactArgs(1),
		Example: "  hackload runs cancel 01KAH… --who Aigerim --why 'the wrong target'",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), post("runs", args[0], "cancel").because())
			if err != nil || r.json {
				return r.raw(answer, err)
			}
			_, err = fmt.Fprintf(w.Stdout, "Run %s is cancelled.\n", args[0])
			return trouble(err)
		},
	})
	return cmd
}

func (r *remote) runsRerun() *cobra.Command {
	return &cobra.Command{
		Use: "rerun TEAM CRITERION", Short: "Measure one team once more in one criterion", Args: cobra.ExactArgs(2),
		Long: `rerun measures one team once more in one criterion, ahead of the runs that wait.
Its verdict counts as that of any round. It is refused while the team is being
measured in the criterion, and where the service is off.`,
		Example: "  hackload runs rerun good TICKET_BOOKING --who Aigerim --why 'its database was down'", ValidArgsFunction: completeCriteria,
		RunE: ofTeam(func(ctx context.Context, team string, c contest.Criterion) error {
			answer, err := r.change(ctx, post("teams", team, "verdicts", string(c), "rerun").because())
			if err != nil || r.json {
				return r.raw(answer, err)
			}
			_, err = fmt.Fprintf(r.Stdout, "Team %s is measured again in %s. How it goes: hackload runs list --team %s --criterion %s\n", team, c, team, c)
			return trouble(err)
		}),
	}
}

// listedRun is a run as the API lists it.
type listedRun struct {
	ID         string            `json:"id"`
	Team       string            `json:"team"`
	Criterion  contest.Criterion `json:"criterion"`
	LevelNo    int               `json:"levelNo"`
	Level      contest.Level     `json:"level"`
	State      contest.RunState  `json:"state"`
	Outcome    contest.Outcome   `json:"outcome"`
	PlannedAt  time.Time         `json:"plannedAt"`
	LaunchedAt *time.Time        `json:"launchedAt"`
}

func (r *remote) runsList() *cobra.Command {
	var team, criterion, state string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List runs, the newest first", Args: cobra.NoArgs,
		Example: "  hackload runs list --team good --criterion EVENT_SEARCH --limit 20",
		RunE: func(cmd *cobra.Command, _ []string) error {
			only := url.Values{}
			for name, value := range map[string]string{"team": team, "criterion": criterion, "state": state} {
				if value != "" {
					only.Set(name, value)
				}
			}
			if cmd.Flags().Changed("limit") {
				only.Set("limit", strconv.Itoa(limit))
			}
			answer, err := r.read(cmd.Context(), apiPath("runs"), only)
			return runsListing().show(r, answer, err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&team, "team", "", "only those of the team `SLUG`")
	f.StringVar(&criterion, "criterion", "", "only those of `CRITERION`")
	f.StringVar(&state, "state", "", "only those in `STATE`: planned, launched, judged, …")
	f.IntVar(&limit, "limit", 100, "at most `N`")
	completeFlag(cmd, "criterion", criteriaNames())
	completeFlag(cmd, "state", []string{"planned", "leased", "prepared", "launched", "ended", "collected", "judged", "cancelled"})
	return cmd
}

func runsListing() listing[listedRun] {
	return listing[listedRun]{
		in: "runs", none: "There are no such runs.",
		head: []string{"RUN", "TEAM", "CRITERION", "LEVEL", "STATE", "OUTCOME", "PLANNED", "LAUNCHED"},
		row: func(run listedRun) []string {
			level := fmt.Sprintf("%d: %d users", run.LevelNo+1, run.Level.Users)
			return []string{run.ID, run.Team, string(run.Criterion), level, string(run.State), string(run.Outcome), moment(&run.PlannedAt), moment(run.LaunchedAt)}
		},
	}
}
