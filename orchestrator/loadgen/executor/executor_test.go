package executor_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/executor"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// field is where the virtual users of a test work: it lends them and keeps
// account of what they do.
type field struct {
	takes time.Duration // of one iteration
	slow  time.Duration // of making one more user
	fail  error

	mu          sync.Mutex
	begin       time.Time
	starts      []time.Duration
	globals     []int64
	interrupted int
	lent, made  int
	busy, peak  int
	dropped     int64
}

type fieldVU struct{ f *field }

func (v *fieldVU) Iterate(ctx context.Context, _, global int64) {
	f := v.f
	f.mu.Lock()
	f.starts, f.globals = append(f.starts, time.Since(f.begin)), append(f.globals, global)
	f.busy++
	f.peak = max(f.peak, f.busy)
	f.mu.Unlock()
	timer := time.NewTimer(f.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
	if ctx.Err() != nil {
		f.interrupted++
	}
}

func (f *field) Take(context.Context) (executor.VU, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lent++
	return &fieldVU{f}, f.fail
}

func (f *field) Make(ctx context.Context) (executor.VU, error) {
	time.Sleep(f.slow)
	f.mu.Lock()
	f.made++
	f.mu.Unlock()
	return f.Take(ctx)
}

func (f *field) Give(executor.VU) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lent--
}

// run runs s on the field and returns how long that took.
func (f *field) run(ctx context.Context, s options.Scenario, stripe pace.Stripe) (time.Duration, error) {
	f.begin = time.Now()
	r := &executor.Run{Scenario: s, Lender: f, Stripe: stripe, Dropped: func(n int64) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.dropped += n
	}}
	err := r.Do(ctx)
	return time.Since(f.begin), err
}

func Example() {
	f := &field{}
	s := options.Scenario{Executor: options.PerVUIterations, VUs: 2, Iterations: 3, MaxDuration: time.Minute}
	_, err := f.run(context.Background(), s, pace.Stripe{})
	fmt.Println(len(f.starts), err)
	// Output: 6 <nil>
}

const (
	sec = time.Second
	ms  = time.Millisecond
)

