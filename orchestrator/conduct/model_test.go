package conduct_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// storm does the line's steps in a random order, many at once, on random runs,
// with outages, steps that are cut off and processes that are followed by
// others in between.
type storm struct {
	*bench
	seed  uint64
	hands uint64       // that there have been
	world sync.RWMutex // held for writing while one process ends and the next begins
	line  *conduct.Line
}

// Whatever happens in whatever order: once it is over, every climb has exactly
// one verdict and what the Hub is told is the newest that may be published.
// Never are two loads on one target, and no target is reset under load.
func TestAnyOrderOfSteps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := &storm{bench: newBench(t, ladder(1, 10, 20)), seed: seed}
			s.limits.Targets, s.limits.Retries, s.limits.CollectAfter = 3, 1, 0
			s.gens.plan = s.outcome
			s.teams = []contest.Team{team("a"), team("b"), with(team("c"), "http://a.example.org/c"), team("down"), with(team("e"), "")}
			s.line, _ = s.open()
			for range 2 {
				s.blow()
				s.calm()
			}
			s.requireWhole()
		})
	}
}

// blow lets four hands do steps for a while.
func (s *storm) blow() {
	var hands sync.WaitGroup
	for range 4 {
		s.hands++
		random := rand.New(rand.NewPCG(s.seed, s.hands))
		hands.Go(func() {
			for range 30 {
				s.step(random)
				time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // generators work meanwhile
			}
		})
	}
	hands.Wait()
}

// outcome is random, but the same for the same launch of a team and level.
func (s *storm) outcome(l contest.Launch, nth int) outcome {
	h := fnv.New64a()
	fmt.Fprint(h, s.seed, l.Team, l.Scenario, l.Level.Users, nth)
	return []outcome{pass, pass, pass, pass, failing, silent, trouble, gone, refused}[h.Sum64()%9]
}

func (s *storm) step(random *rand.Rand) {
	if random.IntN(25) == 0 {
		s.follow(random)
		return
	}
	s.world.RLock()
	defer s.world.RUnlock()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	switch random.IntN(12) {
	case 0:
		service := []contest.ServiceKey{contest.SearchTesting, contest.ArchiveTesting}[random.IntN(2)]
		_, err := s.line.Begin(ctx, service)
		s.fine(err, conduct.ErrRoundOpen)
	case 1:
		s.broken.Store(random.IntN(3) == 0)
	case 2:
		cut, end := context.WithTimeout(ctx, time.Duration(random.IntN(10_000))*time.Microsecond)
		defer end()
		s.do(cut, random)
	default:
		s.do(ctx, random)
	}
}

// do takes a random run a step on, whether its turn has come or not.
func (s *storm) do(ctx context.Context, random *rand.Rand) {
	runs, err := s.store.RunsIn(s.t.Context(), "", contest.RunLeased, contest.RunPrepared,
		contest.RunLaunched, contest.RunEnded, contest.RunCollected)
	s.fine(err)
	if len(runs) == 0 {
		return
	}
	r := runs[random.IntN(len(runs))]
	if random.IntN(3) == 0 {
		_, err = s.line.Collect(ctx, r.Round)
	} else {
		_, err = s.line.Advance(ctx, r.ID)
	}
	if ctx.Err() == nil && !s.broken.Load() {
		s.fine(err, errAway)
	}
}

func (s *storm) fine(err error, expected ...error) {
	for _, e := range expected {
		if errors.Is(err, e) {
			return
		}
	}
	if err != nil {
		s.t.Error(err)
	}
}

// follow ends the process and begins the next one, which adopts the load or
// measures anew.
func (s *storm) follow(random *rand.Rand) {
	s.world.Lock()
	defer s.world.Unlock()
	if random.IntN(2) == 0 {
		s.fine(s.line.Abandon(s.t.Context()))
	}
	s.line, _ = s.open()
	s.fine(s.line.Resume(s.t.Context()))
}

// calm lets everything come to its end, in a process of its own.
func (s *storm) calm() {
	s.broken.Store(false)
	s.line, _ = s.open()
	require.NoError(s.t, s.line.Resume(s.t.Context()))
	s.until(func() bool {
		open := map[contest.RoundID]bool{}
		for _, r := range s.runs("", contest.RunPlanned, contest.RunLeased, contest.RunPrepared, contest.RunLaunched, contest.RunEnded, contest.RunCollected) {
			open[r.Round] = true
		}
		for round := range open {
			s.drive(s.line, round)
		}
		return len(open) == 0
	})
}

// requireWhole checks what must hold of all that was ever decided.
func (s *storm) requireWhole() {
	s.t.Helper()
	s.atRest()
	teams := len(s.teams)
	require.Positive(s.t, s.count(`rounds`))
	require.Equal(s.t, teams*s.count(`rounds`), s.count(`verdicts`), "one verdict for each team and round")
	require.Zero(s.t, s.count(`(SELECT 1 FROM verdicts GROUP BY round_id, slug HAVING count(*) > 1)`))
	require.Zero(s.t, s.count(`verdicts WHERE NOT published AND NOT coalesce(json_extract(doc, '$.invalid'), 0)`), "what was measured is told")
	require.Zero(s.t, s.count(`verdicts v WHERE published AND json_extract(doc, '$.invalid') AND EXISTS (
		SELECT 1 FROM verdicts e WHERE e.slug = v.slug AND e.criterion = v.criterion AND e.rowid < v.rowid)`), "what was not measured overwrites nothing")
	require.Equal(s.t, s.count(`(SELECT 1 FROM verdicts GROUP BY slug, criterion)`), s.count(`outbox`))
	require.Zero(s.t, s.count(`outbox o JOIN verdicts v ON v.slug = o.slug AND v.criterion = o.criterion
		AND v.rowid = (SELECT max(rowid) FROM verdicts p WHERE p.slug = o.slug AND p.criterion = o.criterion AND p.published)
		WHERE json_extract(o.doc, '$.status') <> json_extract(v.doc, '$.status') OR json_extract(o.doc, '$.score') <> json_extract(v.doc, '$.score')`),
		"the Hub is told the newest verdict that may be published")
	require.LessOrEqual(s.t, s.gens.most, s.limits.Targets)
	s.requireLadders()
	s.t.Logf("%d rounds, %d launches, %d runs", s.count(`rounds`), len(s.gens.history), s.count(`runs`))
}

// requireLadders checks that no run was made beyond what the ladder asks for.
func (s *storm) requireLadders() {
	s.t.Helper()
	passed := map[contest.ClimbID]map[int]int{}
	byClimb := map[contest.ClimbID][]store.Run{}
	for _, r := range s.runs("", contest.RunJudged) {
		byClimb[r.Climb] = append(byClimb[r.Climb], r)
		if passed[r.Climb] == nil {
			passed[r.Climb] = map[int]int{}
		}
		if r.Outcome == contest.OutcomePassed {
			passed[r.Climb][r.LevelNo]++
		}
	}
	for id, runs := range byClimb {
		for _, r := range runs {
			require.LessOrEqual(s.t, r.Retry, s.limits.Retries)
			require.Zero(s.t, r.Repeat)
			if r.LevelNo > 0 {
				require.Equal(s.t, 1, passed[id][r.LevelNo-1], "a level is tried only after the one below it passed")
			}
		}
	}
}
