package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// override is a verdict that an organiser set, as the API tells of it.
type override struct {
	Team      string            `json:"team"`
	Criterion contest.Criterion `json:"criterion"`
	Status    contest.Status    `json:"status"`
	Score     int               `json:"score"`
	Who       string            `json:"who"`
	Why       string            `json:"why"`
	At        *time.Time        `json:"at"`
}

func overrideCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := r.group(&cobra.Command{
		Use:     "override",
		Short:   "Set verdicts by hand, and lift them again",
		Example: "  hackload override set good EVENT_SEARCH PASSED 3 --who Aigerim --why 'appeal of 12 May'",
	})
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the verdicts that were set by hand", Args: cobra.NoArgs,
		Example: "  hackload override list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.readAsOrganiser(cmd.Context(), apiPath("overrides"), nil)
			return overridesListing().show(r, answer, err)
		},
	}, r.overrideSet(), &cobra.Command{
		Use: "lift TEAM CRITERION", Short: "Let the measured verdict stand again", Args: cobra.ExactArgs(2),
		Example: "  hackload override lift good EVENT_SEARCH --who Aigerim --why 'set by mistake'", ValidArgsFunction: completeCriteria,
		RunE: ofTeam(func(ctx context.Context, team string, c contest.Criterion) error {
			answer, err := r.change(ctx, post("teams", team, "verdicts", string(c), "override", "lift").because())
			return overridesListing().show(r, answer, err)
		}),
	})
	return cmd
}

func (r *remote) overrideSet() *cobra.Command {
	return &cobra.Command{
		Use: "set TEAM CRITERION STATUS SCORE", Short: "Set a verdict in place of the measured one", Args: cobra.ExactArgs(4),
		Long: `set puts a verdict in place of the measured one: on the pages and at the Hub,
until it is lifted. STATUS is PASSED, FAILED or NO_DATA, SCORE its whole points.
What is measured meanwhile is kept and told to nobody.`,
		Example: "  hackload override set good EVENT_SEARCH PASSED 3 --who Aigerim --why 'appeal of 12 May'",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 2 {
				return []string{string(contest.Passed), string(contest.Failed), string(contest.NoData)}, cobra.ShellCompDirectiveNoFileComp
			}
			return completeCriteria(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			status := contest.Status(args[2])
			if !status.Valid() {
				return usage(fmt.Errorf("%q is no status", args[2]), "Choose PASSED, FAILED or NO_DATA.")
			}
			score, err := strconv.Atoi(args[3])
			if err != nil || score < 0 {
				return usage(fmt.Errorf("%q is no score", args[3]), "Give whole points, 0 or more.")
			}
			return ofTeam(func(ctx context.Context, team string, c contest.Criterion) error {
				answer, err := r.change(ctx, change{
					method: http.MethodPut, path: apiPath("teams", team, "verdicts", string(c), "override"), reason: true,
					more: map[string]any{"status": status, "score": score},
				})
				return overridesListing().show(r, answer, err)
			})(cmd, args)
		},
	}
}

func overridesListing() listing[override] {
	return listing[override]{
		none: "Every verdict is as it was measured.",
		head: []string{"TEAM", "CRITERION", "STATUS", "SCORE", "SINCE", "WHO", "WHY"},
		row: func(o override) []string {
			return []string{o.Team, string(o.Criterion), string(o.Status), fmt.Sprint(o.Score), moment(o.At), o.Who, o.Why}
		},
	}
}
