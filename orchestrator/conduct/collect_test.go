package conduct_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// While the metric store does not answer, runs stay ended with their targets
// free; what was measured is collected once it does.
func TestMetricStoreIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a"), team("b")}
	line, _ := b.open()
	round := b.begin(line)
	b.advance(line, round)
	b.broken.Store(true)
	for range 3 {
		again, err := line.Collect(t.Context(), round)
		require.ErrorContains(t, err, "connection refused")
		require.Zero(t, again, "the back-off decides")
	}
	require.Len(t, b.runs(round, contest.RunEnded), 2)
	require.Zero(t, b.count(`evidence`)+b.count(`verdicts`)+b.count(`outbox`)+b.count(`leases`))
	b.broken.Store(false)
	b.drive(line, round)
	require.Equal(t, contest.Passed, b.verdict("a").Status)
	require.Equal(t, contest.Passed, b.verdict("b").Status)
	b.settled(1)
}

// A launch whose status cannot be had stays launched, and nothing is lost.
func TestLauncherIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	line.Launcher = blind{b.gens}
	round := b.begin(line)
	id := b.runs(round, contest.RunLeased)[0].ID
	for range 3 {
		_, err := line.Advance(t.Context(), id)
		require.ErrorContains(t, err, "no answer")
	}
	require.Len(t, b.runs(round, contest.RunLaunched), 1)
	line.Launcher = b.gens
	b.drive(line, round)
	require.Equal(t, []int{10}, b.gens.launches("a"))
	b.settled(1)
}

// blind cannot see its launches.
type blind struct{ conduct.Launcher }

func (blind) Status(context.Context, contest.TestID) (contest.LaunchStatus, error) {
	return contest.LaunchStatus{}, errors.New("no answer")
}

// Evidence, verdict and update are written together or not at all, whichever of
// the writes fails.
func TestVerdictIsWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"evidence", "run_verdicts", "verdicts", "outbox"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			b.teams = []contest.Team{team("a")}
			line, _ := b.open()
			round := b.begin(line)
			b.advance(line, round)
			b.exec(`CREATE TRIGGER refuse BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'no room'); END`)
			_, err := line.Collect(t.Context(), round)
			require.ErrorContains(t, err, "no room")
			require.Zero(t, b.count(`evidence`)+b.count(`run_verdicts`)+b.count(`verdicts`)+b.count(`outbox`))
			require.Len(t, b.runs(round, contest.RunCollected), 1)
			require.Zero(t, b.seen.roundsEnded(), "nobody is told of what was not committed")
			require.Zero(t, b.seen.judged)

			asked := b.queries.Load()
			b.exec(`DROP TRIGGER refuse`)
			b.drive(line, round)
			require.Equal(t, asked, b.queries.Load(), "what was collected is not asked for again")
			require.Equal(t, contest.Passed, b.verdict("a").Status)
			b.settled(1)
		})
	}
}

// A run that cannot be judged is told of by its name and holds up no other, not
// even those that end later.
func TestPoisonRunHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10, 20))
	b.teams = []contest.Team{team("a"), team("b"), team("c")}
	line, _ := b.open()
	round := b.begin(line)
	b.advance(line, round)
	poison := b.runs(round, contest.RunEnded)[0]
	b.exec(`UPDATE runs SET doc = json_set(doc, '$.rules', json('["no rules"]')) WHERE id = ?`, poison.ID)
	for range 4 {
		_, err := line.Collect(t.Context(), round)
		require.ErrorContains(t, err, string(poison.ID))
		b.advance(line, round)
	}
	require.Equal(t, contest.Passed, b.verdict("b").Status)
	require.Equal(t, contest.Passed, b.verdict("c").Status)
	require.Equal(t, poison.ID, b.runs(round, contest.RunCollected)[0].ID)

	b.exec(`UPDATE runs SET doc = json_set(doc, '$.rules', json(?)) WHERE id = ?`, string(poison.Rules), poison.ID)
	b.drive(line, round)
	require.Equal(t, contest.Passed, b.verdict("a").Status)
	b.settled(1)
}

