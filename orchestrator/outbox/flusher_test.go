package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
)

var (
	errDown    = errors.New("hub answered 503")
	errPoison  = errors.New("hub answered 200: Team not found")
	errUnclear = errors.New("hub answered 200: something odd")
	errBusy    = errors.New("hub answered 429")
)

func options() outbox.Options {
	return outbox.Options{
		Permanent: func(err error) bool { return errors.Is(err, errPoison) },
		Doubtful:  func(err error) bool { return errors.Is(err, errUnclear) },
		RetryAfter: func(err error) time.Duration {
			if errors.Is(err, errBusy) {
				return 20 * time.Minute
			}
			return 0
		},
	}
}

// accept takes everything.
func accept(_ context.Context, u []contest.Update) ([]error, error) {
	return make([]error, len(u)), nil
}

func TestFlushSendsEverythingInBatches(t *testing.T) {
	t.Parallel()
	store := newMemory(updates(250)...)
	var sizes []int
	opt := options()
	var passes []outbox.Pass
	opt.Observe = func(p outbox.Pass) { passes = append(passes, p) }
	f := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
		sizes = append(sizes, len(u))
		return accept(ctx, u)
	}, opt)
	sent, err := f.Flush(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 250, sent)
	assert.Equal(t, []int{100, 100, 50}, sizes)
	assert.Equal(t, []outbox.Pass{{Sent: 100}, {Sent: 100}, {Sent: 50}}, passes)
	assert.Equal(t, map[contest.OutboxState]int{contest.OutboxSent: 250}, store.states())

	sent, err = f.Flush(t.Context())
	require.NoError(t, err)
	assert.Zero(t, sent, "what was sent is not sent again")
	assert.Len(t, sizes, 3)
}

// TestAnswersDecideTheRow: what each kind of answer does to a row.
func TestAnswersDecideTheRow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		answer    error // to the update
		whole     error // of the call
		state     contest.OutboxState
		words     string
		least     time.Duration // until it is due again
		most      time.Duration
		wantError bool
	}{
		{"accepted", nil, nil, contest.OutboxSent, "", 0, 0, false},
		{"refused for good", errPoison, nil, contest.OutboxParked, "hub answered 200: Team not found", 0, 0, false},
		{"failed for now", errDown, nil, contest.OutboxPending, "hub answered 503", 2 * time.Second, 3 * time.Second, false},
		{"unclear", errUnclear, nil, contest.OutboxPending, "hub answered 200: something odd", 2 * time.Second, 3 * time.Second, false},
		{"the Hub asks to wait", errBusy, nil, contest.OutboxPending, "hub answered 429", 20 * time.Minute, 20 * time.Minute, false},
		{"the call failed", nil, errDown, contest.OutboxPending, "send 1 updates: hub answered 503", 2 * time.Second, 3 * time.Second, true},
		{"the call failed with what would park an update", nil, errPoison, contest.OutboxPending, "send 1 updates: hub answered 200: Team not found", 2 * time.Second, 3 * time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newMemory(updates(1)...)
				f := outbox.New(store, func(context.Context, []contest.Update) ([]error, error) {
					return []error{tc.answer}, tc.whole
				}, options())
				sent, err := f.Flush(t.Context())
				assert.Equal(t, tc.wantError, err != nil)
				row := store.row("team-000")
				assert.Equal(t, tc.state, row.State)
				assert.Equal(t, tc.state == contest.OutboxSent, sent == 1 && row.SentAt != nil)
				assert.Equal(t, tc.words, row.Error)
				assert.Equal(t, 1, row.Attempts)
				assert.GreaterOrEqual(t, time.Until(row.DueAt), tc.least)
				assert.LessOrEqual(t, time.Until(row.DueAt), tc.most)
			})
		})
	}
}

