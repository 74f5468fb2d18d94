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
func (i instant) killed(t *testing.T, file string) bool {
	t.Helper()
	if i.point != "" {
		code, output := hackload(t, []string{fmt.Sprintf("HACKLOAD_FAILPOINT=%s:%d", i.point, i.nth)}, "serve", "--once", "--config", file)
		require.Equal(t, -1, code, "it was not killed:\n"+output)
		return true
	}
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, "serve", "--once", "--config", file)
	require.NoError(t, cmd.Start())
	kill := time.AfterFunc(i.after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer kill.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode() == -1
}

// crash kills a contest at an instant, takes it up again, and holds what is left
// against what was promised.
func crash(t *testing.T, i instant) (diedIn string) {
	o, state := standUp(t), t.TempDir()
	seedCrashTeams(t, o)
	file := o.config(t, state)
	died := i.killed(t, file)
	states := "over before"
	if died {
		states = statesOf(t, state)
	}
	code, output := hackload(t, nil, "serve", "--once", "--config", file)
	require.Equal(t, exitDone, code, output)
	requireNoChild(t, state)
	requireExplained(t, state)
	requireToldOnce(t, o.hub)
	return states
}

// statesOf says in which states the runs of a dead process are: "2 launched, 1 planned".
func statesOf(t *testing.T, state string) string {
	t.Helper()
	s, err := store.OpenRead(t.Context(), state)
	if err != nil {
		return "no database yet"
	}
	defer s.Close()
	runs, err := s.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	if len(runs) == 0 {
		return "no run yet"
	}
	counts := map[contest.RunState]int{}
	for _, r := range runs {
		counts[r.State]++
	}
	var words []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[state], state))
	}
	return strings.Join(words, ", ")
}

// requireToldOnce expects that the Hub holds each team's verdict, and was told of
// it once, or in the same words again.
func requireToldOnce(t *testing.T, h *labhub.Hub) {
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
}

// TestCrashMatrix kills a contest at more than two hundred instants, ten and more
// in each state of a run and around each call to the Hub. CHAOS_SEED chooses
// others, CHAOS_TIMES how many of each (16).
func TestCrashMatrix(t *testing.T) {
	seed, times := crashEnv(t, "CHAOS_SEED", 1), crashEnv(t, "CHAOS_TIMES", 16)
	var mu sync.Mutex
	table := map[string]map[string]int{}
	t.Run("killed", func(t *testing.T) {
		for n, i := range instants(seed, int(times)) {
			t.Run(fmt.Sprintf("%03d %s", n, i), func(t *testing.T) {
				t.Parallel()
				states := crash(t, i)
				mu.Lock()
				defer mu.Unlock()
				row := i.point
				if row == "" {
					row = "any moment"
				}
				if table[row] == nil {
					table[row] = map[string]int{}
				}
				table[row][states]++
			})
		}
	})
	var total int
	for _, row := range slices.Sorted(maps.Keys(table)) {
		n := 0
		for _, times := range table[row] {
			n += times
		}
		total += n
		t.Logf("%-17s %3d  %v", row, n, table[row])
	}
	t.Logf("CHAOS_SEED=%d: killed at %d instants", seed, total)
}
