package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// outside is a Hub and one team's service that live in the test's own process,
// so that they outlive a killed orchestrator.
type outside struct {
	hub     *labhub.Hub
	key     string
	hubAt   string
	service string // the team's URL
	stop    func()
}

// standUp starts the Hub and a good team's service on loopback.
func standUp(t *testing.T) *outside {
	t.Helper()
	h, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	key, err := h.CreateKey(t.Context(), "*")
	require.NoError(t, err)
	o := &outside{hub: h, key: key, service: serveSample(t, biletter.Good)}
	o.join(t, "good", o.service)
	o.open(t, "127.0.0.1:0")
	t.Cleanup(func() { o.stop() })
	return o
}

// serveSample serves a sample team's service and returns its URL.
func serveSample(t *testing.T, kind biletter.Kind) string {
	t.Helper()
	service, err := biletter.New(kind, biletter.Options{})
	require.NoError(t, err)
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- service.Serve(ctx, at) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-served) })
	return "http://" + at.Addr().String()
}

// join makes the Hub know a team by its slug and its service.
func (o *outside) join(t *testing.T, slug, endpoint string) {
	t.Helper()
	require.NoError(t, o.hub.Seed(t.Context(), labhub.Team{Slug: slug, Name: slug, Environment: []labhub.Variable{
		{Key: "ENDPOINT_URL", Value: endpoint, Category: "api"},
	}}))
}

// open starts the Hub's listener at addr.
func (o *outside) open(t *testing.T, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	o.hubAt = ln.Addr().String()
	server := &http.Server{Handler: o.hub.Handler(), ReadHeaderTimeout: time.Second}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(ln) }()
	o.stop = func() { _ = server.Close(); <-served }
}

// config writes a configuration whose one criterion has one small level.
func (o *outside) config(t *testing.T, state string, more ...string) (file string) {
	t.Helper()
	text := fmt.Sprintf(`
hub: {url: "http://%s", api_key: %q, timeout: 2s, retries: 1, rate_limit_per_minute: 10000}
state: {dir: %q}
web: {metrics_enabled: false, port: %d}
load: {allow_private_targets: true, max_targets: 1, push_interval: 1s}
contest:
  criteria:
    EVENT_SEARCH:
      scenario: search
      repeats: 1
      levels: [{users: 10, ramp: 1s, duration: 5s, points: 1}]
`, o.hubAt, o.key, state, freePort(t)) + strings.Join(more, "")
	file = filepath.Join(t.TempDir(), "hackload.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// judgedRuns returns the runs of a state that no process owns.
func judgedRuns(t *testing.T, state string) []contest.Run {
	t.Helper()
	s, err := store.OpenRead(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	runs, err := s.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	return runs
}

// TestKilledServeAdoptsItsLoad kills the orchestrator while a generator works:
// the next one takes the same launch up and judges it.
func TestKilledServeAdoptsItsLoad(t *testing.T) {
	t.Parallel()
	o, state := standUp(t), t.TempDir()
	config := o.config(t, state)
	code, output := hackload(t, []string{"HACKLOAD_FAILPOINT=launched"}, "serve", "--once", "--config", config)
	require.Equal(t, -1, code, output)
	before := judgedRuns(t, state)
	require.Len(t, before, 1)
	require.Equal(t, contest.RunLaunched, before[0].State)

	code, output = hackload(t, nil, "serve", "--once", "--config", config)
	require.Equal(t, exitDone, code, output)
	after := judgedRuns(t, state)
	require.Len(t, after, 1, "the run was repeated instead of adopted")
	require.Equal(t, before[0].TestID, after[0].TestID)
	require.Equal(t, 1, after[0].Attempt)
	require.Equal(t, contest.OutcomePassed, after[0].Outcome)
	history, err := o.hub.History(t.Context())
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, contest.Passed, history[0].Status)
	requireNoChild(t, state)
}

// TestHubAwayDuringARound stops the Hub while a run is under load and starts it
// again after the verdict is in the outbox.
func TestHubAwayDuringARound(t *testing.T) {
	t.Parallel()
	o, state := standUp(t), t.TempDir()
	config := o.config(t, state)
	type end struct {
		code   int
		output string
	}
	ended := make(chan end, 1)
	go func() {
		code, output := hackload(t, nil, "serve", "--once", "--config", config)
		ended <- end{code, output}
	}()
	require.Eventually(t, func() bool { return launched(t, state) }, 5*time.Minute, 20*time.Millisecond)
	o.stop()
	require.Eventually(t, func() bool { return refusedOnce(t, state) }, 5*time.Minute, 50*time.Millisecond)
	o.open(t, o.hubAt)
	e := <-ended
	require.Equal(t, exitDone, e.code, e.output)
	history, err := o.hub.History(t.Context())
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, contest.Passed, history[0].Status)
}

// refusedOnce reports whether an update waits in the outbox after a failed flush.
func refusedOnce(t *testing.T, state string) bool {
	s, err := store.OpenRead(t.Context(), state)
	if err != nil {
		return false
	}
	defer s.Close()
	rows, err := s.Outbox(t.Context(), contest.OutboxPending)
	return err == nil && len(rows) == 1 && rows[0].Attempts > 0
}

// TestRefusedKeyEndsTheSession expects that nobody is kept waiting for a Hub
// that will never say yes.
func TestRefusedKeyEndsTheSession(t *testing.T) {
	t.Parallel()
	o := standUp(t)
	o.key = "sk_0000000000000000000000000000000000000000000000000000000000000000"
	code, output := hackload(t, nil, "serve", "--once", "--config", o.config(t, t.TempDir()))
	require.Equal(t, exitTrouble, code, output)
	require.Contains(t, output, "Invalid API key")
	require.NotContains(t, output, o.key)
}
