package pace_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

func ExampleConstant() {
	plan, _ := pace.Constant(4, time.Second, 2*time.Second, pace.Stripe{})
	third, _ := plan.At(2)
	_, more := plan.At(8)
	fmt.Println(plan.Planned(), third, more)
	// Output: 8 500ms false
}

func TestConstant(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		rate    int64
		unit    time.Duration
		length  time.Duration
		planned int64
		last    time.Duration
	}{
		{"whole seconds", 50, time.Second, time.Second, 50, 980 * time.Millisecond},
		{"a period that does not divide", 3, time.Second, time.Second, 3, 666666666},
		{"end within a period", 10, time.Second, 950 * time.Millisecond, 10, 900 * time.Millisecond},
		{"just after a start", 10, time.Second, 901 * time.Millisecond, 10, 900 * time.Millisecond},
		{"a long unit", 50_000, 10 * time.Minute, time.Minute, 5000, 59988 * time.Millisecond},
		{"slower than the plan is long", 1, time.Minute, time.Second, 1, 0},
		{"one a nanosecond", 1e9, time.Second, 10, 10, 9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			plan, err := pace.Constant(tc.rate, tc.unit, tc.length, pace.Stripe{})
			require.NoError(t, err)
			assert.Equal(t, tc.planned, plan.Planned())
			last, ok := plan.At(tc.planned - 1)
			assert.True(t, ok)
			assert.Equal(t, tc.last, last)
			assertPlan(t, plan)
		})
	}
}

// assertPlan holds a plan to what it promises: as many starts as planned, none
// before the one ahead of it, none after the end.
func assertPlan(t *testing.T, plan *pace.Arrivals) {
	t.Helper()
	var before time.Duration
	for n := range min(plan.Planned(), 100_000) {
		at, ok := plan.At(n)
		require.True(t, ok)
		require.GreaterOrEqual(t, at, before)
		require.LessOrEqual(t, at, plan.Length())
		before = at
	}
	_, ok := plan.At(plan.Planned())
	assert.False(t, ok)
	_, ok = plan.At(-1)
	assert.False(t, ok)
}

func TestRamping(t *testing.T) {
	t.Parallel()
	up := []pace.Stage{{Duration: 10 * time.Second, Target: 10}}
	for _, tc := range []struct {
		name    string
		start   int64
		unit    time.Duration
		stages  []pace.Stage
		planned int64
		first   time.Duration
	}{
		{"from nothing", 0, time.Second, up, 50, 1414213562},
		{"level", 10, time.Second, []pace.Stage{{Duration: time.Second, Target: 10}}, 10, 100 * time.Millisecond},
		{"down", 10, time.Second, []pace.Stage{{Duration: 10 * time.Second, Target: 0}}, 50, 100505063},
		{"up, hold, down", 0, time.Second, []pace.Stage{{Duration: time.Second, Target: 100}, {Duration: 2 * time.Second, Target: 100}, {Duration: time.Second}}, 300, 141421356},
		{"a jump", 1, time.Second, []pace.Stage{{Target: 100}, {Duration: time.Second, Target: 100}}, 100, 10 * time.Millisecond},
		{"fractions add up over stages", 0, time.Second, []pace.Stage{{Duration: 500 * time.Millisecond, Target: 3}, {Duration: 500 * time.Millisecond, Target: 3}, {Duration: time.Second, Target: 3}}, 5, 583333333},
		{"nothing at all", 0, time.Second, []pace.Stage{{Duration: time.Second}}, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			plan, err := pace.Ramping(tc.start, tc.unit, tc.stages, pace.Stripe{})
			require.NoError(t, err)
			assert.Equal(t, tc.planned, plan.Planned())
			assertPlan(t, plan)
			if tc.planned > 0 {
				first, _ := plan.At(0)
				assert.InDelta(t, tc.first, first, 2)
			}
		})
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	plan, err := pace.Constant(10, time.Second, time.Second, pace.Stripe{})
	require.NoError(t, err)
	for _, tc := range []struct {
		name    string
		elapsed time.Duration
		started int64
		wait    time.Duration
		more    bool
	}{
		{"at the start", 0, 0, 0, true},
		{"early", 0, 1, 100 * time.Millisecond, true},
		{"late", 700 * time.Millisecond, 3, 0, true},
		{"stalled beyond the end", time.Hour, 9, 0, true},
		{"done", 0, 10, 0, false},
	} {
		wait, more := plan.Next(tc.elapsed, tc.started)
		assert.Equal(t, tc.wait, wait, tc.name)
		assert.Equal(t, tc.more, more, tc.name)
	}
}

