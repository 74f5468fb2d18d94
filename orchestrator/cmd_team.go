package main

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// exclusion is a team that takes no part, as the API tells of it.
type exclusion struct {
	Team   string     `json:"team"`
	Who    string     `json:"who"`
	Why    string     `json:"why"`
	At     *time.Time `json:"at"`
	Source string     `json:"source"`
}

func teamCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := r.group(&cobra.Command{
		Use:     "team",
		Short:   "Take teams out of the contest and in again",
		Example: "  hackload team exclude good --who Aigerim --why 'it withdrew'",
	})
	cmd.AddCommand(&cobra.Command{
		Use: "exclusions", Short: "List the teams that take no part", Args: cobra.NoArgs,
		Example: "  hackload team exclusions",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.readAsOrganiser(cmd.Context(), apiPath("exclusions"), nil)
			return exclusionsListing().show(r, answer, err)
		},
	}, &cobra.Command{
		Use: "exclude SLUG", Short: "Measure a team no more, from the next round on", Args: cobra.ExactArgs(1),
		Example: "  hackload team exclude good --who Aigerim --why 'it withdrew'",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), change{method: http.MethodPut, path: apiPath("teams", args[0], "exclusion"), reason: true})
			return exclusionsListing().show(r, answer, err)
		},
	}, &cobra.Command{
		Use: "include SLUG", Short: "Measure an excluded team again", Args: cobra.ExactArgs(1),
		Example: "  hackload team include good --who Aigerim --why 'it is back'",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.change(cmd.Context(), post("teams", args[0], "exclusion", "lift").because())
			return exclusionsListing().show(r, answer, err)
		},
	})
	return cmd
}

func exclusionsListing() listing[exclusion] {
	return listing[exclusion]{
		none: "Every team takes part.",
		head: []string{"TEAM", "SINCE", "WHO", "WHY", "SOURCE"},
		row:  func(e exclusion) []string { return []string{e.Team, moment(e.At), e.Who, e.Why, e.Source} },
	}
}
