package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// outboxRow is an update on its way to the Hub, as the API tells of it.
type outboxRow struct {
	Team      string              `json:"team"`
	Criterion contest.Criterion   `json:"criterion"`
	State     contest.OutboxState `json:"state"`
	Attempts  int                 `json:"attempts"`
	DueAt     *time.Time          `json:"dueAt"`
	CreatedAt time.Time           `json:"createdAt"`
	Error     string              `json:"error"`
	Status    contest.Status      `json:"status"`
	Score     int                 `json:"score"`
	Metrics   json.RawMessage     `json:"metrics"`
}

func outboxCommand(w world) *cobra.Command {
	r := &remote{world: w}
	cmd := r.group(&cobra.Command{
		Use:     "outbox",
		Short:   "See and mend what is on its way to the Hub",
		Example: "  hackload outbox list\n  hackload outbox retry good EVENT_SEARCH --why 'the Hub is mended'",
	})
	cmd.AddCommand(r.outboxList(), &cobra.Command{
		Use: "show TEAM CRITERION", Short: "Show an update with what the Hub is told", Args: cobra.ExactArgs(2),
		Example: "  hackload outbox show good EVENT_SEARCH", ValidArgsFunction: completeCriteria,
		RunE: ofTeam(func(ctx context.Context, team string, c contest.Criterion) error {
			answer, err := r.readAsOrganiser(ctx, apiPath("outbox", team, string(c)), nil)
			return show(r, answer, err, outboxRow.fields)
		}),
	}, &cobra.Command{
		Use: "retry TEAM CRITERION", Short: "Send a waiting or parked update as soon as possible", Args: cobra.ExactArgs(2),
		Example: "  hackload outbox retry good EVENT_SEARCH --who Aigerim", ValidArgsFunction: completeCriteria,
		RunE: ofTeam(func(ctx context.Context, team string, c contest.Criterion) error {
			answer, err := r.change(ctx, post("outbox", team, string(c), "retry"))
			return outboxListing().show(r, answer, err)
		}),
	}, &cobra.Command{
		Use: "drop TEAM CRITERION", Short: "Give a parked update up", Args: cobra.ExactArgs(2),
		Example: "  hackload outbox drop gone EVENT_SEARCH --who Aigerim --why 'the team has left'", ValidArgsFunction: completeCriteria,
		RunE: ofTeam(func(ctx context.Context, team string, c contest.Criterion) error {
			answer, err := r.change(ctx, post("outbox", team, string(c), "drop").because())
			return outboxListing().show(r, answer, err)
		}),
	})
	return cmd
}

func (r *remote) outboxList() *cobra.Command {
	var states []string
	cmd := &cobra.Command{
		Use: "list", Short: "List the updates that the Hub has not taken", Args: cobra.NoArgs,
		Example: "  hackload outbox list --state parked",
		RunE: func(cmd *cobra.Command, _ []string) error {
			only := url.Values{}
			if len(states) > 0 {
				only.Set("state", strings.Join(states, ","))
			}
			answer, err := r.readAsOrganiser(cmd.Context(), apiPath("outbox"), only)
			return outboxListing().show(r, answer, err)
		},
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only these `STATES`: pending, sent, parked (default pending,parked)")
	completeFlag(cmd, "state", []string{string(contest.OutboxPending), string(contest.OutboxSent), string(contest.OutboxParked)})
	return cmd
}

func outboxListing() listing[outboxRow] {
	return listing[outboxRow]{
		none: "No update waits.",
		head: []string{"TEAM", "CRITERION", "STATE", "VERDICT", "SINCE", "TRIES", "NEXT TRY", "ERROR"},
		row: func(o outboxRow) []string {
			return []string{o.Team, string(o.Criterion), string(o.State), o.verdict(), moment(&o.CreatedAt), fmt.Sprint(o.Attempts), o.next(), o.Error}
		},
	}
}

func (o outboxRow) verdict() string { return fmt.Sprintf("%s %d", o.Status, o.Score) }

// next is when a pending update is sent; others are not by themselves.
func (o outboxRow) next() string {
	if o.State != contest.OutboxPending {
		return "-"
	}
	return moment(o.DueAt)
}

func (o outboxRow) fields() fields {
	return fields{
		{"Team", o.Team}, {"Criterion", string(o.Criterion)}, {"State", string(o.State)}, {"Verdict", o.verdict()},
		{"Since", moment(&o.CreatedAt)}, {"Tries", fmt.Sprint(o.Attempts)}, {"Next try", o.next()},
		{"Error", o.Error}, {"Metrics", string(o.Metrics)},
	}
}
