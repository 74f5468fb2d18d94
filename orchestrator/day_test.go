//go:build day

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// day is a contest's day that is played in less time: every interval of the seed
// document is shorter by the same factor. Load is small, and takes the time it
// takes, so load rounds that are due while one is under way are skipped, as ever.
type day struct {
	teams, targets int // in all, under load at once
	takes          time.Duration
}

func (d day) every(interval time.Duration) string {
	shorter := time.Duration(float64(interval) * d.takes.Hours() / 24)
	return "@every " + max(time.Second, shorter.Round(time.Second)).String()
}

func dayFromEnv(t *testing.T) day {
	t.Helper()
	d := day{teams: 200, targets: 6, takes: 30 * time.Minute}
	var err error
	if text := os.Getenv("DAY_TARGETS"); text != "" {
		d.targets, err = strconv.Atoi(text)
		require.NoError(t, err, "DAY_TARGETS")
	}
	if text := os.Getenv("DAY"); text != "" {
		d.takes, err = time.ParseDuration(text)
		require.NoError(t, err, "DAY")
	}
	if text := os.Getenv("DAY_TEAMS"); text != "" {
		d.teams, err = strconv.Atoi(text)
		require.NoError(t, err, "DAY_TEAMS")
	}
	return d
}

// TestDay plays a day of a contest within the seed document's limits, and holds
// what the orchestrator uses of the machine against what is promised.
func TestDay(t *testing.T) {
	d := dayFromEnv(t)
	hub := d.standUp(t)
	state := t.TempDir()
	pages, metrics := freePort(t), freePort(t)
	file := d.config(t, hub, state, pages, metrics)
	limits := openLimits(t)
	t.Logf("%d teams, a day in %s; %s", d.teams, d.takes, limits)
	serving := startWithin(t, limits, buildPlain(t), file)

	w := &overseer{pid: serving.Process.Pid, limits: limits, state: state, pages: pages, metrics: metrics, hub: hub}
	t.Log(heading)
	for begun, told := time.Now(), 0; time.Since(begun) < d.takes; time.Sleep(5 * time.Second) {
		s, err := w.sample(time.Since(begun))
		require.NoError(t, err)
		if minute := int(time.Since(begun).Minutes()); minute >= told {
			t.Log(s)
			told = minute + 1
		}
	}
	require.NoError(t, serving.Process.Signal(syscall.SIGTERM))
	require.NoError(t, serving.Wait(), "it did not end cleanly")
	limits.close()
	w.decide(t, d)
}

// dayHub is the Hub with a count of what it was told.
type dayHub struct {
	*labhub.Hub
	key, at, github string

	mu      sync.Mutex
	calls   int // that tell of criteria
	updates int // in them
	largest int
}

// count counts the updates of a bulk on their way to the Hub.
func (h *dayHub) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, "", http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.note(body)
		}
		next.ServeHTTP(w, r)
	})
}

