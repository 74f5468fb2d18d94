//go:build chaos

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// crashTeams are the teams of a contest that is killed, with what the Hub must
// hold of each in the end. An empty kind is a service that refuses connections.
var crashTeams = map[contest.Slug]struct {
	kind biletter.Kind
	want contest.Status
}{
	"good": {biletter.Good, contest.Passed}, // standUp has it
	"slow": {biletter.Slow, contest.Failed},
	"down": {"", contest.Failed},
}

// instant is when a process is killed: as it comes to a point for the n-th time,
// or so long after its start.
type instant struct {
	point string
	nth   int
	after time.Duration
}

func (i instant) String() string {
	if i.point == "" {
		return fmt.Sprintf("after %d ms", i.after.Milliseconds())
	}
	return fmt.Sprintf("%s:%d", i.point, i.nth)
}

// instants are the moments of a crash matrix: each point of a run's way and of
// a flush so many times, and as many again at moments that nobody chose.
func instants(seed uint64, times int) []instant {
	points := []struct {
		name string
		met  int // how often at least, in a contest of these teams
	}{
		// Nothing is launched at the team whose service is down. How many flushes
		// there are is not known.
		{"leased", 3}, {"prepared", 2}, {"before-prepared", 2}, {"started", 2}, {"launched", 2},
		{"before-ended", 2}, {"ended", 3}, {"before-collected", 3}, {"collected", 3},
		{"before-judged", 3}, {"judged", 3}, {"before-send", 1}, {"after-send", 1},
	}
	random := rand.New(rand.NewPCG(seed, 0))
	var all []instant
	for _, p := range points {
		for range times {
			all = append(all, instant{point: p.name, nth: 1 + random.IntN(p.met)})
		}
	}
	for range len(points) * times / 4 {
		all = append(all, instant{after: time.Duration(random.IntN(12000)) * time.Millisecond})
	}
	return all
}

func crashEnv(t *testing.T, name string, fallback uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// seedCrashTeams adds the other teams to a Hub that knows the good one.
func seedCrashTeams(t *testing.T, o *outside) {
	t.Helper()
	for slug, team := range crashTeams {
		endpoint := refusing
		if slug == "good" {
			continue
		}
		if team.kind != "" {
			endpoint = serveSample(t, team.kind)
		}
		o.join(t, string(slug), endpoint)
	}
}

// killed starts serve and kills it at the instant. It reports whether it lived
// long enough to be killed; a contest that was over before is one that ended.
func (i instant) killed(t *testing.T, env []string, file string) bool {
	t.Helper()
	if i.point != "" {
		code, output := hackload(t, append(env, fmt.Sprintf("HACKLOAD_FAILPOINT=%s:%d", i.point, i.nth)), "serve", "--once", "--config", file)
		require.Equal(t, -1, code, "it was not killed:\n"+output)
		return true
	}
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, "serve", "--once", "--config", file)
	cmd.Env = append(os.Environ(), env...)
	require.NoError(t, cmd.Start())
	kill := time.AfterFunc(i.after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer kill.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode() == -1
}

// crash kills a contest at an instant, takes it up again, and holds what is left
// against what was promised.
func (f crashForm) crash(t *testing.T, i instant) (found casualty) {
	o, where := standUp(t), f.place(t)
	seedCrashTeams(t, o)
	file := o.config(t, where.dir)
	found.words = "over before"
	if i.killed(t, where.environ, file) {
		found = where.look(t)
	}
	code, output := hackload(t, where.environ, "serve", "--once", "--config", file)
	require.Equal(t, exitDone, code, output)
	requireNoChild(t, where.dir)
	s, err := where.open(t)
	require.NoError(t, err)
	defer s.Close()
	requireAllExplained(t, s)
	requireAdopted(t, s, found.runs)
	found.again = requireToldOnce(t, o.hub)
	return found
}

// casualty is what a killed contest had left: its runs at that moment, in words
// ("2 launched, 1 planned"), and how often the Hub was told the same again.
type casualty struct {
	runs  []contest.Run
	words string
	again int
}

// look says what a dead process has left.
func (p crashPlace) look(t *testing.T) casualty {
	t.Helper()
	s, err := p.open(t)
	if err != nil {
		return casualty{words: "no database yet"}
	}
	defer s.Close()
	runs, err := s.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	if len(runs) == 0 {
		return casualty{words: "no run yet"}
	}
	counts := map[contest.RunState]int{}
	for _, r := range runs {
		counts[r.State]++
	}
	var words []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[state], state))
	}
	return casualty{runs: runs, words: strings.Join(words, ", ")}
}

