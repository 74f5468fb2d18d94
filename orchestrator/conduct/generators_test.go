package conduct_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

// outcome is what becomes of a launch.
type outcome int

const (
	pass     outcome = iota
	failing          // one request in four fails
	silent           // the last flush never arrives
	trouble          // all was measured, but the launcher has something to say
	starved          // killed for want of memory
	throwing         // the script throws, so that nothing is measured
	gone             // the launcher does not know it any more
	refused          // it does not start
	held             // it runs until the bench lets go, then passes
)

const threw = "generator 1 of 1 met an exception in the script after 1 s: no such thing at search.js:3"

const outOfMemory = "generator 1 of 1 was OOM-killed after 3 s"

const killed = "Load generator 1 of 1 was killed after 3 s."

// planned is how many iterations a script of these tests has.
const planned = 20

// generators is a launcher without processes: what a generator would have
// measured is written to the metric store by the generator's own output, with
// the launch's token. It watches over what must never happen to a target.
type generators struct {
	plan func(l contest.Launch, nth int) outcome // nth launch of this team and level; nil: all pass
	// strangers means that several processes share the state, which its lock
	// forbids: their rows stay right, but one may look at what another loads.
	strangers bool
	hesitant  int // so many starts are to be tried again

	mu      sync.Mutex
	known   map[contest.TestID]*generator
	history []contest.Launch          // also those that did not start
	ever    map[contest.TestID]bool   // started
	busy    map[string]contest.TestID // by target
	most    int                       // targets under load at once
	wrong   []string
	stuck   bool // nothing can be removed
	let     chan struct{}
	running sync.WaitGroup
}

type generator struct {
	launch  contest.Launch
	outcome outcome
	started time.Time
	stop    context.CancelFunc
	done    chan struct{}
	result  contest.LaunchResult // once done is closed
}

func newGenerators() *generators {
	return &generators{known: map[contest.TestID]*generator{}, ever: map[contest.TestID]bool{}, busy: map[string]contest.TestID{}, let: make(chan struct{})}
}

func (g *generators) close() {
	g.mu.Lock()
	for _, gen := range g.known {
		gen.stop()
	}
	g.mu.Unlock()
	g.running.Wait()
}

// Start puts a generator to work; one that is known is left alone.
func (g *generators) Start(ctx context.Context, l contest.Launch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known[l.TestID] != nil {
		return nil
	}
	if g.hesitant > 0 {
		g.hesitant--
		return fmt.Errorf("the machine is busy: %w", contest.ErrTryAgain)
	}
	nth := 0
	for _, earlier := range g.history {
		if earlier.Team == l.Team && earlier.Level.Users == l.Level.Users {
			nth++
		}
	}
	gen := &generator{launch: l, started: time.Now(), done: make(chan struct{})}
	if g.plan != nil {
		gen.outcome = g.plan(l, nth)
	}
	g.history = append(g.history, l)
	if gen.outcome == refused {
		return errors.New("no such file or directory")
	}
	g.start(gen)
	return nil
}

func (g *generators) start(gen *generator) {
	if g.ever[gen.launch.TestID] {
		g.wrong = append(g.wrong, fmt.Sprintf("%s was started twice", gen.launch.TestID))
	}
	g.ever[gen.launch.TestID] = true
	var ctx context.Context
	ctx, gen.stop = context.WithCancel(context.Background())
	g.known[gen.launch.TestID] = gen
	if gen.outcome == gone {
		close(gen.done)
		return
	}
	target, err := contest.TargetOf(gen.launch.Env["API_URL"])
	if other := g.busy[target]; other != "" || err != nil {
		g.wrong = append(g.wrong, fmt.Sprintf("%s was started on %s beside %q (%v)", gen.launch.TestID, target, other, err))
	}
	g.busy[target] = gen.launch.TestID
	g.most = max(g.most, len(g.busy))
	g.running.Go(func() {
		if gen.outcome == held {
			select {
			case <-g.let:
			case <-ctx.Done():
			}
		}
		gen.result = gen.work(ctx)
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.busy, target)
		close(gen.done)
	})
}

// Status tells how a launch stands.
func (g *generators) Status(_ context.Context, id contest.TestID) (contest.LaunchStatus, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gen := g.known[id]
	if gen == nil || gen.outcome == gone {
		return contest.LaunchStatus{State: contest.LaunchGone}, nil
	}
	select {
	case <-gen.done:
		return contest.LaunchStatus{State: contest.LaunchDone, Result: gen.result}, nil
	default:
		return contest.LaunchStatus{State: contest.LaunchRunning, Progress: contest.Progress{Phase: "steady"}}, nil
	}
}

// Remove stops a launch and forgets it.
func (g *generators) Remove(_ context.Context, id contest.TestID) error {
	g.mu.Lock()
	gen := g.known[id]
	if gen != nil && g.stuck {
		g.mu.Unlock()
		return errors.New("permission denied")
	}
	delete(g.known, id)
	g.mu.Unlock()
	if gen != nil {
		gen.stop()
		<-gen.done
	}
	return nil
}

