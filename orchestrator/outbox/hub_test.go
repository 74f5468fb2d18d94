package outbox_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
)

// line is flusher, client, socket and Hub, as they work together.
type line struct {
	*labhub.Hub
	store   *memory
	flusher *outbox.Flusher
	address string
}

// serve serves h on address and returns how to stop it.
func serve(t *testing.T, h *labhub.Hub, address string) (bound string, stop func()) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	server := &http.Server{Handler: h.Handler(), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return listener.Addr().String(), func() {
		assert.NoError(t, server.Close())
		assert.ErrorIs(t, <-ended, http.ErrServerClosed)
	}
}

func newLine(t *testing.T, teams int) (line, func()) {
	t.Helper()
	h, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	for i := range teams {
		require.NoError(t, h.Seed(t.Context(), labhub.Team{Slug: string(slug(i)), Name: "Team"}))
	}
	key, err := h.CreateKey(t.Context(), labhub.EnvironmentWrite)
	require.NoError(t, err)
	address, stop := serve(t, h, "127.0.0.1:0")
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := hub.New(hub.Config{BaseURL: "http://" + address, Key: hub.Key(key), Pause: time.Millisecond, Timeout: time.Minute, Transport: transport})
	require.NoError(t, err)
	store := newMemory(updates(teams)...)
	f := outbox.New(store, client.Send, outbox.Options{Permanent: hub.IsPermanent, Doubtful: hub.IsDoubtful, RetryAfter: hub.RetryAfter})
	return line{h, store, f, address}, stop
}

// hurry makes every pending row due now, so that no test waits for a backoff.
func (m *memory) hurry() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		r.DueAt = time.Now()
	}
}

// flushUntilDone flushes until nothing is pending any more.
func (l line) flushUntilDone(t *testing.T) {
	t.Helper()
	for range 200 {
		_, _ = l.flusher.Flush(t.Context())
		if l.store.states()[contest.OutboxPending] == 0 {
			return
		}
		l.store.hurry()
	}
	t.Fatal("still pending after 200 flushes")
}

// holds checks that the Hub holds the newest content of each row that was sent,
// and that it was never told anything else of the team.
func (l line) holds(t *testing.T, teams int) {
	t.Helper()
	history, err := l.History(t.Context())
	require.NoError(t, err)
	seen := map[contest.Slug]bool{}
	for _, a := range history {
		row := l.store.row(a.Team)
		want, err := json.Marshal(row.Update.Metrics)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(a.Metrics), a.Team)
		seen[a.Team] = true
	}
	assert.Len(t, seen, teams)
}

// TestHubThatFailsAtRandom: half of all calls go wrong in one of seven ways, two
// of them after the work was done. Everything arrives, nothing is parked, and
// what arrives twice is the same twice.
func TestHubThatFailsAtRandom(t *testing.T) {
	t.Parallel()
	l, stop := newLine(t, 12)
	defer stop()
	random := rand.New(rand.NewPCG(1, 2))
	faults := []labhub.Fault{
		{Status: 503}, {Status: 429}, {Status: 200, Body: "<html>"}, {Status: 401, Body: `{"error":"Invalid API key"}`},
		{DropAnswer: true}, {Truncate: true}, {Status: 500, Body: `{"error":"Internal server error"}`},
	}
	fault := make(chan *labhub.Fault) // one goroutine rolls the dice
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			var next *labhub.Fault
			if random.IntN(2) == 0 {
				next = &faults[random.IntN(len(faults))]
			}
			select {
			case fault <- next:
			case <-ctx.Done():
				close(fault)
				return
			}
		}
	}()
	l.Fail(func(*http.Request) *labhub.Fault { return <-fault })
	l.flushUntilDone(t)
	cancel()
	assert.Equal(t, map[contest.OutboxState]int{contest.OutboxSent: 12}, l.store.states())
	l.holds(t, 12)
}

// TestHubDownAndBack: the Hub's socket is gone for a while.
func TestHubDownAndBack(t *testing.T) {
	t.Parallel()
	l, stop := newLine(t, 20)
	stop()
	_, err := l.flusher.Flush(t.Context())
	require.ErrorContains(t, err, "no answer")
	assert.Equal(t, map[contest.OutboxState]int{contest.OutboxPending: 20}, l.store.states())
	_, stop = serve(t, l.Hub, l.address)
	defer stop()
	l.store.hurry()
	sent, err := l.flusher.Flush(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 20, sent)
	l.holds(t, 20)
}

// TestKeyThatIsNoLongerGood parks nothing: it is not the updates' fault.
func TestKeyThatIsNoLongerGood(t *testing.T) {
	t.Parallel()
	l, stop := newLine(t, 3)
	defer stop()
	l.Fail(func(*http.Request) *labhub.Fault {
		return &labhub.Fault{Status: 401, Body: `{"error":"Invalid API key"}`}
	})
	_, err := l.flusher.Flush(t.Context())
	require.ErrorContains(t, err, "hub answered 401: Invalid API key")
	assert.Equal(t, map[contest.OutboxState]int{contest.OutboxPending: 3}, l.store.states())
	l.Fail(nil)
	l.flushUntilDone(t)
	l.holds(t, 3)
}

// TestPoisonIsParked: an update that makes the Hub refuse its bulk is parked
// with the Hub's words, one for an unknown team too, and the rest arrives.
func TestPoisonIsParked(t *testing.T) {
	t.Parallel()
	l, stop := newLine(t, 10)
	defer stop()
	gone := updates(11)[10]
	l.store.put(gone)
	wrong := updates(1)[0]
	wrong.Metrics = map[string]any{"commitsCount": nil}
	l.store.put(wrong)
	sent, err := l.flusher.Flush(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 9, sent)
	assert.Contains(t, l.store.row("team-010").Error, "Team not found")
	assert.Contains(t, l.store.row("team-000").Error, "metrics.commitsCount is null")
	assert.Equal(t, map[contest.OutboxState]int{contest.OutboxSent: 9, contest.OutboxParked: 2}, l.store.states())
	l.holds(t, 9)
}

// TestRunOverTheSocket: updates that arrive while Run works are at the Hub when
// it ends, the newest of each team last.
func TestRunOverTheSocket(t *testing.T) {
	t.Parallel()
	l, stop := newLine(t, 5)
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.flusher.Run(ctx) }()
	var versions atomic.Int64
	for range 20 {
		for _, u := range updates(5) {
			u.Metrics = map[string]any{"commitsCount": versions.Add(1)}
			l.store.put(u)
		}
		l.flusher.Wake()
	}
	cancel()
	require.NoError(t, <-ended)
	assert.Equal(t, map[contest.OutboxState]int{contest.OutboxSent: 5}, l.store.states())
	history, err := l.History(t.Context())
	require.NoError(t, err)
	last := map[contest.Slug]string{}
	for _, a := range history {
		last[a.Team] = string(a.Metrics)
	}
	for i := range 5 {
		want, err := json.Marshal(l.store.row(slug(i)).Update.Metrics)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), last[slug(i)])
	}
}
