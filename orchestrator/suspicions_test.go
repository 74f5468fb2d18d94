package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

// TestCheatsAreSuspectedAndJudgedLikeAll plays a round of real load on honest
// teams and on such that cheat. Organisers are told of the cheats and of nobody
// else, and no verdict tells anything of it.
func TestCheatsAreSuspectedAndJudgedLikeAll(t *testing.T) {
	t.Parallel()
	o := standUp(t)
	for _, kind := range []biletter.Kind{biletter.Flaky, biletter.TwoFaced, biletter.Canned} {
		o.join(t, string(kind), serveSample(t, kind))
	}
	o.join(t, "borrower", o.service) // the address of good
	w := o.suspecting(t)
	pages, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	servers, err := w.servers(pages, "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 8*time.Minute)
	defer stop()
	wanted := map[contest.Slug]contest.SuspicionKind{
		"twofaced": contest.SuspicionByClient, "canned": contest.SuspicionQuery,
		"borrower": contest.SuspicionShared, "good": contest.SuspicionShared,
	}
	// A busy machine may not get all checks done under one run's load, so rounds
	// are played until it has.
	require.NoError(t, w.work(ctx, func(ctx context.Context) error {
		for {
			if err := w.session(ctx); err != nil || holdsAll(ctx, w, wanted) {
				return err
			}
		}
	}, servers))

	found, err := w.store.Suspicions(t.Context())
	require.NoError(t, err)
	for _, s := range found {
		_, cheats := wanted[s.Team]
		assert.True(t, cheats, "an honest team is accused: %+v", s)
		assert.False(t, s.Team == "good" && s.Kind != contest.SuspicionShared, "%+v", s)
	}
	verdicts, err := w.store.Verdicts(t.Context())
	require.NoError(t, err)
	assert.Len(t, verdicts, 2*5, "each team is judged")
	history, err := o.hub.History(t.Context())
	require.NoError(t, err)
	text, err := json.Marshal([]any{verdicts, fmt.Sprintf("%+v", history)})
	require.NoError(t, err)
	for _, s := range found {
		assert.NotContains(t, string(text), string(s.Kind), "a suspicion takes part in no verdict")
		assert.NotContains(t, string(text), s.Sentence)
	}
}

// holdsAll reports whether each of the teams is suspected of what is wanted.
func holdsAll(ctx context.Context, w *works, wanted map[contest.Slug]contest.SuspicionKind) bool {
	found, err := w.store.Suspicions(ctx)
	if err != nil {
		return false
	}
	seen := map[contest.Slug]bool{}
	for _, s := range found {
		if wanted[s.Team] == s.Kind {
			seen[s.Team] = true
		}
	}
	return len(seen) == len(wanted)
}

// suspecting is a line that measures search and authorisation with its own load.
func (o *outside) suspecting(t *testing.T) *works {
	t.Helper()
	text := fmt.Sprintf(`
hub: {url: "http://%s", api_key: %q, timeout: 5s, retries: 1, rate_limit_per_minute: 10000}
state: {dir: %q}
web: {admin_token: sesame-opens-everything}
load: {allow_private_targets: true, push_interval: 1s, max_targets: 2}
contest:
  criteria:
    EVENT_SEARCH: {scenario: search, repeats: 1, thresholds: {"checks{scenario:steady}": ["rate>=0"]}, levels: [{users: 5, ramp: 1s, duration: 10s, points: 1}]} # to its end
    AUTH_PERFORMANCE: {scenario: auth, repeats: 1, levels: [{users: 1, ramp: 1s, duration: 2s, points: 1}]}
`, o.hubAt, o.key, t.TempDir())
	c, err := config.Load(config.Source{Name: "hackload.yaml", Data: []byte(text)})
	require.NoError(t, err)
	program, err := binary()
	require.NoError(t, err)
	w, err := assembleWithHub(t.Context(), site{
		config: c, log: slog.New(slog.NewTextHandler(io.Discard, nil)), program: program, reached: func(string) {}, services: enabled(c),
	}, hubConfig(c))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}
