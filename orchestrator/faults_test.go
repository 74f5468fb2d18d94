package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/lab/faults"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// What the Hub and the way to it do wrong: of each call and of each connection,
// three in ten.
const faultShare = 0.3

// dice chooses what goes wrong next, and counts it. One seed gives one order of
// throws; CHAOS_SEED chooses another.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
	counts map[string]int
}

func newDice(t *testing.T) *dice {
	t.Helper()
	seed := uint64(1)
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "CHAOS_SEED")
	}
	t.Logf("CHAOS_SEED=%d", seed)
	return &dice{random: rand.New(rand.NewPCG(seed, 0)), counts: map[string]int{}}
}

// throw returns one of n kinds, or -1 for the share that goes well.
func (d *dice) throw(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.random.Float64() >= faultShare {
		return -1
	}
	return d.random.IntN(n)
}

// badHub is what the Hub itself gets wrong. The last two have done the work.
func (d *dice) badHub() labhub.FaultFunc {
	kinds := []struct {
		name  string
		fault labhub.Fault
	}{
		{"hub 500", labhub.Fault{Status: 500, Body: `{"error":"Internal server error"}`}},
		{"hub 503", labhub.Fault{Status: 503}},
		{"hub 429", labhub.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}}},
		{"hub 401", labhub.Fault{Status: 401, Body: `{"error":"Invalid API key"}`}},
		{"hub html", labhub.Fault{Status: 200, Body: "<html><body>maintenance</body></html>"}},
		{"hub truncated", labhub.Fault{Truncate: true}},
		{"hub dropped", labhub.Fault{DropAnswer: true}},
	}
	return func(*http.Request) *labhub.Fault {
		if d.refused() {
			return &labhub.Fault{Status: 401, Body: `{"error":"Invalid API key"}`}
		}
		n := d.throw(len(kinds))
		if n < 0 {
			return nil
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.counts[kinds[n].name]++
		return &kinds[n].fault
	}
}

// aMinute is how many calls the Hub takes of a service in one. So long it knows
// no key at first.
const aMinute = 60

// refused counts the calls of that minute.
func (d *dice) refused() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counts["hub 401 for a minute"] == aMinute {
		return false
	}
	d.counts["hub 401 for a minute"]++
	return true
}

// badNetwork is what goes wrong on the way. Cut answers come from a Hub that has
// done the work.
func (d *dice) badNetwork() faults.Plan {
	kinds := networkFaults()
	return func() faults.Fault {
		if n := d.throw(len(kinds)); n >= 0 {
			return kinds[n]
		}
		return faults.Fault{}
	}
}

func networkFaults() []faults.Fault {
	return []faults.Fault{
		{Name: "late", Delay: 5 * time.Millisecond},
		{Name: "narrow", Rate: 256 << 10},
		{Name: "cut", Cut: 1},
		{Name: "cut in the body", Cut: 400},
		{Name: "refused", Refuse: true},
		{Name: "half open", HalfOpen: true},
		{Name: "lingering", Linger: 20 * time.Millisecond},
	}
}

// mayHaveLost is how many calls may have done their work in vain: their answers
// were lost, so they are made again.
func (d *dice) mayHaveLost(p *faults.Proxy) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	network := p.Counts()
	// Whoever is half open is given up without having been asked anything.
	late := max(0, d.counts["given up"]-network["half open"])
	return d.counts["hub truncated"] + d.counts["hub dropped"] + network["cut"] + network["cut in the body"] + late
}

// hasty counts the calls that a client gave up because their time was over.
type hasty struct {
	next http.RoundTripper
	dice *dice
}

func (h hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := h.next.RoundTrip(r)
	if err != nil {
		h.count(r)
		return nil, err
	}
	answer.Body = hastyBody{answer.Body, func() { h.count(r) }}
	return answer, nil
}

func (h hasty) count(r *http.Request) {
	if errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		h.dice.mu.Lock()
		defer h.dice.mu.Unlock()
		h.dice.counts["given up"]++
	}
}

type hastyBody struct {
	io.ReadCloser
	brokeOff func()
}

func (b hastyBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.brokeOff()
	}
	return n, err
}

// badHubLine is a Hub behind a bad network, and an outbox that sends to it.
type badHubLine struct {
	hub     *labhub.Hub
	proxy   *faults.Proxy
	store   *store.Store
	flusher *outbox.Flusher
	calls   *calls
}

// calls counts what the Hub said it has accepted, and tells it before the outbox
// is told.
type calls struct {
	accepted int
	heard    func() // may be nil
}

func (c *calls) through(send outbox.Send) outbox.Send {
	return func(ctx context.Context, updates []contest.Update) ([]error, error) {
		answers, err := send(ctx, updates)
		for _, refused := range answers {
			if err == nil && refused == nil {
				c.accepted++
			}
		}
		if c.heard != nil {
			c.heard()
		}
		return answers, err
	}
}

