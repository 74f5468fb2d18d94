package contest_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestParseThreshold(t *testing.T) {
	t.Parallel()
	rows := []struct{ selector, expression, want string }{
		{"http_req_duration", "p(95)<2000", "http_req_duration: p(95)<2000"},
		{" http_req_duration ", "  p( 99.9 )  <=  1.5e3 ", "http_req_duration: p(99.9)<=1500"},
		{"http_req_duration{scenario:steady}", "med>=10", "http_req_duration{scenario:steady}: med>=10"},
		{"m2{b:2, a : 1}", "avg!=-0.5", "m2{a:1,b:2}: avg!=-0.5"},
		{`checks{"a":'x y'}`, "rate>0.95", "checks{a:x y}: rate>0.95"},
		{`checks{a:" x "}`, "rate>.95", `checks{a:" x "}: rate>0.95`},
		{`checks{a:"'x'"}`, "rate>1.", `checks{a:"'x'"}: rate>1`},
		{"checks{url:http://x:80/}", "rate===1", "checks{url:http://x:80/}: rate===1"},
		{"checks{a:}", "rate==1", "checks{a:}: rate==1"},
		{"checks{}", "count>+5", "checks: count>5"},
		{"_vus", "value<100", "_vus: value<100"},
		{"my_trend", "min>0", "my_trend: min>0"},
		{"my_trend", "max<1e-3", "my_trend: max<0.001"},
		{"my_trend", "p(0)<1", "my_trend: p(0)<1"},
		{"my_trend", "p(100)<1", "my_trend: p(100)<1"},
	}
	for _, row := range rows {
		t.Run(row.want, func(t *testing.T) {
			t.Parallel()
			parsed, err := contest.ParseThreshold(row.selector, row.expression)
			require.NoError(t, err)
			require.Equal(t, row.want, parsed.String())
			again, err := contest.ParseThreshold(parsed.Selector(), parsed.Expression())
			require.NoError(t, err)
			require.Equal(t, parsed, again)
		})
	}
}

func TestParseThresholdRefuses(t *testing.T) {
	t.Parallel()
	rows := []struct{ selector, expression, want string }{
		{"http_req_duration", "", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(95)", "want METHOD OP NUMBER"},
		{"http_req_duration", "p95<200", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(-1)<200", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(95)<200ms", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(95)<.", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(95)<NaN", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(95)=<200", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(95)<200 && avg<1", "want METHOD OP NUMBER"},
		{"http_req_duration", "mean<200", "want METHOD OP NUMBER"},
		{"http_req_duration", "RATE<200", "want METHOD OP NUMBER"},
		{"http_req_duration", "p(100.1)<200", "between 0 and 100"},
		{"http_req_duration", "avg<1e999", "value out of range"},
		{"", "rate>0", "want METRIC"},
		{"x", "rate>0", "want METRIC"},
		{"2xx", "rate>0", "want METRIC"},
		{strings.Repeat("x", 130), "rate>0", "want METRIC"},
		{"http-reqs", "rate>0", "want METRIC"},
		{"checks{a:b", "rate>0", "want METRIC"},
		{"checks{a:b}x", "rate>0", "want METRIC"},
		{"checks{a}", "rate>0", "is not tag:value"},
		{"checks{a:b,}", "rate>0", "is not tag:value"},
		{"checks{:b}", "rate>0", "is not tag:value"},
	}
	for _, row := range rows {
		t.Run(row.selector+" "+row.expression, func(t *testing.T) {
			t.Parallel()
			got, err := contest.ParseThreshold(row.selector, row.expression)
			require.ErrorContains(t, err, row.want)
			require.Zero(t, got)
		})
	}
}

func FuzzParseThreshold(f *testing.F) {
	for _, seed := range [][2]string{
		{"http_req_duration{scenario:steady}", "p(95)<2000"}, {`checks{"a":" 'b' "}`, "rate>=.5"}, {"xx{a:b}{c:d}", "med===1e3"}, {"x", "p(1"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, selector, expression string) {
		parsed, err := contest.ParseThreshold(selector, expression)
		if err != nil {
			return
		}
		again, err := contest.ParseThreshold(parsed.Selector(), parsed.Expression())
		require.NoError(t, err)
		require.Equal(t, parsed.String(), again.String(), "its canonical name is stable")
		require.Equal(t, parsed.Tags, again.Tags)
		require.False(t, parsed.Holds(math.NaN()))
	})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		op                  string
		below, equal, above bool
	}{
		{"<", true, false, false}, {"<=", true, true, false}, {">", false, false, true}, {">=", false, true, true},
		{"==", false, true, false}, {"===", false, true, false}, {"!=", true, false, true}, {"=", false, false, false}, {"", false, false, false},
	} {
		require.Equal(t, row.below, contest.Compare(1, row.op, 2), row.op)
		require.Equal(t, row.equal, contest.Compare(2, row.op, 2), row.op)
		require.Equal(t, row.above, contest.Compare(3, row.op, 2), row.op)
		require.False(t, contest.Compare(math.NaN(), row.op, 2), "NaN %s", row.op)
	}
}

