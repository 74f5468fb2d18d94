package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/samber/lo"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// holdingsLimit bounds the Hub's answer: 1,250 teams with every criterion.
const holdingsLimit = 256 << 20

func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, holdingsLimit)) }

// held is the part of the Hub's answer that the table shows.
type held struct {
	Criteria []heldCriterion `json:"criteria"`
}

type heldCriterion struct {
	CriteriaType contest.Criterion `json:"criteriaType"`
	Status       contest.Status    `json:"status"`
	Score        int               `json:"score"`
	Metrics      map[string]any    `json:"metrics"`
	Team         struct {
		Nickname contest.Slug `json:"nickname"`
	} `json:"team"`
}

// report prints what the Hub holds and fails when it refused an update.
func (w *works) report(ctx context.Context, out world, file string, l *lab) error {
	body, err := l.holdings(ctx)
	if err != nil {
		return err
	}
	if file != "" {
		if err := os.WriteFile(file, body, 0o644); err != nil {
			return fmt.Errorf("write what the hub holds: %w", err)
		}
	}
	var h held
	if err := json.Unmarshal(body, &h); err != nil {
		return fmt.Errorf("read what the hub holds: %w", err)
	}
	if err := printTable(out.Stdout, h); err != nil {
		return err
	}
	parked, err := w.store.Outbox(ctx, contest.OutboxParked)
	if err != nil || len(parked) == 0 {
		return err
	}
	for _, r := range parked {
		fmt.Fprintf(out.Stderr, "The Hub refused %s %s: %s\n", r.Update.TeamSlug, r.Update.CriteriaType, r.Error)
	}
	return fmt.Errorf("the hub refused %d updates", len(parked))
}

// printTable prints teams × criteria: status and score, and the two figures
// that decide.
func printTable(w io.Writer, h held) error {
	cells := map[contest.Slug]map[contest.Criterion]string{}
	present := map[contest.Criterion]bool{}
	for _, c := range h.Criteria {
		if cells[c.Team.Nickname] == nil {
			cells[c.Team.Nickname] = map[contest.Criterion]string{}
		}
		cells[c.Team.Nickname][c.CriteriaType] = cell(c.Status, c.Score, c.Metrics)
		present[c.CriteriaType] = true
	}
	columns := lo.Filter(contest.Criteria(), func(c contest.Criterion, _ int) bool { return present[c] })
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "TEAM")
	for _, c := range columns {
		fmt.Fprintf(tw, "\t%s", c)
	}
	fmt.Fprintln(tw)
	slugs := lo.Uniq(lo.Map(h.Criteria, func(c heldCriterion, _ int) contest.Slug { return c.Team.Nickname }))
	slices.Sort(slugs)
	for _, slug := range slugs {
		fmt.Fprint(tw, slug)
		for _, c := range columns {
			fmt.Fprintf(tw, "\t%s", lo.CoalesceOrEmpty(cells[slug][c], "–"))
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

func cell(s contest.Status, score int, metrics map[string]any) string {
	text := fmt.Sprintf("%s %d", s, score)
	if p95, ok := metrics["p95"].(float64); ok {
		text += fmt.Sprintf(" (p95 %.0f ms", p95)
		if success, ok := metrics["successRate"].(float64); ok {
			text += fmt.Sprintf(", %.1f %%", success)
		}
		text += ")"
	}
	return text
}