func TestExecutors(t *testing.T) {
	t.Parallel()
	arrivals := func(s options.Scenario) options.Scenario {
		s.TimeUnit = sec
		if s.MaxVUs == 0 {
			s.MaxVUs = s.PreAllocatedVUs
		}
		return s
	}
	for _, tc := range []struct {
		name        string
		scenario    options.Scenario
		takes       time.Duration
		iterations  int
		interrupted int
		dropped     int64
		length      time.Duration
		peak        int
	}{
		{"constant users", options.Scenario{Executor: options.ConstantVUs, VUs: 5, Duration: 10 * sec, GracefulStop: sec}, sec, 50, 0, 0, 10 * sec, 5},
		{"the last iteration may end late", options.Scenario{Executor: options.ConstantVUs, VUs: 2, Duration: 10 * sec, GracefulStop: 5 * sec}, 3 * sec, 8, 0, 0, 12 * sec, 2},
		{"but not too late", options.Scenario{Executor: options.ConstantVUs, VUs: 2, Duration: 10 * sec, GracefulStop: sec}, 3 * sec, 8, 2, 0, 11 * sec, 2},
		{"no gracefulStop", options.Scenario{Executor: options.ConstantVUs, VUs: 1, Duration: 10 * sec}, 3 * sec, 4, 1, 0, 10 * sec, 1},
		{"shared iterations", options.Scenario{Executor: options.SharedIterations, VUs: 3, Iterations: 10, MaxDuration: 600 * sec}, sec, 10, 0, 0, 4 * sec, 3},
		{"shared iterations out of time", options.Scenario{Executor: options.SharedIterations, VUs: 2, Iterations: 10, MaxDuration: 3 * sec, GracefulStop: 2 * sec}, 2 * sec, 4, 0, 6, 4 * sec, 2},
		{"iterations per user", options.Scenario{Executor: options.PerVUIterations, VUs: 4, Iterations: 6, MaxDuration: 600 * sec}, sec, 24, 0, 0, 6 * sec, 4},
		{"iterations per user out of time", options.Scenario{Executor: options.PerVUIterations, VUs: 4, Iterations: 6, MaxDuration: 3 * sec, GracefulStop: sec}, sec, 12, 0, 12, 3 * sec, 4},
		{"constant rate", arrivals(options.Scenario{Executor: options.ConstantArrivalRate, Rate: 50, Duration: 10 * sec, GracefulStop: sec, PreAllocatedVUs: 10}), 95 * ms, 500, 0, 0, 9980*ms + 95*ms, 5},
		{"constant rate without users", arrivals(options.Scenario{Executor: options.ConstantArrivalRate, Rate: 10, Duration: 10 * sec, GracefulStop: sec, PreAllocatedVUs: 5}), 950 * ms, 50, 0, 50, 9400*ms + 950*ms, 5},
		{"more users are made", arrivals(options.Scenario{Executor: options.ConstantArrivalRate, Rate: 10, Duration: 10 * sec, GracefulStop: 5 * sec, PreAllocatedVUs: 1, MaxVUs: 20}), 950 * ms, 91, 0, 9, 9900*ms + 950*ms, 10},
		{"ramping rate", arrivals(options.Scenario{Executor: options.RampingArrivalRate, Stages: []pace.Stage{{Duration: 10 * sec, Target: 10}, {Duration: 5 * sec, Target: 10}}, PreAllocatedVUs: 3, GracefulStop: sec}), 95 * ms, 100, 0, 0, 15*sec + 95*ms, 1},
		{"ramping rate without users", arrivals(options.Scenario{Executor: options.RampingArrivalRate, StartRate: 10, Stages: []pace.Stage{{Duration: 10 * sec, Target: 10}}, PreAllocatedVUs: 5, GracefulStop: sec}), 950 * ms, 50, 0, 50, 9500*ms + 950*ms, 5},
		{"more users are made for a ramping rate", arrivals(options.Scenario{Executor: options.RampingArrivalRate, StartRate: 10, Stages: []pace.Stage{{Duration: 10 * sec, Target: 10}}, PreAllocatedVUs: 1, MaxVUs: 20, GracefulStop: 5 * sec}), 950 * ms, 91, 0, 9, 10*sec + 950*ms, 10},
		{"late iterations of a ramping rate are cut off", arrivals(options.Scenario{Executor: options.RampingArrivalRate, StartRate: 1, Stages: []pace.Stage{{Duration: 3 * sec, Target: 1}}, GracefulStop: sec, PreAllocatedVUs: 5}), 60 * sec, 3, 3, 0, 4 * sec, 3},
		{"late iterations per user are cut off", options.Scenario{Executor: options.PerVUIterations, VUs: 2, Iterations: 2, MaxDuration: 3 * sec, GracefulStop: sec}, 60 * sec, 2, 2, 2, 4 * sec, 2},
		{"late shared iterations are cut off", options.Scenario{Executor: options.SharedIterations, VUs: 2, Iterations: 5, MaxDuration: 3 * sec, GracefulStop: sec}, 60 * sec, 2, 2, 3, 4 * sec, 2},
		{"late iterations of a ramp are cut off", options.Scenario{Executor: options.RampingVUs, StartVUs: 2, Stages: []pace.Stage{{Duration: 3 * sec, Target: 2}}, GracefulStop: sec, GracefulRampDown: 9 * sec}, 60 * sec, 2, 2, 0, 4 * sec, 2},
		{"gracefulRampDown ends in time", options.Scenario{Executor: options.RampingVUs, StartVUs: 2, Stages: []pace.Stage{{Duration: sec, Target: 2}, {Target: 0}, {Duration: 5 * sec}}, GracefulRampDown: 2 * sec}, 2500 * ms, 2, 0, 0, 6 * sec, 2},
		{"late iterations of a rate are cut off", arrivals(options.Scenario{Executor: options.ConstantArrivalRate, Rate: 1, Duration: 3 * sec, GracefulStop: sec, PreAllocatedVUs: 5}), 60 * sec, 3, 3, 0, 4 * sec, 3},
		{"ramping users", options.Scenario{Executor: options.RampingVUs, Stages: []pace.Stage{{Duration: 4 * sec, Target: 4}, {Duration: 4 * sec, Target: 4}, {Duration: 4 * sec}}, GracefulStop: sec, GracefulRampDown: sec}, 800 * ms, 42, 0, 0, 12200 * ms, 4},
		{"ramp down cuts off", options.Scenario{Executor: options.RampingVUs, StartVUs: 3, Stages: []pace.Stage{{Duration: sec, Target: 3}, {Target: 0}, {Duration: 10 * sec}}, GracefulRampDown: 2 * sec}, 60 * sec, 3, 3, 0, 11 * sec, 3},
		{"a user that is wanted again goes on", options.Scenario{Executor: options.RampingVUs, StartVUs: 1, Stages: []pace.Stage{{Duration: sec, Target: 1}, {Target: 0}, {Duration: sec}, {Target: 1}, {Duration: 8 * sec, Target: 1}}, GracefulStop: sec, GracefulRampDown: 2 * sec}, 5 * sec, 2, 0, 0, 10 * sec, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &field{takes: tc.takes}
				took, err := f.run(t.Context(), tc.scenario, pace.Stripe{})
				require.NoError(t, err)
				assert.Len(t, f.starts, tc.iterations, "iterations started")
				assert.Equal(t, tc.interrupted, f.interrupted, "interrupted")
				assert.Equal(t, tc.dropped, f.dropped, "dropped")
				assert.Equal(t, tc.length, took, "length")
				assert.Equal(t, tc.peak, f.peak, "users at once")
				assert.Zero(t, f.lent, "all users were given back")
			})
		})
	}
}

func TestStartsAreOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &field{takes: time.Millisecond}
		s := options.Scenario{Executor: options.ConstantArrivalRate, Rate: 100, TimeUnit: sec, Duration: sec, PreAllocatedVUs: 2, MaxVUs: 2}
		_, err := f.run(t.Context(), s, pace.Stripe{})
		require.NoError(t, err)
		for i, at := range f.starts {
			require.Equal(t, time.Duration(i)*10*time.Millisecond, at)
		}
	})
}