func openBadHub(t *testing.T, d *dice, teams int) badHubLine {
	t.Helper()
	h, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	seeds := make([]labhub.Team, teams)
	for i := range seeds {
		seeds[i] = labhub.Team{Slug: string(waveTeam(i)), Name: "Team"}
	}
	require.NoError(t, h.Seed(t.Context(), seeds...))
	key, err := h.CreateKey(t.Context(), labhub.EnvironmentWrite)
	require.NoError(t, err)
	listen := func() net.Listener {
		at, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return at
	}
	upstream, front := listen(), listen()
	server := &http.Server{Handler: h.Handler(), ReadHeaderTimeout: time.Minute}
	proxy := faults.New(upstream.Addr().String(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(upstream) })
	serving.Go(func() { _ = proxy.Serve(ctx, front) })
	t.Cleanup(func() { cancel(); _ = server.Close(); serving.Wait() })

	// Each call has a connection of its own, so that the network's faults are as
	// many as the Hub's.
	transport := hasty{&http.Transport{DisableKeepAlives: true}, d}
	client, err := hub.New(hub.Config{
		BaseURL: "http://" + front.Addr().String(), Key: hub.Key(key),
		Timeout: 2 * time.Second, Pause: time.Millisecond, Transport: transport,
	})
	require.NoError(t, err)
	db, err := store.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	told := &calls{}
	f := outbox.New(outboxRows{&works{store: db}}, told.through(client.Send), outbox.Options{
		Permanent: hub.IsPermanent, Doubtful: hub.IsDoubtful, RetryAfter: hub.RetryAfter,
	})
	h.Fail(d.badHub())
	proxy.Set(d.badNetwork())
	return badHubLine{h, proxy, db, f, told}
}

func waveTeam(i int) contest.Slug { return contest.Slug(fmt.Sprintf("team-%04d", i)) }

// put makes a wave the newest content of each criterion of each team.
func (l badHubLine) put(t *testing.T, teams, wave int) {
	t.Helper()
	require.NoError(t, l.store.Write(t.Context(), func(tx *store.Tx) error {
		for i := range teams {
			for _, s := range contest.Services() {
				if err := tx.PutUpdate(t.Context(), contest.Update{
					TeamSlug: waveTeam(i), HackathonID: labhub.DefaultHackathon, CriteriaType: s.Criterion, Status: contest.Passed, Score: wave,
					Metrics: map[string]any{"wave": wave}, UpdatedBy: "test",
				}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// flush sends until nothing waits any more, or so many times, and returns how many
// updates wait. They are made due at once, so that no test sits out a back-off.
func (l badHubLine) flush(t *testing.T, times int) (waiting int) {
	t.Helper()
	for range times {
		_, _ = l.flusher.Flush(t.Context()) // failures are what this is about; the rows stay
		require.NoError(t, l.store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.SQL.ExecContext(t.Context(), `UPDATE outbox SET due_at = 0 WHERE state = 'pending'`)
			return err
		}))
		if waiting = l.waiting(t); waiting == 0 {
			break
		}
	}
	return waiting
}

// waiting is how many updates the Hub has not confirmed.
func (l badHubLine) waiting(t *testing.T) int {
	t.Helper()
	rows, err := l.store.Outbox(t.Context(), contest.OutboxPending)
	require.NoError(t, err)
	return len(rows)
}

// entry is one criterion of one team.
type entry struct {
	team      contest.Slug
	criterion contest.Criterion
}

// TestHubBehindABadNetwork tells a Hub of a whole contest twice, while three in
// ten connections and three in ten answers go wrong. All that was said arrives,
// the newer content last; what arrived twice is what nobody could know to have
// arrived; and what the Hub refuses for good is parked.
func TestHubBehindABadNetwork(t *testing.T) {
	t.Parallel()
	const teams, unknown = manyTeams, 2 // the Hub has never heard of the last two
	d := newDice(t)
	l := openBadHub(t, d, teams-unknown)
	l.put(t, teams, 1)
	overtaken := 0
	l.calls.heard = func() { // the newer wave overtakes what waits, and what the outbox is about to hear of
		if overtaken == 0 && l.calls.accepted >= teams*len(contest.Services())/2 {
			overtaken = l.waiting(t)
			l.put(t, teams, 2)
		}
	}
	require.Zero(t, l.flush(t, 500+aMinute))
	require.Greater(t, overtaken, 100, "more than one call's")
	t.Logf("hub: %v\nnetwork: %v\n%d of the older updates overtaken", d.counts, l.proxy.Counts(), overtaken)

	rows, err := l.store.Outbox(t.Context())
	require.NoError(t, err)
	states := map[contest.OutboxState]int{}
	for _, r := range rows {
		states[r.State]++
		if r.State == contest.OutboxParked {
			require.Contains(t, r.Error, "Team not found")
		}
	}
	services := len(contest.Services())
	require.Equal(t, map[contest.OutboxState]int{contest.OutboxSent: (teams - unknown) * services, contest.OutboxParked: unknown * services}, states)

	history, err := l.hub.History(t.Context())
	require.NoError(t, err)
	last, told := map[entry]int64{}, map[entry]map[int64]int{}
	for _, a := range history {
		e := entry{a.Team, a.Criterion}
		require.GreaterOrEqual(t, *a.Score, last[e], "older content after newer")
		require.JSONEq(t, fmt.Sprintf(`{"wave":%d}`, *a.Score), string(a.Metrics))
		last[e] = *a.Score
		if told[e] == nil {
			told[e] = map[int64]int{}
		}
		told[e][*a.Score]++
	}
	require.Len(t, last, (teams-unknown)*services)
	twice := 0
	for e, score := range last {
		require.EqualValues(t, 2, score, e)
		for _, n := range told[e] {
			twice += n - 1
		}
	}
	lost := d.mayHaveLost(l.proxy)
	t.Logf("%d updates, %d accepted, %d rows in the Hub's history, %d told twice, %d answers lost", len(rows), l.calls.accepted, len(history), twice, lost)
	require.LessOrEqual(t, len(history), l.calls.accepted+lost*100, "more than was accepted and than the lost answers can explain")
	require.LessOrEqual(t, twice, lost*100, "more than the answers that were lost can explain")
	require.Positive(t, lost, "no answer was lost: nothing was put to the test")
}
