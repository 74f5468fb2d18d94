package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// auditLine is a line of the audit trail, as the API tells of it.
type auditLine struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	What    string    `json:"what"`
	Subject string    `json:"subject"`
	Why     string    `json:"why"`
}

func auditCommand(w world) *cobra.Command {
	r := &remote{world: w}
	var limit int
	cmd := &cobra.Command{
		Use: "audit", Short: "Show who changed what, and why", Args: cobra.NoArgs,
		Example: "  hackload audit --limit 20",
		RunE: func(cmd *cobra.Command, _ []string) error {
			only := url.Values{}
			if cmd.Flags().Changed("limit") {
				only.Set("limit", strconv.Itoa(limit))
			}
			answer, err := r.readAsOrganiser(cmd.Context(), apiPath("audit"), only)
			return listing[auditLine]{
				none: "Nobody has changed anything.",
				head: []string{"NO", "AT", "WHO", "WHAT", "SUBJECT", "WHY"},
				row: func(a auditLine) []string {
					return []string{fmt.Sprint(a.Seq), moment(&a.At), a.Who, a.What, a.Subject, a.Why}
				},
			}.show(r, answer, err)
		},
	}
	r.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 200, "at most `N` lines, the newest first")
	return cmd
}
