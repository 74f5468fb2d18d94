package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// builtIn is where this process builds hackload.
var builtIn = filepath.Join(os.TempDir(), fmt.Sprintf("hackload-e2e-%d", os.Getpid()))

// binary builds hackload once, with the fail points that crash tests die in,
// and without the race detector: a generator under it is no generator.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builtIn, "hackload")
	out, err := exec.Command("go", "build", "-tags", "failpoint", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build hackload: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(builtIn)
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println("goroutines left behind:", err)
		code = 1
	}
	os.Exit(code)
}

// hackload runs the built program and returns its exit code (-1: killed) with
// what it wrote.
func hackload(t *testing.T, env []string, args ...string) (code int, output string) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run hackload %v: %v\n%s", args, err, out.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// table is what the Hub holds: team and criterion to status.
type table map[string]contest.Status

func readTable(t *testing.T, file string) (table, held) {
	t.Helper()
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	var h held
	require.NoError(t, json.Unmarshal(body, &h))
	got := table{}
	for _, c := range h.Criteria {
		got[string(c.Team.Nickname)+" "+string(c.CriteriaType)] = c.Status
	}
	return got, h
}

// contestTable is what the sample teams must show, P passed, F failed, N no
// data; where either will do (-) it takes what was got.
func contestTable(got table) table {
	columns := []contest.Criterion{
		contest.EventSearch, contest.ArchiveSearch, contest.AuthPerformance, contest.TicketBooking,
		contest.TicketCancellation, contest.DeployedSolution, contest.CodeRepo, contest.BudgetTracking,
	}
	rows := map[string]string{
		"good":     "P P P P P P P P",
		"slow":     "F F F F F P P P",
		"flaky":    "F F F F F - F P",
		"oversold": "P P P F - P F P",
		"leaky":    "P P F P P P P P",
		"down":     "F F F F F F P P",
		"empty":    "N N N N N N N N",
	}
	letters := map[string]contest.Status{"P": contest.Passed, "F": contest.Failed, "N": contest.NoData}
	want := table{}
	for team, row := range rows {
		for i, letter := range strings.Fields(row) {
			cell := team + " " + string(columns[i])
			want[cell] = letters[letter]
			if letter == "-" {
				want[cell] = got[cell]
			}
		}
	}
	return want
}

func TestDevShowsTheContest(t *testing.T) {
	t.Parallel()
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "out.json")
	code, output := hackload(t, nil, "dev", "--once", "--json", file, "--state", state)
	require.Equal(t, exitDone, code, output)
	got, h := readTable(t, file)
	require.Equal(t, contestTable(got), got, output)
	for _, c := range h.Criteria {
		requireHubMetrics(t, c)
	}
	requireNoChild(t, state)
	requireExplained(t, state)
}

// requireHubMetrics checks what the Hub's page reads of a criterion.
func requireHubMetrics(t *testing.T, c heldCriterion) {
	t.Helper()
	where := string(c.Team.Nickname) + " " + string(c.CriteriaType)
	service, err := contest.FindService(string(c.CriteriaType))
	require.NoError(t, err)
	if c.Status == contest.NoData && service.Load() {
		require.Empty(t, c.Metrics, where)
		return
	}
	for _, key := range []string{"confirmationUrl", "confirmationTitle", "confirmationDescription"} {
		require.IsType(t, "", c.Metrics[key], where+" "+key)
	}
	if !service.Load() {
		return
	}
	require.IsType(t, []any{}, c.Metrics["testResults"], where)
	if c.Team.Nickname == "down" {
		return // nothing was measured but that nothing answers
	}
	require.IsType(t, 0.0, c.Metrics["p95"], where)
	require.IsType(t, 0.0, c.Metrics["successRate"], where)
	switch {
	case c.Team.Nickname == "slow" && c.CriteriaType == contest.EventSearch:
		require.InDelta(t, 100, c.Metrics["successRate"], 0.001, where)
		require.GreaterOrEqual(t, c.Metrics["p95"], 2000.0, where)
	case c.Team.Nickname == "oversold" && c.CriteriaType == contest.TicketBooking:
		require.Greater(t, c.Metrics["doubleSoldSeats"], 0.0, where)
	case c.CriteriaType == contest.AuthPerformance:
		require.InDelta(t, 42, c.Metrics["expectedRequests"], 0, where)
		require.InDelta(t, 95, c.Metrics["checksRequired"], 0, where)
	}
}