// TestDownForHours: while the Hub is down it is asked once per flush, less and
// less often, nothing is parked, and everything arrives when it is back.
func TestDownForHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(updates(300)...)
		var down atomic.Bool
		down.Store(true)
		calls := 0
		f := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
			calls++
			if down.Load() {
				return nil, errDown
			}
			return accept(ctx, u)
		}, options())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()

		time.Sleep(6 * time.Hour)
		synctest.Wait()
		assert.Equal(t, map[contest.OutboxState]int{contest.OutboxPending: 300}, store.states())
		assert.InDelta(t, 3*(8+6*12), calls, 10, "three batches, each every five minutes after the first few")
		newer := updates(1)[0]
		newer.Score = 7
		store.put(newer)
		down.Store(false)
		time.Sleep(5*time.Minute + 3*time.Second)
		synctest.Wait()
		assert.Equal(t, map[contest.OutboxState]int{contest.OutboxSent: 300}, store.states())
		assert.Equal(t, 7, store.row("team-000").Update.Score)
		stop()
		require.NoError(t, <-ended)
	})
}

// TestLateAnswerSettlesItsOwnVersion: a newer update that arrives while an older
// one is on its way is neither lost nor marked as sent by the older answer.
func TestLateAnswerSettlesItsOwnVersion(t *testing.T) {
	t.Parallel()
	store := newMemory(updates(1)...)
	var scores []int
	f := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
		scores = append(scores, u[0].Score)
		if len(scores) == 1 {
			newer := u[0]
			newer.Score = 2
			store.put(newer)
		}
		return accept(ctx, u)
	}, options())
	sent, err := f.Flush(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, sent)
	assert.Equal(t, []int{1, 2}, scores)
	row := store.row("team-000")
	assert.Equal(t, int64(2), row.Version)
	assert.Equal(t, contest.OutboxSent, row.State)
	assert.Equal(t, []int64{1, 2}, []int64{store.receipts[0].Version, store.receipts[1].Version})
}

// TestDoubt: a refusal in unknown words parks only when it repeats itself.
func TestDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(updates(1)...)
		answers := []error{errDown, errDown, errDown, errDown, errDown, errUnclear, errDown, errUnclear, errUnclear}
		f := outbox.New(store, func(context.Context, []contest.Update) ([]error, error) {
			next := answers[0]
			answers = answers[1:]
			return []error{next}, nil
		}, options())
		for len(answers) > 0 {
			require.Equal(t, contest.OutboxPending, store.row("team-000").State, "%d answers to go", len(answers))
			_, err := f.Flush(t.Context())
			require.NoError(t, err)
			time.Sleep(6 * time.Minute)
		}
		row := store.row("team-000")
		assert.Equal(t, contest.OutboxParked, row.State)
		assert.Equal(t, 9, row.Attempts)
		assert.Equal(t, errUnclear.Error(), row.Error)
	})
}

func TestWakeFlushesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		opt := options()
		opt.Interval = time.Hour
		f := outbox.New(store, accept, opt)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		synctest.Wait()
		store.put(updates(1)[0])
		start := time.Now()
		for range 10 {
			f.Wake() // never blocks
		}
		synctest.Wait()
		assert.Equal(t, contest.OutboxSent, store.row("team-000").State)
		assert.Equal(t, time.Duration(0), time.Since(start))

		store.put(updates(2)[1])
		time.Sleep(time.Hour + time.Second)
		assert.Equal(t, contest.OutboxSent, store.row("team-001").State, "without Wake at the interval")
		stop()
		require.NoError(t, <-ended)
	})
}

// TestStop: a call under way is finished and settled, what came meanwhile is
// flushed, and a Hub that does not answer holds Run no longer than the grace.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		slow time.Duration // each call
		took time.Duration
		want map[contest.OutboxState]int
	}{
		{"in time", 3 * time.Second, 5 * time.Second, map[contest.OutboxState]int{contest.OutboxSent: 2}},
		{"the grace ends", time.Hour, 10 * time.Second, map[contest.OutboxState]int{contest.OutboxPending: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newMemory(updates(1)...)
				f := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
					select {
					case <-time.After(tc.slow):
						return accept(ctx, u)
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}, options())
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- f.Run(ctx) }()
				time.Sleep(time.Second)
				store.put(updates(2)[1])
				stop()
				start := time.Now()
				require.NoError(t, <-ended)
				assert.Equal(t, tc.took, time.Since(start))
				assert.Equal(t, tc.want, store.states())
				if tc.want[contest.OutboxPending] > 0 {
					assert.Zero(t, store.row("team-000").Attempts, "our own stop is no failure of the Hub")
				}
			})
		})
	}
}