// requireAdopted expects that the load that was under way when the process died
// went on under its own name, instead of being put on the team a second time.
func requireAdopted(t *testing.T, s *store.Store, before []contest.Run) {
	t.Helper()
	for _, r := range before {
		if r.State != contest.RunLaunched {
			continue
		}
		after, err := s.Run(t.Context(), string(r.ID))
		require.NoError(t, err)
		require.Equal(t, r.TestID, after.TestID, "a run under load was begun again")
		require.Equal(t, r.Attempt, after.Attempt, "a run under load was begun again")
	}
}

// requireToldOnce expects that the Hub holds each team's verdict, and was told of
// it once, or in the same words again: it returns how often the latter.
func requireToldOnce(t *testing.T, h *labhub.Hub) (again int) {
	t.Helper()
	history, err := h.History(t.Context())
	require.NoError(t, err)
	content := map[contest.Slug]string{}
	for _, row := range history {
		require.Equal(t, crashTeams[row.Team].want, row.Status, row.Team)
		text, err := json.Marshal([]any{row.Status, row.Score, row.Metrics})
		require.NoError(t, err)
		if before, ok := content[row.Team]; ok {
			require.JSONEq(t, before, string(text), row.Team)
		}
		content[row.Team] = string(text)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(crashTeams)), slices.Collect(maps.Keys(content)))
	return len(history) - len(content)
}

// tally is a table of instants: what was left of the contests that were killed
// there, and in which states their runs were.
type tally struct {
	mu     sync.Mutex
	rows   map[string]map[string]int // point to what was left to how often
	states map[contest.RunState]int
	again  int
}

func (a *tally) enter(i instant, c casualty) {
	a.mu.Lock()
	defer a.mu.Unlock()
	row := i.point
	if row == "" {
		row = "any moment"
	}
	if a.rows[row] == nil {
		a.rows[row] = map[string]int{}
	}
	a.rows[row][c.words]++
	a.again += c.again
	in := map[contest.RunState]bool{}
	for _, r := range c.runs {
		in[r.State] = true
	}
	for state := range in {
		a.states[state]++
	}
}

// print logs the table and returns how many instants it holds.
func (a *tally) print(t *testing.T) (total int) {
	t.Helper()
	for _, row := range slices.Sorted(maps.Keys(a.rows)) {
		n := 0
		for _, times := range a.rows[row] {
			n += times
		}
		total += n
		t.Logf("%-17s %3d  %v", row, n, a.rows[row])
	}
	t.Logf("instants with a run in the state: %v; the Hub was told %d updates again, in the same words", a.states, a.again)
	return total
}

// TestCrashMatrix kills a contest at more than two hundred instants, ten and more
// in each state of a run and around each call to the Hub. CHAOS_SEED chooses
// others, CHAOS_TIMES how many of each (16); CHAOS_STATE and CHAOS_METRICS say
// where state and metrics are.
func TestCrashMatrix(t *testing.T) {
	seed, times := crashEnv(t, "CHAOS_SEED", 1), int(crashEnv(t, "CHAOS_TIMES", 16))
	f := openCrashForm(t)
	table := tally{rows: map[string]map[string]int{}, states: map[contest.RunState]int{}}
	held := t.Run("killed", func(t *testing.T) {
		for n, i := range instants(seed, times) {
			t.Run(fmt.Sprintf("%03d %s", n, i), func(t *testing.T) {
				t.Parallel()
				table.enter(i, f.crash(t, i))
			})
		}
	})
	total := table.print(t)
	t.Logf("CHAOS_SEED=%d, %s: killed at %d instants", seed, f, total)
	if !held {
		return
	}
	for _, state := range []contest.RunState{
		contest.RunPlanned, contest.RunLeased, contest.RunPrepared, contest.RunLaunched, contest.RunEnded, contest.RunCollected, contest.RunJudged,
	} {
		require.GreaterOrEqual(t, table.states[state], times, "too few died with a run that was %s", state)
	}
}