func (h *dayHub) note(body []byte) {
	var bulk struct{ Updates []json.RawMessage }
	n := 1 // a single one
	if json.Unmarshal(body, &bulk) == nil && bulk.Updates != nil {
		n = len(bulk.Updates)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls, h.updates, h.largest = h.calls+1, h.updates+n, max(h.largest, n)
}

func (h *dayHub) told() (calls, updates, largest int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls, h.updates, h.largest
}

// standUp starts the Hub, GitHub and the teams' services on loopback. In twenty
// teams there is one of each kind that is not good.
func (d day) standUp(t *testing.T) *dayHub {
	t.Helper()
	opened, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	h := &dayHub{Hub: opened}
	h.key, err = opened.CreateKey(t.Context(), "*")
	require.NoError(t, err)
	world, err := biletter.NewWorld(time.Now())
	require.NoError(t, err)
	kinds := map[int]biletter.Kind{3: biletter.Flaky, 7: biletter.Leaky, 11: biletter.Oversold, 13: biletter.Down, 17: biletter.Empty, 19: biletter.Slow}
	var repos []github.Repo
	var teams []labhub.Team
	for i := range d.teams {
		team := labhub.Team{Slug: fmt.Sprintf("team-%03d", i), Name: fmt.Sprintf("Team %d", i)}
		kind, ok := kinds[i%20]
		if !ok {
			kind = biletter.Good
		}
		endpoint := refusing
		if kind != biletter.Down && kind != biletter.Empty {
			service, err := biletter.New(kind, biletter.Options{World: world})
			require.NoError(t, err)
			endpoint = onLoopback(t, service)
		}
		if kind != biletter.Empty {
			repos = append(repos, github.Repo{Owner: "hackload-kz", Name: team.Slug, Steady: 10 * time.Minute, Since: time.Now().Add(-24 * time.Hour)})
			team.Environment = []labhub.Variable{
				{Key: "ENDPOINT_URL", Value: endpoint, Category: "api"},
				{Key: "Repo", Value: "https://github.com/hackload-kz/" + team.Slug, Category: "development"},
				{Key: "MONEY_SPEND", Value: fmt.Sprintf("%d ₸", 1000*(i+1)), Category: "cloud"},
			}
		}
		teams = append(teams, team)
	}
	require.NoError(t, opened.Seed(t.Context(), teams...))
	h.github = onLoopback(t, github.New(github.Options{Repos: repos, Limit: 1 << 30}))
	h.at = onLoopback(t, h.count(opened.Handler()))
	return h
}

// onLoopback serves on loopback until the test ends.
func onLoopback(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, ended := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}, make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(at) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	return "http://" + at.Addr().String()
}

func (d day) config(t *testing.T, h *dayHub, state string, pages, metrics int) (file string) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, `
hub: {url: %q, api_key: %q}
state: {dir: %q}
web: {port: %d, metrics_port: %d}
github: {api_url: %q, token: ghp_day}
load: {allow_private_targets: true, max_targets: %d, push_interval: 1s}
services:
`, h.at, h.key, state, pages, metrics, h.github, d.targets)
	for _, s := range contest.Services() {
		interval := map[contest.ServiceKey]time.Duration{contest.GitMonitor: 30 * time.Minute, contest.DeploymentMonitor: 15 * time.Minute}[s.Key]
		if interval == 0 {
			interval = 6 * time.Hour
		}
		fmt.Fprintf(&text, "  %s: {enabled: true, interval: %q}\n", s.Key, d.every(interval))
	}
	text.WriteString("contest:\n  criteria:\n" +
		"    CODE_REPO: {rule: commits, points: 1, commits: {min: 10, recent: 24h}, keys: [Repo]}\n" +
		"    DEPLOYED_SOLUTION: {rule: http, points: 1, critical: 75, keys: [ENDPOINT_URL]}\n" +
		"    BUDGET_TRACKING: {rule: informational, points: 0, keys: [MONEY_SPEND]}\n")
	for criterion, scenario := range map[contest.Criterion]string{
		contest.EventSearch: "search", contest.ArchiveSearch: "archive", contest.AuthPerformance: "auth",
		contest.TicketBooking: "booking", contest.TicketCancellation: "cancellation",
	} {
		fmt.Fprintf(&text, "    %s: {scenario: %s, repeats: 1, levels: [{users: 2, ramp: 500ms, duration: 2s, points: 1}]}\n", criterion, scenario)
	}
	file = filepath.Join(t.TempDir(), "hackload.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	return file
}

// buildPlain builds the program as it ships.
func buildPlain(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hackload")
	out, err := exec.Command("go", "build", "-trimpath", "-o", path, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// startWithin starts serve inside of the limits, its log in a file that a failed
// test shows the end of.
func startWithin(t *testing.T, limits *limits, program, config string) *exec.Cmd {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "serve.log"))
	require.NoError(t, err)
	argv := append(limits.enter(), program, "serve", "--config", config)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	limits.keepOnly(cmd.Process.Pid)
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		text, err := os.ReadFile(log.Name())
		if t.Failed() && err == nil {
			t.Logf("the end of its log:\n%s", text[max(0, len(text)-8<<10):])
		}
		_ = log.Close()
	})
	return cmd
}