// List lists what is left.
func (g *generators) List(context.Context) ([]contest.TestID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var ids []contest.TestID
	for id := range g.known {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// preflight finds every target well but those of a host "down…". It must never
// meet a target under load.
func (g *generators) preflight(_ context.Context, endpoint string, _ bool) contest.Preflight {
	target, _ := contest.TargetOf(endpoint)
	g.mu.Lock()
	defer g.mu.Unlock()
	if id := g.busy[target]; id != "" && !g.strangers {
		g.wrong = append(g.wrong, fmt.Sprintf("%s was looked at and reset while %s put load on it", target, id))
	}
	if len(target) > 4 && target[:4] == "down" {
		return contest.Preflight{Error: "connection refused"}
	}
	return contest.Preflight{Answered: true, Status: 200}
}

func (g *generators) violations() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wrong
}

// launches returns the levels' users of a team's launches, in order.
func (g *generators) launches(team contest.Slug) []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	users := []int{}
	for _, l := range g.history {
		if l.Team == team {
			users = append(users, l.Level.Users)
		}
	}
	return users
}

// inspect reads the script of all these tests; a team whose slug begins with
// "twisted" has one that is none.
func inspect(_ context.Context, scenario string, env map[string]string) (contest.Script, error) {
	if target, _ := contest.TargetOf(env["API_URL"]); len(target) > 7 && target[:7] == "twisted" {
		return contest.Script{}, fmt.Errorf("inspect: %w: SyntaxError: unexpected token", contest.ErrUnusable)
	}
	s := contest.Script{Name: scenario, SHA256: "abc", Scenarios: []contest.ScriptScenario{{
		Name: "steady", Executor: "constant-arrival-rate", Duration: contest.Duration(time.Second), Planned: planned, MaxVUs: 5,
	}}}
	for _, row := range [][2]string{{"http_req_duration{scenario:steady}", "p(95)<2000"}, {"http_req_failed{scenario:steady}", "rate<0.05"}} {
		t, err := contest.ParseThreshold(row[0], row[1])
		if err != nil {
			return s, err
		}
		s.Thresholds = append(s.Thresholds, t)
	}
	return s, nil
}

// work measures and writes; how the generator ended is its result.
func (gen *generator) work(ctx context.Context) contest.LaunchResult {
	result := contest.LaunchResult{Started: gen.started, Generators: 1, ExitCodes: []int{0}}
	script, err := inspect(ctx, gen.launch.Scenario, gen.launch.Env)
	if err == nil {
		err = gen.write(script.Thresholds)
	}
	switch {
	case gen.outcome == throwing:
		result.Unusable, result.ExitCodes = threw, []int{107}
	case gen.outcome == trouble:
		result.Trouble = killed
	case gen.outcome == starved:
		result.Trouble, result.Short = outOfMemory, contest.ShortOfMemory
	case gen.outcome == failing:
		result.ExitCodes[0] = 99
	case err != nil && gen.outcome != silent:
		result.Trouble = err.Error()
	}
	result.Ended = time.Now()
	return result
}

// write counts a small test and sends it: all in the last flush, or, of a
// generator that dies, in a flush before it.
func (gen *generator) write(thresholds []contest.Threshold) error {
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, thresholds, 1)
	b, shard, tags := reg.Builtin(), agg.Shard(0), metric.NewTags(map[string]string{"scenario": "steady"})
	for i := range planned {
		failed := 0.0
		if gen.outcome == failing && i%4 == 0 {
			failed = 1
		}
		shard.Add(b.HTTPReqs, tags, 1)
		shard.Add(b.HTTPReqDuration, tags, 100)
		shard.Add(b.HTTPReqFailed, tags, failed)
		shard.Add(b.Iterations, tags, 1)
	}
	l := gen.launch
	cfg := output.RemoteWriteConfig{URL: l.WriteURL, Token: l.WriteToken, Interval: time.Hour, Labels: map[string]string{
		"testid": string(l.TestID), "team": string(l.Team), "test_scenario": l.Scenario, "level": fmt.Sprint(l.Level.Users), "instance_id": "0",
	}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var flushes atomic.Int32
	source := func() *metric.Snapshot {
		if flushes.Add(1) == 2 { // the first one has arrived
			cancel()
		}
		return agg.Snapshot()
	}
	if gen.outcome == silent {
		cfg.Interval, cfg.Last = time.Millisecond, time.Nanosecond
	} else {
		cancel()
	}
	out, err := output.NewRemoteWrite(cfg, source)
	if err != nil {
		return err
	}
	return out.Run(ctx)
}

// writers lets a launch write with a token of its own.
type writers struct{ store *metricstore.Store }

func (w writers) Admit(id contest.TestID) (url, token string) {
	token = "token of " + string(id)
	if err := w.store.Authorise(id, token); err != nil {
		return "", ""
	}
	return w.store.WriteURL(), token
}

func (w writers) Dismiss(id contest.TestID) { w.store.Revoke(id) }