// TestAcceptedIsRemembered: what the Hub accepted is settled although we were
// told to stop in the same moment.
func TestAcceptedIsRemembered(t *testing.T) {
	t.Parallel()
	store := newMemory(updates(1)...)
	ctx, stop := context.WithCancel(t.Context())
	f := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
		stop()
		return accept(ctx, u)
	}, options())
	sent, err := f.Flush(ctx)
	require.NoError(t, err)
	assert.Equal(t, 1, sent)
	assert.Equal(t, contest.OutboxSent, store.row("team-000").State)
}

func TestFlushesDoNotOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(updates(1)...)
		calls := 0
		f := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
			calls++
			time.Sleep(time.Minute)
			return accept(ctx, u)
		}, options())
		done := make(chan struct{})
		go func() { defer close(done); _, _ = f.Flush(t.Context()) }()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := f.Flush(short)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		sent, err := f.Flush(t.Context())
		require.NoError(t, err)
		assert.Zero(t, sent)
		<-done
		assert.Equal(t, 1, calls)
	})
}

func TestTroubleOfOurOwn(t *testing.T) {
	t.Parallel()
	store := newMemory(updates(1)...)
	store.breakWith(errors.New("disk full"))
	_, err := outbox.New(store, accept, options()).Flush(t.Context())
	require.ErrorContains(t, err, "read due updates: disk full")

	store.breakWith(nil)
	var seen outbox.Pass
	opt := options()
	opt.Observe = func(p outbox.Pass) { seen = p }
	_, err = outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
		store.breakWith(errors.New("disk full"))
		return accept(ctx, u)
	}, opt).Flush(t.Context())
	require.ErrorContains(t, err, "settle 1 updates: disk full")
	assert.Equal(t, err, seen.Err)
	assert.Equal(t, contest.OutboxPending, store.row("team-000").State)

	store.breakWith(nil)
	_, err = outbox.New(store, func(context.Context, []contest.Update) ([]error, error) { return nil, nil }, options()).Flush(t.Context())
	require.ErrorContains(t, err, "got 0 answers")
	assert.Equal(t, contest.OutboxPending, store.row("team-000").State)
}

func TestSendHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(updates(1)...)
		opt := options()
		opt.Timeout = time.Minute
		f := outbox.New(store, func(ctx context.Context, _ []contest.Update) ([]error, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, opt)
		start := time.Now()
		_, err := f.Flush(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		assert.Equal(t, 1, store.row("team-000").Attempts)
	})
}

func TestHooksStandAroundTheCall(t *testing.T) {
	t.Parallel()
	var order []string
	opt := options()
	opt.BeforeSend = func() { order = append(order, "before") }
	opt.AfterSend = func() { order = append(order, "after") }
	store := newMemory(updates(1)...)
	_, err := outbox.New(store, func(ctx context.Context, u []contest.Update) ([]error, error) {
		order = append(order, "send")
		return accept(ctx, u)
	}, opt).Flush(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"before", "send", "after"}, order)
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		attempt int
		rnd     float64
		want    time.Duration
	}{
		{1, 0, 2 * time.Second}, {1, 1, 3 * time.Second}, {2, 0, 4 * time.Second}, {3, 0.5, 10 * time.Second},
		{8, 0, 256 * time.Second}, {8, 1, 5 * time.Minute}, {9, 0, 5 * time.Minute}, {10_000, 1, 5 * time.Minute},
		{0, 0, 2 * time.Second}, {-5, 0, 2 * time.Second},
	} {
		assert.Equal(t, tc.want, outbox.Backoff(tc.attempt, tc.rnd), "attempt %d, rnd %g", tc.attempt, tc.rnd)
	}
}
