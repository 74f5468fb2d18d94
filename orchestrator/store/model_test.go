package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// model is what the store promises of leases and the outbox, in plain maps.
type model struct {
	s    *store.Store
	rand *rand.Rand
	runs []store.Run // by position
	held map[string]int

	outbox map[contest.Slug]*contest.OutboxRow
	sent   map[contest.Slug]int // score that the Hub holds
	seen   []contest.OutboxRow  // rows as a flusher read them, perhaps long ago
}

// Random steps, some of them late or repeated, do in the store what they do in a
// model that is easy to see through.
func TestStoreAgreesWithItsModel(t *testing.T) {
	t.Parallel()
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			m := &model{s: fresh(t), rand: rand.New(rand.NewPCG(seed, 1)), held: map[string]int{},
				outbox: map[contest.Slug]*contest.OutboxRow{}, sent: map[contest.Slug]int{}}
			var targets []string
			for n := range 40 {
				targets = append(targets, fmt.Sprintf("t%d:80", m.rand.IntN(6)))
				m.runs = append(m.runs, aRun(n, targets[n]))
			}
			plan(t, m.s, targets...)
			steps := []func(*testing.T){m.lease, m.move, m.staleMove, m.put, m.put, m.look, m.settle}
			for range 200 {
				steps[m.rand.IntN(len(steps))](t)
			}
			m.compare(t)
		})
	}
}

func (m *model) lease(t *testing.T) {
	capacity := m.rand.IntN(5)
	first, waits := map[string]int{}, map[string]int{}
	for i, r := range m.runs {
		if _, busy := m.held[r.Target]; r.State != contest.RunPlanned || busy {
			continue
		}
		if waits[r.Target] == 0 {
			first[r.Target] = i
		}
		waits[r.Target]++
	}
	targets := slices.SortedFunc(maps.Keys(first), func(a, b string) int {
		return cmp.Or(cmp.Compare(waits[b], waits[a]), cmp.Compare(first[a], first[b]))
	})
	var want []int
	for _, target := range targets[:max(0, min(len(targets), capacity-len(m.held)))] {
		r := &m.runs[first[target]]
		m.held[target] = first[target]
		r.State, r.Attempt = contest.RunLeased, r.Attempt+1
		want = append(want, first[target])
	}
	require.Equal(t, want, positions(lease(t, m.s, capacity)))
}

// move ends a leased run or plans it again; both give its target free.
func (m *model) move(t *testing.T) {
	targets := slices.Sorted(maps.Keys(m.held))
	if len(targets) == 0 {
		return
	}
	target := targets[m.rand.IntN(len(targets))]
	r := &m.runs[m.held[target]]
	before := *r
	r.State = contest.RunEnded
	if m.rand.IntN(2) == 0 {
		r.State = contest.RunPlanned
	}
	delete(m.held, target)
	write(t, m.s, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(tx.Move(ctx, before, *r), tx.Release(ctx, before.Run))
	})
}

// staleMove is a twin's step: it read the run in an earlier attempt.
func (m *model) staleMove(t *testing.T) {
	r := m.runs[m.rand.IntN(len(m.runs))]
	before := r
	before.Attempt--
	write(t, m.s, func(ctx context.Context, tx *store.Tx) error {
		require.ErrorIs(t, tx.Move(ctx, before, r), store.ErrStale)
		return tx.Release(ctx, before.Run)
	})
}

func (m *model) team() contest.Slug { return contest.Slug(fmt.Sprint("team", m.rand.IntN(4))) }

func (m *model) put(t *testing.T) {
	team, score := m.team(), m.rand.IntN(3)
	put(t, m.s, anUpdate(team, score))
	row, ok := m.outbox[team]
	switch {
	case !ok:
		m.outbox[team] = &contest.OutboxRow{Update: anUpdate(team, score), Version: 1, State: contest.OutboxPending}
	case row.State == contest.OutboxSent && m.sent[team] == score:
	case row.State == contest.OutboxPending && row.Update.Score == score:
	default:
		row.Update, row.State, row.Attempts = anUpdate(team, score), contest.OutboxPending, 0
		row.Version++
	}
}

// look reads the rows that are due, as a flusher does before it calls the Hub.
func (m *model) look(t *testing.T) {
	due, err := m.s.Due(t.Context(), time.Now().Add(2*time.Hour), 2)
	require.NoError(t, err)
	m.seen = due
}

// settle writes what became of a row that was seen earlier, perhaps too late.
func (m *model) settle(t *testing.T) {
	if len(m.seen) == 0 {
		return
	}
	seen := m.seen[0]
	m.seen = m.seen[1:]
	states := []contest.OutboxState{contest.OutboxPending, contest.OutboxSent, contest.OutboxParked}
	state := states[m.rand.IntN(len(states))]
	settle(t, m.s, seen, state)
	row := m.outbox[seen.Update.TeamSlug]
	if row.Version != seen.Version {
		return
	}
	row.State, row.Attempts = state, seen.Attempts+1
	if state == contest.OutboxSent {
		m.sent[seen.Update.TeamSlug] = seen.Update.Score
	}
}

func (m *model) compare(t *testing.T) {
	runs, err := m.s.RunsIn(t.Context(), "round", contest.RunPlanned, contest.RunLeased, contest.RunEnded)
	require.NoError(t, err)
	require.Equal(t, m.runs, runs)
	rows, err := m.s.Outbox(t.Context())
	require.NoError(t, err)
	require.Len(t, rows, len(m.outbox))
	for _, got := range rows {
		want := m.outbox[got.Update.TeamSlug]
		require.Equal(t, want.Update, got.Update)
		require.Equal(t, []any{want.Version, want.State, want.Attempts}, []any{got.Version, got.State, got.Attempts}, got.Update.TeamSlug)
		if want.State == contest.OutboxSent {
			require.Equal(t, m.sent[got.Update.TeamSlug], got.Update.Score)
		}
	}
}
