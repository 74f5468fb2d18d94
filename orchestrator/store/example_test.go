package store_test

import (
	"context"
	"fmt"
	"os"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// A verdict and the update for the Hub are written in one transaction. The same
// update again is no news.
func Example() {
	dir, _ := os.MkdirTemp("", "state")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	verdict := contest.Verdict{
		Team: contest.Team{Slug: "good"}, Service: contest.SearchTesting, Criterion: contest.EventSearch,
		Status: contest.Passed, Score: 3,
	}
	for range 2 {
		err = s.Write(ctx, func(tx *store.Tx) error {
			if err := tx.InsertVerdict(ctx, verdict, true); err != nil {
				return err
			}
			update, err := verdict.Update()
			if err != nil {
				return err
			}
			return tx.PutUpdate(ctx, update)
		})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	waiting, err := s.Outbox(ctx, contest.OutboxPending)
	for _, row := range waiting {
		fmt.Println(row.Update.TeamSlug, row.Update.CriteriaType, row.Update.Status, "version", row.Version)
	}
	_, second := store.Open(ctx, dir)
	fmt.Println(err, second != nil)
	// Output:
	// good EVENT_SEARCH PASSED version 1
	// <nil> true
}