func TestBadPlans(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func() error{
		"rate below 0": func() error { _, err := pace.Constant(-1, time.Second, time.Second, pace.Stripe{}); return err },
		"no time unit": func() error { _, err := pace.Constant(1, 0, time.Second, pace.Stripe{}); return err },
		"too many":     func() error { _, err := pace.Constant(1e9, 1, math.MaxInt64, pace.Stripe{}); return err },
		"negative stage": func() error {
			_, err := pace.Ramping(0, time.Second, []pace.Stage{{Duration: -1}}, pace.Stripe{})
			return err
		},
		"target too high": func() error {
			_, err := pace.Ramping(0, time.Second, []pace.Stage{{Target: 1 << 40}}, pace.Stripe{})
			return err
		},
		"too many users": func() error {
			_, err := pace.Ramp(0, []pace.Stage{{Target: pace.MaxVUs + 1}}, pace.Stripe{})
			return err
		},
		"too many steps": func() error {
			up, down := pace.Stage{Duration: time.Second, Target: pace.MaxVUs}, pace.Stage{Duration: time.Second}
			_, err := pace.Ramp(0, []pace.Stage{up, down, up}, pace.Stripe{})
			return err
		},
		"negative users": func() error { _, err := pace.Ramp(-1, nil, pace.Stripe{}); return err },
		"too long overall": func() error {
			_, err := pace.Ramping(1e9, 1, []pace.Stage{{Duration: math.MaxInt64, Target: 1e9}}, pace.Stripe{})
			return err
		},
	} {
		assert.Error(t, call(), name)
	}
}

func TestRamp(t *testing.T) {
	t.Parallel()
	s := time.Second
	for _, tc := range []struct {
		name   string
		start  int64
		stages []pace.Stage
		want   []pace.VUStep
	}{
		{"up", 0, []pace.Stage{{Duration: 4 * s, Target: 4}}, []pace.VUStep{{0, 0}, {s, 1}, {2 * s, 2}, {3 * s, 3}, {4 * s, 4}}},
		{"down", 2, []pace.Stage{{Duration: 4 * s, Target: 0}}, []pace.VUStep{{0, 2}, {2 * s, 1}, {4 * s, 0}}},
		{"hold", 3, []pace.Stage{{Duration: 4 * s, Target: 3}}, []pace.VUStep{{0, 3}}},
		{"jump", 1, []pace.Stage{{Duration: 2 * s, Target: 1}, {Target: 5}, {Duration: s, Target: 5}}, []pace.VUStep{{0, 1}, {2 * s, 5}}},
	} {
		steps, err := pace.Ramp(tc.start, tc.stages, pace.Stripe{})
		require.NoError(t, err, tc.name)
		assert.Equal(t, tc.want, steps, tc.name)
	}
	most, err := pace.Most(1, []pace.Stage{{Duration: s, Target: 5}, {Duration: s}})
	require.NoError(t, err)
	assert.Equal(t, int64(5), most)
}

func TestStripesAreTheWhole(t *testing.T) {
	t.Parallel()
	for _, sequence := range [][]string{{"0", "1/3", "2/3", "1"}, {"0", "1/2", "1"}, {"0", "1/7", "1/2", "2/3", "1"}, {"0", "0.1", "1"}} {
		joined := ""
		for i, b := range sequence {
			if i > 0 {
				joined += ","
			}
			joined += b
		}
		seen := map[int64]int{}
		for i := 0; i+1 < len(sequence); i++ {
			stripe, err := pace.ParseStripe(sequence[i]+":"+sequence[i+1], joined)
			require.NoError(t, err)
			share := stripe.Share(1000)
			for n := range share {
				global := stripe.Global(n)
				seen[global]++
				require.Less(t, global, int64(1000))
			}
			require.GreaterOrEqual(t, stripe.Global(share), int64(1000))
		}
		assert.Len(t, seen, 1000, "every index belongs to somebody: %s", joined)
		for global, times := range seen {
			require.Equal(t, 1, times, "index %d", global)
		}
	}
}

