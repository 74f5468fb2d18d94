package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func put(t testing.TB, s *store.Store, u contest.Update) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutUpdate(ctx, u) })
}

func settle(t testing.TB, s *store.Store, row contest.OutboxRow, state contest.OutboxState) {
	t.Helper()
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.SettleUpdate(ctx, store.Settlement{
			Team: row.Update.TeamSlug, Criterion: row.Update.CriteriaType, Version: row.Version, State: state,
			Attempts: row.Attempts + 1, DueAt: tx.Now().Add(time.Hour), At: tx.Now(), Error: "the Hub's words",
		})
	})
}

// only returns the outbox's only row.
func only(t testing.TB, s *store.Store) contest.OutboxRow {
	t.Helper()
	rows, err := s.Outbox(t.Context())
	require.NoError(t, err)
	require.Len(t, rows, 1)
	return rows[0]
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	a, b := anUpdate("good", 1), anUpdate("good", 2)
	rows := map[string]struct {
		do      func(t *testing.T, s *store.Store)
		state   contest.OutboxState
		score   int
		version int64
	}{
		"new": {func(*testing.T, *store.Store) {}, contest.OutboxPending, 1, 1},
		"the newest wins": {func(t *testing.T, s *store.Store) { put(t, s, b) },
			contest.OutboxPending, 2, 2},
		"unchanged and sent is not queued again": {func(t *testing.T, s *store.Store) {
			settle(t, s, only(t, s), contest.OutboxSent)
			put(t, s, a)
		}, contest.OutboxSent, 1, 1},
		"changed is queued": {func(t *testing.T, s *store.Store) {
			settle(t, s, only(t, s), contest.OutboxSent)
			put(t, s, b)
		}, contest.OutboxPending, 2, 2},
		"changed and changed back is queued": {func(t *testing.T, s *store.Store) {
			settle(t, s, only(t, s), contest.OutboxSent)
			put(t, s, b)
			put(t, s, a)
		}, contest.OutboxPending, 1, 3},
		"changed, sent and changed back is queued": {func(t *testing.T, s *store.Store) {
			settle(t, s, only(t, s), contest.OutboxSent)
			put(t, s, b)
			settle(t, s, only(t, s), contest.OutboxSent)
			put(t, s, a)
		}, contest.OutboxPending, 1, 3},
		"a late receipt does not mark a newer one as sent": {func(t *testing.T, s *store.Store) {
			late := only(t, s)
			put(t, s, b)
			settle(t, s, late, contest.OutboxSent)
		}, contest.OutboxPending, 2, 2},
		"a late refusal does not park a newer one": {func(t *testing.T, s *store.Store) {
			late := only(t, s)
			put(t, s, b)
			settle(t, s, late, contest.OutboxParked)
		}, contest.OutboxPending, 2, 2},
		"parked stays": {func(t *testing.T, s *store.Store) { settle(t, s, only(t, s), contest.OutboxParked) },
			contest.OutboxParked, 1, 1},
		"a new update revives a parked row": {func(t *testing.T, s *store.Store) {
			settle(t, s, only(t, s), contest.OutboxParked)
			put(t, s, b)
		}, contest.OutboxPending, 2, 2},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			put(t, s, a)
			row.do(t, s)
			got := only(t, s)
			require.Equal(t, row.state, got.State)
			require.Equal(t, row.score, got.Update.Score)
			require.Equal(t, row.version, got.Version)
			due, err := s.Due(t.Context(), time.Now().Add(time.Second), 10)
			require.NoError(t, err)
			if row.state == contest.OutboxPending {
				require.Zero(t, got.Attempts)
				require.Empty(t, got.Error)
				require.Equal(t, []contest.OutboxRow{got}, due)
			} else {
				require.Equal(t, "the Hub's words", got.Error)
				require.Empty(t, due)
			}
		})
	}
}

func TestUnchangedUpdateLeavesAWaitingOneAlone(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	put(t, s, anUpdate("good", 1))
	settle(t, s, only(t, s), contest.OutboxPending) // the Hub is down: try again in an hour
	waiting := only(t, s)
	require.Equal(t, 1, waiting.Attempts)
	put(t, s, anUpdate("good", 1))
	require.Equal(t, waiting, only(t, s))
	require.Nil(t, waiting.SentAt)
}

func TestDueIsOrderedAndLimited(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	for _, team := range []contest.Slug{"c", "a", "b", "later"} {
		put(t, s, anUpdate(team, 1))
	}
	rows, err := s.Outbox(t.Context(), contest.OutboxPending)
	require.NoError(t, err)
	at := map[contest.Slug]time.Duration{"a": 2, "b": 2, "c": 1, "later": 9}
	start := time.UnixMilli(5_000_000)
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for _, r := range rows {
			err := tx.SettleUpdate(ctx, store.Settlement{Team: r.Update.TeamSlug, Criterion: r.Update.CriteriaType,
				Version: r.Version, State: contest.OutboxPending, DueAt: start.Add(at[r.Update.TeamSlug] * time.Second)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	due := func(after time.Duration, limit int) (teams []contest.Slug) {
		rows, err := s.Due(t.Context(), start.Add(after), limit)
		require.NoError(t, err)
		for _, r := range rows {
			teams = append(teams, r.Update.TeamSlug)
		}
		return teams
	}
	require.Empty(t, due(time.Second-time.Millisecond, 10))
	require.Equal(t, []contest.Slug{"c"}, due(time.Second, 10))
	require.Equal(t, []contest.Slug{"c", "a", "b"}, due(8*time.Second, 10))
	require.Equal(t, []contest.Slug{"c", "a"}, due(time.Minute, 2))
	parked, err := s.Outbox(t.Context(), contest.OutboxSent, contest.OutboxParked)
	require.NoError(t, err)
	require.Empty(t, parked)
}
