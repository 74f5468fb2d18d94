package store_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// childTask names, in the environment of a child process, what it does with the
// state directory childDir.
const (
	childTask = "STORE_TEST_TASK"
	childDir  = "STORE_TEST_DIR"
	childLast = "STORE_TEST_LAST" // set where no name space was to be had
)

// teardown ends what a build tag's tests need.
var teardown = func() {}

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := child(task, os.Getenv(childDir)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	teardown()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println("goroutines left behind:", err)
		code = 1
	}
	os.Exit(code)
}

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func write(t testing.TB, s *store.Store, do func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) }))
}

// aRun is a planned run of climb number n, which stands at position n.
func aRun(n int, target string) store.Run {
	return store.Run{
		Run: contest.Run{
			ID: contest.RunID(fmt.Sprintf("run-%05d", n)), Round: "round", Climb: climbID(n),
			Service: contest.SearchTesting, Criterion: contest.EventSearch, Team: contest.Team{Slug: "good", Name: "Good"},
			Target: target, Scenario: "search", Level: contest.Level{Users: 10}, Position: n,
			State: contest.RunPlanned, PlannedAt: time.UnixMilli(1_000_000).UTC(),
		},
		Env: map[string]string{"USERS": "10"}, ConfigHash: "abc",
	}
}

func climbID(n int) contest.ClimbID { return contest.ClimbID(fmt.Sprintf("climb-%05d", n)) }

func aClimb(n int) store.Climb {
	return store.Climb{Climb: contest.Climb{
		ID: climbID(n), Round: "round", Team: contest.Team{Slug: "good"}, Criterion: contest.EventSearch,
	}, Position: n, Publish: true}
}

// plan inserts a round "round" with a climb and a run for each target, in order.
func plan(t testing.TB, s *store.Store, targets ...string) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return planIn(ctx, tx, targets) })
}

func planIn(ctx context.Context, tx *store.Tx, targets []string) error {
	round := contest.Round{ID: "round", Service: contest.SearchTesting, StartedAt: tx.Now(), Teams: len(targets)}
	if err := tx.InsertRound(ctx, round); err != nil {
		return err
	}
	for n, target := range targets {
		if err := tx.InsertClimb(ctx, aClimb(n)); err != nil {
			return err
		}
		if err := tx.InsertRun(ctx, aRun(n, target)); err != nil {
			return err
		}
	}
	return nil
}

func lease(t testing.TB, s *store.Store, capacity int) (leased []store.Run) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		leased, err = tx.Lease(ctx, capacity)
		return err
	})
	return leased
}

func anUpdate(team contest.Slug, score int) contest.Update {
	return contest.Update{
		TeamSlug: team, CriteriaType: contest.EventSearch, Status: contest.Passed, Score: score,
		Metrics: map[string]any{"p95": 12.5, "successRate": 100.0}, UpdatedBy: "k6-search-testing-service",
	}
}
