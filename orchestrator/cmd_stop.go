package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func stopCommand(w world) *cobra.Command {
	r := &remote{world: w}
	var all bool
	cmd := &cobra.Command{
		Use: "stop --all", Short: "End all load now; services keep their schedules", Args: cobra.NoArgs,
		Example: "  hackload stop --all --who Aigerim --why 'the venue loses its network'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.change(cmd.Context(), post("stop").because())
			return show(r, answer, err, func(s struct {
				Stopped int `json:"stopped"`
			}) fields {
				return fields{{"Stopped", fmt.Sprint(s.Stopped)}}
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every run")
	cobra.CheckErr(cmd.MarkFlagRequired("all"))
	return cmd
}