// requireExplained has every judged run explained, and expects agreement.
func requireExplained(t *testing.T, state string) {
	t.Helper()
	s, err := store.OpenRead(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	requireAllExplained(t, s)
}

// requireAllExplained expects the same of a state that is open.
func requireAllExplained(t *testing.T, s *store.Store) {
	t.Helper()
	runs, err := s.Runs(t.Context(), store.RunFilter{Limit: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, runs)
	for _, r := range runs {
		require.Equal(t, contest.RunJudged, r.State)
		x, err := examine(t.Context(), s, r)
		require.NoError(t, err)
		require.Empty(t, x.problems, r.String())
	}
}

// requireNoChild expects that no process is left that names the directory.
func requireNoChild(t *testing.T, dir string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err != nil || !bytes.Contains(text, []byte(dir)) {
			continue
		}
		t.Errorf("a process is left behind: %s", bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
	}
}

// requireOneContent expects that nothing was published twice with different content.
func requireOneContent(t *testing.T, state string) {
	t.Helper()
	h, err := labhub.Open(filepath.Join(state, "lab", "hub.db"))
	require.NoError(t, err)
	defer h.Close()
	history, err := h.History(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, history)
	content := map[string]string{}
	for _, row := range history {
		key := fmt.Sprint(row.Team, " ", row.Criterion)
		text, err := json.Marshal([]any{row.Status, row.Score, row.Metrics})
		require.NoError(t, err)
		if before, ok := content[key]; ok {
			require.JSONEq(t, before, string(text), key)
		}
		content[key] = string(text)
	}
}

// TestKilledContestEndsTheSame kills a contest without any farewell in each
// state of a run and around each call to the Hub, and starts it again.
func TestKilledContestEndsTheSame(t *testing.T) {
	points := []string{
		"leased", "prepared", "before-prepared", "started", "launched", "before-ended", "ended",
		"before-collected", "collected", "before-judged", "judged", "before-send", "after-send",
	}
	want := table{"good EVENT_SEARCH": contest.Passed, "down EVENT_SEARCH": contest.Failed, "empty EVENT_SEARCH": contest.NoData}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			state, file := t.TempDir(), filepath.Join(t.TempDir(), "out.json")
			args := []string{"dev", "--once", "--json", file, "--state", state, "--teams", "good,down,empty", "--criteria", "EVENT_SEARCH"}
			code, output := hackload(t, []string{"HACKLOAD_FAILPOINT=" + point}, args...)
			require.Equal(t, -1, code, "it was not killed:\n"+output)
			code, output = hackload(t, nil, args...)
			require.Equal(t, exitDone, code, output)
			got, _ := readTable(t, file)
			require.Equal(t, want, got, output)
			requireNoChild(t, state)
			requireOneContent(t, state)
			requireExplained(t, state)
		})
	}
}

func TestTwoProcessesOnOneState(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	code, output := hackload(t, nil, "dev", "--once", "--state", state)
	require.Equal(t, exitTrouble, code, output)
	require.Contains(t, output, "in use by another process")
	require.Contains(t, output, state)
}

func TestInterruptedContestIsTakenUp(t *testing.T) {
	t.Parallel()
	state, file := t.TempDir(), filepath.Join(t.TempDir(), "out.json")
	args := []string{"dev", "--once", "--json", file, "--state", state, "--teams", "good", "--criteria", "EVENT_SEARCH"}
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stderr = &out
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return launched(t, state) }, 5*time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait()
	require.Equal(t, exitTrouble, cmd.ProcessState.ExitCode(), out.String())
	requireNoChild(t, state)
	code, output := hackload(t, nil, args...)
	require.Equal(t, exitDone, code, output)
	got, _ := readTable(t, file)
	require.Equal(t, table{"good EVENT_SEARCH": contest.Passed}, got)
}