func TestHoldsByCount(t *testing.T) {
	t.Parallel()
	rows := []struct {
		expression      string
		within, samples float64
		want            bool
	}{
		{"p(95)<2000", 95, 100, true},
		{"p(95)<2000", 94, 100, false},
		{"p(95)<=2000", 19, 20, true},
		{"p(95)<2000", 18, 19, false},
		{"p(95)<2000", 0, 0, false},
		{"p(95)<2000", 5, 0, false},
		{"p(95)<2000", 101, 100, false},
		{"p(95)<2000", math.NaN(), 100, false},
		{"p(95)<2000", 100, math.NaN(), false},
		{"p(99.9)<1", 999, 1000, true},
		{"p(99.9)<1", 998, 1000, false},
		{"p(100)<1", 10, 10, true},
		{"p(100)<1", 9, 10, false},
		{"p(0)<1", 1, 10, true},
		{"p(0)<1", 0, 10, false},
		{"med<1", 5, 10, true},
		{"med<1", 4, 10, false},
		{"p(95)>100", 5, 100, false}, // 95 of 100 are at or below the bound, so p95 is
		{"p(95)>100", 6, 100, true},
		{"p(95)>=100", 100, 100, true},
		{"p(100)>100", 1, 100, true},
		{"p(100)>100", 0, 100, false},
		{"p(0)>100", 100, 100, true},
		{"p(0)>100", 99, 100, false},
		{"p(95)==100", 100, 100, false}, // cannot be decided by counting
		{"p(95)!=100", 100, 100, false},
	}
	for _, row := range rows {
		rule, err := contest.ParseThreshold("http_req_duration", row.expression)
		require.NoError(t, err)
		require.True(t, rule.IsTrend())
		require.Equal(t, row.want, rule.HoldsByCount(row.within, row.samples), "%s: %v of %v", row.expression, row.within, row.samples)
	}
}

// Whole-number arithmetic is the judge of what floating point decides.
func TestHoldsByCountIsExact(t *testing.T) {
	t.Parallel()
	for _, tenths := range []int{1, 333, 500, 900, 950, 975, 990, 999} {
		rule := contest.Threshold{Percentile: float64(tenths) / 10}
		for samples := 1; samples <= 3000; samples++ {
			edge := samples * tenths / 1000
			for within := max(0, edge-1); within <= min(samples, edge+2); within++ {
				rule.Op = "<"
				require.Equal(t, within > 0 && within*1000 >= tenths*samples, rule.HoldsByCount(float64(within), float64(samples)),
					"p(%v) <: %d of %d", rule.Percentile, within, samples)
			}
			edge = samples * (1000 - tenths) / 1000
			for within := max(0, edge-1); within <= min(samples, edge+2); within++ {
				rule.Op = ">"
				require.Equal(t, within*1000 > (1000-tenths)*samples, rule.HoldsByCount(float64(within), float64(samples)),
					"p(%v) >: %d of %d", rule.Percentile, within, samples)
			}
		}
	}
}

// Counting decides what sorting all samples and looking at the one that N % of
// them do not exceed decides.
func TestHoldsByCountAgreesWithSortedSamples(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		n, rule := 1+random.IntN(60), contest.Threshold{Percentile: float64(1 + random.IntN(100)), Op: "<", Bound: 50}
		samples, within := sorted(random, n), 0.0
		for _, s := range samples {
			if rule.Within(s) {
				within++
			}
		}
		rank := (n*int(rule.Percentile) + 99) / 100 // the nearest rank
		require.Equal(t, samples[rank-1] < 50, rule.HoldsByCount(within, float64(n)), "p(%v) of %v", rule.Percentile, samples)
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"5m", "1500", "-1", "0", "9223372036854775807", "-9223372036854775808", " 2h45m ", "1e3", "ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d contest.Duration
		if d.UnmarshalText([]byte(text)) != nil {
			require.Zero(t, d)
			return
		}
		require.GreaterOrEqual(t, d.D(), contest.Duration(0).D())
		written, err := d.MarshalText()
		require.NoError(t, err)
		var again contest.Duration
		require.NoError(t, again.UnmarshalText(written), strconv.Quote(text))
		require.Equal(t, d, again)
	})
}
