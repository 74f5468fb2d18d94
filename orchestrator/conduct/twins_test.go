package conduct_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const twins = 8

// Twin jobs of one process, and jobs of processes that were thought dead, do
// each step at once: there is one launch, one evidence, one verdict, one update.
func TestTwins(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]int{"of one process": 1, "of eight processes": twins} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			b.gens.plan = func(contest.Launch, int) outcome { return held }
			b.gens.strangers = lines > 1
			b.teams = []contest.Team{team("a")}
			var all []*conduct.Line
			for range lines {
				line, _ := b.open()
				all = append(all, line)
			}
			round := b.begin(all[0])
			id := b.runs(round, contest.RunLeased)[0].ID
			advance := func(l *conduct.Line) (time.Duration, error) { return l.Advance(t.Context(), id) }
			atOnce(t, all, advance)
			require.Len(t, b.runs(round, contest.RunLaunched), 1)
			close(b.gens.let)
			b.until(func() bool { atOnce(t, all, advance); return len(b.runs(round, contest.RunEnded)) == 1 })
			require.Zero(t, b.count(`leases`))

			b.until(func() bool {
				atOnce(t, all, func(l *conduct.Line) (time.Duration, error) { return l.Collect(t.Context(), round) })
				return len(b.runs(round, contest.RunJudged)) == 1
			})
			if lines == 1 {
				require.EqualValues(t, 9, b.queries.Load(), "twins of one process ask once")
			}
			require.Equal(t, []int{10}, b.gens.launches("a"))
			require.Equal(t, 1, b.count(`evidence`))
			require.Equal(t, 1, b.count(`verdicts`))
			row, ok := b.outbox("a")
			require.True(t, ok)
			require.EqualValues(t, 1, row.Version)
			require.Equal(t, contest.Passed, row.Update.Status)
			b.settled(1)
			require.Equal(t, 1, b.seen.judged)
		})
	}
}

// atOnce has eight goroutines do a step at the same moment.
func atOnce(t *testing.T, lines []*conduct.Line, step func(l *conduct.Line) (time.Duration, error)) {
	t.Helper()
	var ready, done sync.WaitGroup
	ready.Add(twins)
	for i := range twins {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			if _, err := step(lines[i%len(lines)]); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

// until tries again until it is so.
func (b *bench) until(so func() bool) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		require.True(b.t, time.Now().Before(deadline), "it does not come to pass")
		time.Sleep(5 * time.Millisecond)
	}
}

// While a run is at a step, another call does nothing and asks to be called
// again, so that no wake is lost.
func TestTwinWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	looks, looking, look := 0, make(chan struct{}), make(chan struct{})
	preflight := line.Preflight
	line.Preflight = func(ctx context.Context, endpoint string, reset bool) contest.Preflight {
		looks++
		close(looking)
		<-look
		return preflight(ctx, endpoint, reset)
	}
	round := b.begin(line)
	id := b.runs(round, contest.RunLeased)[0].ID
	first := make(chan error)
	go func() { _, err := line.Advance(t.Context(), id); first <- err }()
	<-looking
	again, err := line.Advance(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, b.limits.Poll, again)
	close(look)
	require.NoError(t, <-first)
	require.Equal(t, 1, looks, "nobody resets the target a second time")
	b.drive(line, round)
	b.settled(1)
}

// A step that comes too late finds that the row has moved on, and does nothing:
// at each point the run is taken away while the step is on its way.
func TestStepsThatComeTooLate(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ point, meanwhile string }{
		{"before-prepared", "done"}, {"started", "done"}, {"before-ended", "done"}, {"before-collected", "done"}, {"before-judged", "done"},
		{"before-prepared", "abandoned"}, {"started", "abandoned"}, {"before-ended", "abandoned"},
	} {
		t.Run(row.point+" "+row.meanwhile, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, ladder(1, 10))
			b.teams = []contest.Team{team("a")}
			other, _ := b.open()
			var round contest.RoundID
			var once sync.Once
			b.reached = func(point string) {
				if point != row.point {
					return
				}
				once.Do(func() {
					if row.meanwhile == "done" {
						b.drive(other, round)
					} else {
						require.NoError(t, other.Abandon(t.Context()))
					}
				})
			}
			late, _ := b.open()
			round = b.begin(other)
			b.drive(late, round)
			if row.meanwhile == "abandoned" {
				require.Len(t, b.runs(round, contest.RunPlanned), 1)
				left, err := b.gens.List(t.Context())
				require.NoError(t, err)
				require.Empty(t, left, "the late step's launch is nobody's")
				require.Zero(t, b.count(`leases`))
				require.NoError(t, other.Resume(t.Context()))
				b.drive(other, round)
			}
			require.Equal(t, 1, b.count(`verdicts`))
			require.Equal(t, contest.Passed, b.verdict("a").Status)
			b.settled(1)
		})
	}
}

// A launch that comes to life after its run was taken away is removed.
func TestLaunchOfARunThatWasTakenAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("a")}
	line, _ := b.open()
	line.Launcher = tardy{b.gens, func() { require.NoError(t, line.Abandon(t.Context())) }}
	round := b.begin(line)
	again, err := line.Advance(t.Context(), b.runs(round, contest.RunLeased)[0].ID)
	require.NoError(t, err)
	require.Zero(t, again)
	left, err := b.gens.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	require.Len(t, b.runs(round, contest.RunPlanned), 1)
	line.Launcher = b.gens
	require.NoError(t, line.Resume(t.Context()))
	b.drive(line, round)
	require.Equal(t, []int{10, 10}, b.gens.launches("a"))
	b.settled(1)
}

// tardy is slow to start: something else happens first.
type tardy struct {
	*generators
	first func()
}

func (s tardy) Start(ctx context.Context, l contest.Launch) error {
	s.first()
	return s.generators.Start(ctx, l)
}
