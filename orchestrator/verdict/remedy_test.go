package verdict

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const gi = int64(1 << 30)

// tried is a judged run that had a shape.
func tried(levelNo, runners int, memory int64, short contest.Shortage) RunResult {
	r := RunResult{Run: contest.Run{LevelNo: levelNo}}
	r.Evidence.Launch.Shape = &contest.Shape{Runners: runners, Memory: memory, MostRunners: 8, MostMemory: 4 * gi}
	r.Verdict.Outcome = contest.OutcomePassed
	switch short {
	case contest.ShortOfMemory:
		r.Evidence.Launch.Short, r.Evidence.Launch.Trouble = short, "generator 2 of 4 was OOM-killed after 41 s; memory limit 1Gi"
		r.Verdict.Outcome = contest.OutcomeInvalid
	case contest.ShortOfPower:
		r.Evidence.Counts = []contest.Count{{Name: "http_reqs", Value: 10}}
		r.Verdict = contest.RunVerdict{Outcome: contest.OutcomeInvalid, Findings: []contest.Finding{{Rule: ruleDelivered, Outcome: contest.OutcomeInvalid}}}
	}
	return r
}

func TestRemedy(t *testing.T) {
	t.Parallel()
	killed := tried(0, 4, gi, "")
	killed.Verdict.Outcome, killed.Evidence.Launch.Trouble = contest.OutcomeInvalid, "generator 1 of 4 was killed after 4 s"
	for _, row := range []struct {
		name   string
		base   contest.Shape
		level  int
		done   []RunResult
		want   string
		remedy string
	}{
		{"nothing was tried", contest.Shape{Runners: 4, Memory: gi}, 0, nil, "4 runners of 1Gi", ""},
		{"it went well", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 4, gi, "")}, "4 runners of 1Gi", ""},
		{"another reason", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{killed}, "4 runners of 1Gi", ""},
		{"memory", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 4, gi, contest.ShortOfMemory)}, "4 runners of 2Gi",
			"Tried again with 4 runners of 2Gi in place of 4 runners of 1Gi, because generator 2 of 4 was OOM-killed after 41 s; memory limit 1Gi."},
		{"memory up to its bound", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 4, 3*gi, contest.ShortOfMemory)}, "4 runners of 4Gi",
			"Tried again with 4 runners of 4Gi in place of 4 runners of 3Gi, because generator 2 of 4 was OOM-killed after 41 s; memory limit 1Gi."},
		{"memory at its bound", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 4, 4*gi, contest.ShortOfMemory)}, "6 runners of 4Gi",
			"Tried again with 6 runners of 4Gi in place of 4 runners of 4Gi, because generator 2 of 4 was OOM-killed after 41 s; memory limit 1Gi."},
		{"memory that is not bounded", contest.Shape{Runners: 4}, 0, []RunResult{tried(0, 4, 0, contest.ShortOfMemory)}, "6 runners",
			"Tried again with 6 runners in place of 4 runners, because generator 2 of 4 was OOM-killed after 41 s; memory limit 1Gi."},
		{"power", contest.Shape{Runners: 1, Memory: gi}, 0, []RunResult{tried(0, 1, gi, contest.ShortOfPower)}, "2 runners of 1Gi",
			"Tried again with 2 runners of 1Gi in place of 1 runner of 1Gi, because the load generators could not keep up."},
		{"power up to its bound", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 7, gi, contest.ShortOfPower)}, "8 runners of 1Gi",
			"Tried again with 8 runners of 1Gi in place of 7 runners of 1Gi, because the load generators could not keep up."},
		{"power at its bound", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 8, gi, contest.ShortOfPower)}, "8 runners of 1Gi", ""},
		{"a remedy is kept", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 4, gi, contest.ShortOfMemory), tried(0, 6, 2*gi, "")}, "6 runners of 2Gi", ""},
		{"the next level keeps the memory", contest.Shape{Runners: 2, Memory: gi}, 1, []RunResult{tried(0, 6, 2*gi, "")}, "2 runners of 2Gi", ""},
		{"what is configured grew meanwhile", contest.Shape{Runners: 5, Memory: 2 * gi}, 0, []RunResult{tried(0, 4, gi, "")}, "5 runners of 2Gi", ""},
		{"bounds were lowered meanwhile", contest.Shape{Runners: 4, Memory: gi}, 0, []RunResult{tried(0, 12, 9*gi, "")}, "8 runners of 4Gi", ""},
		{"more than there may be", contest.Shape{Runners: 12, Memory: gi}, 0, []RunResult{tried(0, 12, gi, contest.ShortOfPower)}, "12 runners of 1Gi", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.base.MostRunners, row.base.MostMemory = 8, 4*row.base.Memory
			if row.base.Memory > gi {
				row.base.MostMemory = 4 * gi
			}
			got := Remedy(row.base, row.level, row.done)
			require.Equal(t, row.want, got.String())
			require.Equal(t, row.remedy, got.Remedy)
			require.Equal(t, got, Remedy(row.base, row.level, row.done), "the same again")
		})
	}
}

// However often it fails and for whatever reasons, a shape only grows, never
// beyond its bounds, and comes to rest.
func TestRemediesComeToAnEnd(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		base := contest.Shape{Runners: 1 + random.IntN(9), Memory: int64(random.IntN(5)) << 28, MostRunners: 1 + random.IntN(40)}
		if base.Memory > 0 {
			base.MostMemory = base.Memory * int64(1+random.IntN(9))
		}
		var done []RunResult
		last, rested := base, 0
		for n := 0; rested < 20; n++ {
			require.Less(t, n, 100, "%+v", base)
			next := Remedy(base, 0, done)
			require.GreaterOrEqual(t, next.Runners, last.Runners)
			require.GreaterOrEqual(t, next.Memory, last.Memory)
			require.LessOrEqual(t, next.Runners, max(base.Runners, base.MostRunners))
			require.LessOrEqual(t, next.Memory, base.MostMemory)
			if next.Runners == last.Runners && next.Memory == last.Memory {
				rested++
				require.Empty(t, next.Remedy, fmt.Sprint(n))
			} else {
				rested = 0
			}
			last = next
			r := tried(0, next.Runners, next.Memory, []contest.Shortage{contest.ShortOfMemory, contest.ShortOfPower}[random.IntN(2)])
			r.Evidence.Launch.Shape = &next
			done = append(done, r)
		}
	}
}
