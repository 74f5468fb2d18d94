package replica_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/replica"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// board is the table of beats.
type board struct {
	mu    sync.Mutex
	beats map[string]store.Replica
	away  bool
}

func (b *board) Beat(_ context.Context, r store.Replica) (all []store.Replica, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return nil, errors.New("away")
	}
	r.Beat = b.beats[r.ID].Beat + 1
	b.beats[r.ID] = r
	for _, o := range b.beats {
		all = append(all, o)
	}
	return all, nil
}

func (b *board) set(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

var quiet = slog.New(slog.DiscardHandler)

func join(t *testing.T, b *board, id string) *replica.Member {
	t.Helper()
	m, err := replica.Join(t.Context(), b, store.Replica{ID: id, Host: "host of " + id}, quiet)
	require.NoError(t, err)
	return m
}

// run has m beat until stop.
func run(t *testing.T, m *replica.Member, gone func(string)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		_ = m.Run(ctx, func(_ context.Context, all []string) error {
			for _, id := range all {
				gone(id)
			}
			return nil
		})
	})
	return func() { cancel(); done.Wait() }
}

func TestReplicasNoticeWhoHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &board{beats: map[string]store.Replica{}}
		var mu sync.Mutex
		var gone []string
		left := func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(gone) }
		first := join(t, b, "first")
		require.True(t, first.Alone())
		stopFirst := run(t, first, func(id string) { mu.Lock(); defer mu.Unlock(); gone = append(gone, id) })
		second := join(t, b, "second")
		stopSecond := run(t, second, func(string) { t.Error("the first lives") })
		time.Sleep(10 * time.Minute)
		require.LessOrEqual(t, first.Silent("second"), 2*replica.Every)
		require.LessOrEqual(t, second.Silent("first"), 2*replica.Every)
		require.Zero(t, first.Silent("first"))
		require.False(t, first.Alone())
		require.Empty(t, left())

		stopSecond()
		time.Sleep(replica.Silence - replica.Every)
		require.Less(t, first.Silent("second"), replica.Silence)
		require.Empty(t, left())
		time.Sleep(2*replica.Every + time.Second)
		require.GreaterOrEqual(t, first.Silent("second"), replica.Silence)
		require.Equal(t, "second", left()[0])
		require.True(t, first.Alone())
		require.Zero(t, first.Silent("who has left"), "it may have joined after the beats were read")
		time.Sleep(replica.Every + time.Second)
		require.Greater(t, first.Silent("who has left"), 1000*time.Hour)
		stopFirst()
	})
}

// A process that cannot write its beat stops acting before others act for it.
func TestWhoCannotBeatStopsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &board{beats: map[string]store.Replica{}}
		m := join(t, b, "m")
		stop := run(t, m, func(string) {})
		time.Sleep(time.Minute)
		require.True(t, m.Until().After(time.Now()))
		b.set(true)
		time.Sleep(replica.Silence - 2*replica.Every)
		require.False(t, m.Until().After(time.Now()))
		b.set(false)
		time.Sleep(2 * replica.Every)
		require.True(t, m.Until().After(time.Now()), "it is back")
		stop()
	})
}

func TestMetricsInsideAllowNoSecond(t *testing.T) {
	t.Parallel()
	rows := map[string]struct{ first, second, lives, refused bool }{
		"the newcomer keeps its metrics":   {false, true, true, true},
		"the one that is there keeps them": {true, false, true, true},
		"neither does":                     {false, false, true, false},
		"the one that was there has died":  {true, true, false, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &board{beats: map[string]store.Replica{}}
				first, err := replica.Join(t.Context(), b, store.Replica{ID: "first", Host: "a", Embedded: row.first}, quiet)
				require.NoError(t, err)
				stop := func() {}
				if row.lives {
					stop = run(t, first, func(string) {})
				}
				_, err = replica.Join(t.Context(), b, store.Replica{ID: "second", Embedded: row.second}, quiet)
				if row.refused {
					require.ErrorIs(t, err, replica.ErrOthers)
					require.ErrorContains(t, err, "runs on a")
				} else {
					require.NoError(t, err)
				}
				stop()
			})
		})
	}
}

// One that has just joined, and whose run is met before its beat, is not gone.
func TestWhoHasJustJoinedIsNotGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &board{beats: map[string]store.Replica{}}
		first := join(t, b, "first")
		stopFirst := run(t, first, func(string) {})
		time.Sleep(replica.Every + time.Second)
		second := join(t, b, "second")
		stopSecond := run(t, second, func(string) {})
		for range 100 {
			require.Less(t, first.Silent("second"), replica.Silence)
			time.Sleep(replica.Every / 7)
		}
		stopSecond()
		stopFirst()
	})
}
