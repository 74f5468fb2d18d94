package kube_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
)

// Each row is what runners carried, the newest last, and what one is then taken
// to carry. Configured are 2000 users and 1000 arrivals a second.
func TestLearn(t *testing.T) {
	t.Parallel()
	const gi = 1 << 30
	well := contest.Carried{VUs: 2000, Rate: 1000, CPU: 0.3, Heap: gi / 4, Memory: gi, Asked: 500}
	with := func(c contest.Carried, change func(*contest.Carried)) contest.Carried { change(&c); return c }
	busy := with(well, func(c *contest.Carried) { c.CPU = 0.7 })
	weak := with(well, func(c *contest.Carried) { c.CPU, c.Short = 0.95, contest.ShortOfPower })
	starved := with(well, func(c *contest.Carried) { c.Short = contest.ShortOfMemory })
	faster := with(well, func(c *contest.Carried) { c.Rate, c.VUs = 1250, 2500 })
	for _, row := range []struct {
		name      string
		past      []contest.Carried
		vus, rate int
		learned   int
	}{
		{"nothing", nil, 2000, 1000, 0},
		{"room to spare", []contest.Carried{well}, 2500, 1250, 1},
		{"room to spare twice", []contest.Carried{well, faster}, 3125, 1562, 2},
		{"busy", []contest.Carried{busy}, 2000, 1000, 0},
		{"too weak", []contest.Carried{weak}, 2000, 800, 1},
		{"out of memory", []contest.Carried{starved}, 1600, 1000, 1},
		{"not raised again to what failed", []contest.Carried{weak, well, well}, 2500, 800, 3},
		{"nor later", []contest.Carried{well, faster, weak, faster}, 3125, 800, 4},
		{"little load says little", []contest.Carried{with(well, func(c *contest.Carried) { c.Rate, c.VUs = 10, 10 })}, 2000, 1000, 0},
		{"a failure under little load is bounded", []contest.Carried{with(weak, func(c *contest.Carried) { c.Rate = 1 })}, 2000, 250, 1},
		{"bounded above", []contest.Carried{with(well, func(c *contest.Carried) { c.Rate, c.VUs = 90_000, 90_000 })}, 8000, 4000, 1},
		{"silent about itself", []contest.Carried{with(well, func(c *contest.Carried) { c.CPU = 0 })}, 2000, 1000, 0},
		{"much memory", []contest.Carried{with(well, func(c *contest.Carried) { c.Heap = gi * 0.6 })}, 2000, 1000, 0},
		{"other memory", []contest.Carried{with(well, func(c *contest.Carried) { c.Memory = 2 * gi })}, 2000, 1000, 0},
		{"another processor", []contest.Carried{with(weak, func(c *contest.Carried) { c.Asked = 1000 })}, 2000, 1000, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			newest := make([]contest.Carried, 0, len(row.past))
			for i := range row.past {
				newest = append(newest, row.past[len(row.past)-1-i])
			}
			each := kube.Capacity{VUs: 2000, Rate: 1000, Least: 1, Most: 16, CPU: 500, Memory: gi, Within: 4}
			got := each.Learn(newest)
			require.Equal(t, []int{row.vus, row.rate, row.learned}, []int{got.VUs, got.Rate, got.Learned})
			each.Within = 1
			require.Equal(t, each, each.Learn(newest), "switched off")
		})
	}
}

// Whatever the past, capacity stays within its bounds, and a level that may be
// launched as configured may be launched as learned.
func TestLearnedCapacityIsBounded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	s := contest.Script{Scenarios: []contest.ScriptScenario{{MaxVUs: 30_000}}}
	for range 500 {
		each := kube.Capacity{VUs: 1 + random.IntN(5000), Rate: 1 + random.IntN(3000), Least: 1, Most: 16, Within: 1 + random.IntN(6)}
		var past []contest.Carried
		for range random.IntN(40) {
			past = append(past, contest.Carried{
				VUs: random.Float64() * 20_000, Rate: random.Float64() * 20_000, CPU: random.Float64(),
				Short: []contest.Shortage{"", contest.ShortOfMemory, contest.ShortOfPower}[random.IntN(3)],
			})
		}
		got := each.Learn(past)
		require.GreaterOrEqual(t, got.Rate, max(1, each.Rate/each.Within))
		require.LessOrEqual(t, got.Rate, each.Rate*each.Within)
		require.GreaterOrEqual(t, got.VUs, max(1, each.VUs/each.Within))
		require.LessOrEqual(t, got.VUs, each.VUs*each.Within)
		level := contest.Level{Users: 1 + random.IntN(20_000)}
		shape := each.Shape(s, level, past)
		if each.Runners(s, level) <= each.Most {
			require.LessOrEqual(t, shape.Runners, each.Most)
		}
		require.Equal(t, shape, each.Shape(s, level, past))
	}
}