// A process that was stalled must not lose planned iterations silently.
func TestEveryPlannedIterationIsAccountedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &field{takes: sec, slow: 700 * time.Millisecond}
		s := options.Scenario{Executor: options.RampingArrivalRate, StartRate: 7, TimeUnit: sec, Stages: []pace.Stage{{Duration: 7 * sec, Target: 31}}, PreAllocatedVUs: 1, MaxVUs: 9, GracefulStop: 5 * sec}
		_, err := f.run(t.Context(), s, pace.Stripe{})
		require.NoError(t, err)
		assert.Equal(t, s.Planned(pace.Stripe{}), int64(len(f.starts))+f.dropped)
		assert.Equal(t, 8, f.made)
	})
}

func TestSegmentsDoTheWholeTogether(t *testing.T) {
	t.Parallel()
	for _, s := range []options.Scenario{
		{Executor: options.ConstantVUs, VUs: 10, Duration: 3 * sec},
		{Executor: options.SharedIterations, VUs: 10, Iterations: 31, MaxDuration: 60 * sec},
		{Executor: options.PerVUIterations, VUs: 10, Iterations: 3, MaxDuration: 60 * sec},
		{Executor: options.ConstantArrivalRate, Rate: 10, TimeUnit: sec, Duration: 3 * sec, PreAllocatedVUs: 30, MaxVUs: 30},
	} {
		t.Run(s.Executor, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				whole := &field{takes: sec}
				_, err := whole.run(t.Context(), s, pace.Stripe{})
				require.NoError(t, err)
				var all []int64
				for _, segment := range []string{"0:1/3", "1/3:2/3", "2/3:1"} {
					stripe, err := pace.ParseStripe(segment, "0,1/3,2/3,1")
					require.NoError(t, err)
					f := &field{takes: sec}
					_, err = f.run(t.Context(), s, stripe)
					require.NoError(t, err)
					all = append(all, f.globals...)
				}
				assert.Len(t, all, len(whole.globals))
				if s.Executor == options.SharedIterations || s.Executor == options.ConstantArrivalRate {
					assert.ElementsMatch(t, whole.globals, all)
				}
			})
		})
	}
}

func TestCancelInterruptsAtOnce(t *testing.T) {
	t.Parallel()
	stages := []pace.Stage{{Duration: 60 * sec, Target: 4}}
	for _, s := range []options.Scenario{
		{Executor: options.ConstantVUs, VUs: 2, Duration: 60 * sec},
		{Executor: options.SharedIterations, VUs: 2, Iterations: 9, MaxDuration: 60 * sec},
		{Executor: options.PerVUIterations, VUs: 2, Iterations: 9, MaxDuration: 60 * sec},
		{Executor: options.RampingVUs, StartVUs: 2, Stages: stages, GracefulRampDown: 60 * sec},
		{Executor: options.ConstantArrivalRate, Rate: 1, TimeUnit: sec, Duration: 60 * sec, PreAllocatedVUs: 2, MaxVUs: 2},
		{Executor: options.RampingArrivalRate, StartRate: 1, TimeUnit: sec, Stages: stages, PreAllocatedVUs: 2, MaxVUs: 2},
	} {
		t.Run(s.Executor, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s.GracefulStop = 30 * sec
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(5*sec, cancel)
				f := &field{takes: 600 * sec}
				took, err := f.run(ctx, s, pace.Stripe{})
				require.NoError(t, err)
				assert.Equal(t, 5*sec, took)
				if !s.Arrival() { // a rate drops what finds nobody as long as it goes on
					assert.Zero(t, f.dropped, "what was still to come is not dropped")
				}
				assert.Equal(t, 2, f.interrupted)
				assert.Zero(t, f.lent)
			})
		})
	}
}

func TestUsersThatCannotBeHad(t *testing.T) {
	t.Parallel()
	broken := errors.New("no user")
	for _, s := range []options.Scenario{
		{Executor: options.ConstantVUs, VUs: 2, Duration: sec},
		{Executor: options.RampingVUs, StartVUs: 2, Stages: []pace.Stage{{Duration: sec, Target: 2}}},
		{Executor: options.ConstantArrivalRate, Rate: 1, TimeUnit: sec, Duration: sec, PreAllocatedVUs: 2, MaxVUs: 2},
		{Executor: "sideways"},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := (&field{fail: broken}).run(t.Context(), s, pace.Stripe{})
			require.Error(t, err, s.Executor)
		})
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &executor.Run{Scenario: options.Scenario{Executor: options.ConstantVUs, VUs: 1, Duration: 4 * sec}, Lender: &field{takes: sec}}
		assert.Zero(t, r.Progress())
		done := make(chan error)
		go func() { done <- r.Do(t.Context()) }()
		time.Sleep(sec)
		synctest.Wait()
		assert.InDelta(t, 0.25, r.Progress(), 0.001)
		require.NoError(t, <-done)
		assert.InDelta(t, 1, r.Progress(), 0.001)
	})
}