// What k6 v2.2.0 gives the parts of a test: a part may run there, and another here.
func TestUnequalStripesAreThoseOfK6(t *testing.T) {
	t.Parallel()
	for sequence, parts := range map[string][][]int64{
		"0,1/4,1":             {{1}, {0, 2, 3}},
		"0,1/10,1/2,1":        {{7}, {1, 3, 5, 9}, {0, 2, 4, 6, 8}},
		"0,3/7,1":             {{1, 3, 5}, {0, 2, 4, 6}},
		"0,1/2,3/4,1":         {{0, 2}, {1}, {3}},
		"0,1/6,1/2,1":         {{5}, {1, 3}, {0, 2, 4}},
		"0,1/10,3/10,6/10,1":  {{9}, {2, 6}, {1, 4, 7}, {0, 3, 5, 8}},
		"0,5/12,1":            {{1, 3, 5, 8, 10}, {0, 2, 4, 6, 7, 9, 11}},
		"0,3/10,1":            {{1, 4, 7}, {0, 2, 3, 5, 6, 8, 9}},
		"0,1/8,2/8,5/8,7/8,1": {{2}, {5}, {0, 3, 6}, {1, 4}, {7}},
	} {
		bounds := strings.Split(sequence, ",")
		for i, want := range parts {
			stripe, err := pace.ParseStripe(bounds[i]+":"+bounds[i+1], sequence)
			require.NoError(t, err)
			var got []int64
			for n := range int64(len(want)) {
				got = append(got, stripe.Global(n))
			}
			assert.Equal(t, want, got, "%s of %s", bounds[i+1], sequence)
		}
	}
}

func TestThreeEqualStripesInterleave(t *testing.T) {
	t.Parallel()
	var total int64
	for i, segment := range []string{"0:1/3", "1/3:2/3", "2/3:1"} {
		stripe, err := pace.ParseStripe(segment, "0,1/3,2/3,1")
		require.NoError(t, err)
		assert.Equal(t, []int64{4, 3, 3}[i], stripe.Share(10))
		assert.Equal(t, int64(i)+3, stripe.Global(1), "evenly, one after another")
		plan, err := pace.Constant(10, time.Second, time.Second, stripe)
		require.NoError(t, err)
		total += plan.Planned()
		at, _ := plan.At(1)
		assert.Equal(t, time.Duration(i+3)*100*time.Millisecond, at)
		assert.Equal(t, stripe.Global(1), plan.Global(1))
	}
	assert.Equal(t, int64(10), total)
}

func TestBadStripes(t *testing.T) {
	t.Parallel()
	for name, in := range map[string][2]string{
		"no fraction": {"a:b", ""}, "reversed": {"2/3:1/3", ""}, "above one": {"0:2", ""}, "not in the sequence": {"0:1/2", "0,1/3,1"},
		"sequence not ascending": {"0:1/2", "0,1,1/2"}, "sequence no fraction": {"0:1/2", "0,x,1"}, "denominators too large": {"1/999983:1/999979", ""},
	} {
		_, err := pace.ParseStripe(in[0], in[1])
		assert.Error(t, err, name)
	}
	whole, err := pace.ParseStripe("", "")
	require.NoError(t, err)
	assert.Equal(t, int64(7), whole.Global(7))
	assert.Equal(t, int64(0), whole.Share(-1))
	alone, err := pace.ParseStripe("1/4", "")
	require.NoError(t, err)
	assert.Equal(t, int64(25), alone.Share(100))
}

func FuzzParseStripe(f *testing.F) {
	f.Add("0:1/3", "0,1/3,2/3,1")
	f.Add("1/2", "")
	f.Fuzz(func(t *testing.T, segment, sequence string) {
		stripe, err := pace.ParseStripe(segment, sequence)
		if err != nil {
			return
		}
		share := stripe.Share(100)
		if share < 0 || share > 100 || share > 0 && stripe.Global(share-1) >= 100 {
			t.Fatalf("share %d of 100", share)
		}
	})
}