// Collection waits for the runs that are under way, but not for ever.
func TestCollectionWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.gens.plan = func(l contest.Launch, _ int) outcome {
		if l.Team == "slow" {
			return held
		}
		return pass
	}
	b.teams = []contest.Team{team("quick"), team("slow")}
	line, _ := b.open()
	round := b.begin(line)
	b.until(func() bool {
		for _, r := range b.runs(round, contest.RunLeased, contest.RunPrepared, contest.RunLaunched) {
			_, err := line.Advance(t.Context(), r.ID)
			require.NoError(t, err)
		}
		return len(b.runs(round, contest.RunEnded)) == 1
	})
	again, err := line.Collect(t.Context(), round)
	require.NoError(t, err)
	require.Equal(t, b.limits.Poll, again)
	require.Zero(t, b.queries.Load())

	ended := b.runs(round, contest.RunEnded)[0]
	long := ended.EndedAt.Add(-b.limits.CollectAfter - time.Minute)
	doc, err := json.Marshal(long)
	require.NoError(t, err)
	b.exec(`UPDATE runs SET doc = json_set(doc, '$.endedAt', json(?)) WHERE id = ?`, string(doc), ended.ID)
	again, err = line.Collect(t.Context(), round)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Equal(t, contest.Passed, b.verdict("quick").Status)
	close(b.gens.let)
	b.drive(line, round)
	require.Equal(t, contest.Passed, b.verdict("slow").Status)
	b.settled(1)
}

// What fails in our own state while a run is being prepared is no finding on
// the team: the step is done again.
func TestOwnTroubleIsNoVerdict(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	round := b.begin(line)
	id := b.runs(round, contest.RunLeased)[0].ID
	b.exec(`ALTER TABLE climbs RENAME TO elsewhere`)
	_, err := line.Advance(t.Context(), id)
	require.ErrorContains(t, err, "no such table")
	require.Len(t, b.runs(round, contest.RunLeased), 1)
	b.exec(`ALTER TABLE elsewhere RENAME TO climbs`)

	stopped, cancel := context.WithCancel(t.Context())
	line.Preflight = func(context.Context, string, bool) contest.Preflight {
		cancel()
		return contest.Preflight{Error: "context canceled"}
	}
	_, err = line.Advance(stopped, id)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, b.runs(round, contest.RunLeased), 1, "a stop of ours is not the service's silence")
	line.Preflight = b.gens.preflight
	b.drive(line, round)
	require.Equal(t, contest.Passed, b.verdict("a").Status)
	b.settled(1)
}

// A target that holds up the preflight for as long as it may leaves the step
// the time to end the run.
func TestPreflightLeavesTimeForTheRest(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("tarpit")}
	line, _ := b.open()
	round := b.begin(line)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	line.Preflight = func(ctx context.Context, _ string, _ bool) contest.Preflight {
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.Less(t, time.Until(deadline), 50*time.Minute)
		require.Greater(t, time.Until(deadline), 30*time.Minute)
		return contest.Preflight{Error: "no answer within 45m"}
	}
	_, err := line.Advance(ctx, b.runs(round, contest.RunLeased)[0].ID)
	require.NoError(t, err)
	b.drive(line, round)
	require.Equal(t, contest.Failed, b.verdict("tarpit").Status)
	b.atRest()
}

// How a run went over time is in its evidence where it can be had, and holds up
// no verdict where it cannot.
func TestCourseHoldsUpNoVerdict(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{"told": nil, "not told": errAway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			b.teams = []contest.Team{team("a")}
			line, _ := b.open()
			round := b.begin(line)
			b.advance(line, round)
			run := b.runs(round, contest.RunEnded)[0]
			line.Ranged = func(ctx context.Context, _ string, _, to time.Time, _ time.Duration) ([]contest.Series, error) {
				_, bounded := ctx.Deadline()
				require.True(t, bounded)
				return []contest.Series{{Labels: map[string]string{"testid": string(run.TestID)}, Points: []contest.Point{{At: to, Value: 7}}}}, broken
			}
			b.drive(line, round)
			require.Equal(t, contest.Passed, b.verdict("a").Status)
			sealed, err := b.store.Evidence(t.Context(), run.ID)
			require.NoError(t, err)
			var e contest.Evidence
			require.NoError(t, json.Unmarshal(sealed.JSON, &e))
			if broken != nil {
				require.Nil(t, e.Course)
				return
			}
			require.Len(t, e.Course.Points, 1)
			require.Equal(t, 7.0, e.Course.Points[0].VUs)
		})
	}
}