// A contest that is taken up with fewer teams leaves the others alone.
func TestContestIsTakenUpWithFewerTeams(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	args := []string{"dev", "--once", "--state", state, "--criteria", "EVENT_SEARCH", "--teams"}
	code, output := hackload(t, []string{"HACKLOAD_FAILPOINT=launched"}, append(args, "good,slow")...)
	require.Equal(t, -1, code, output)
	code, output = hackload(t, nil, append(args, "good")...)
	require.Equal(t, exitDone, code, output)
	runs := judgedRuns(t, state)
	for _, r := range runs {
		if r.Team.Slug == "slow" {
			require.Equal(t, contest.RunCancelled, r.State)
		} else {
			require.Equal(t, contest.RunJudged, r.State)
		}
	}
	require.True(t, slices.ContainsFunc(runs, func(r contest.Run) bool { return r.Team.Slug == "slow" }), "nothing was left behind")
}

// launched reports whether some run of the state is under load.
func launched(t *testing.T, state string) bool {
	s, err := store.OpenRead(t.Context(), state)
	if err != nil {
		return false
	}
	defer s.Close()
	runs, err := s.RunsIn(t.Context(), "", contest.RunLaunched)
	return err == nil && len(runs) > 0
}

func TestExplainNamesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, output := hackload(t, nil, "run", "search", "--target", refusing, "--state", state)
	require.Equal(t, exitFailed, code, output)
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	runs, err := s.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	id := string(runs[0].ID)
	tamper := []struct{ name, sql, names string }{
		{"value", `UPDATE evidence SET doc = replace(doc, '"answered":false', '"answered":true')`, "preflight"},
		{"evidence hash", `UPDATE evidence SET sha256 = 'f00d'`, "evidence"},
		{"part hash", `UPDATE evidence SET parts = replace(parts, '"preflight":"', '"preflight":"0')`, "preflight"},
		{"rule", `UPDATE run_verdicts SET rules = replace(rules, '0.99', '0.5')`, "rules"},
		{"rules hash", `UPDATE run_verdicts SET rules_sha256 = 'f00d'`, "rules"},
		{"verdict", `UPDATE run_verdicts SET doc = replace(doc, '"failed"', '"passed"')`, "verdict"},
		{"verdict hash", `UPDATE run_verdicts SET sha256 = 'f00d'`, "verdict"},
	}
	for _, row := range tamper {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, explain(t.Context(), &out, config.State{Dir: state}, id))
			require.Contains(t, out.String(), "The verdict follows")
			restore := tampered(t, s, row.sql)
			defer restore()
			out.Reset()
			err := explain(t.Context(), &out, config.State{Dir: state}, id)
			var e *exit
			require.ErrorAs(t, err, &e)
			require.Equal(t, exitFailed, e.code)
			_, told, _ := strings.Cut(out.String(), "NOT AS WRITTEN")
			require.Contains(t, told, row.names)
		})
	}
}

// tampered changes the database by hand and returns what puts it back.
func tampered(t *testing.T, s *store.Store, change string) (restore func()) {
	t.Helper()
	for _, name := range []string{"evidence", "run_verdicts"} {
		_, err := s.DB().Exec("CREATE TABLE kept_" + name + " AS SELECT * FROM " + name)
		require.NoError(t, err)
	}
	res, err := s.DB().Exec(change)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.Positive(t, n)
	return func() {
		for _, name := range []string{"evidence", "run_verdicts"} {
			for _, sql := range []string{"DELETE FROM " + name, "INSERT INTO " + name + " SELECT * FROM kept_" + name, "DROP TABLE kept_" + name} {
				_, err := s.DB().Exec(sql)
				require.NoError(t, err)
			}
		}
	}
}
