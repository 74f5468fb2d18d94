//go:build kube

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/kube/kubetest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/prom"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/scenarios"
)

const (
	fleetTeams    = 30
	fleetCapacity = 4  // targets under load at once
	fleetPlanned  = 20 // iterations of a run
	fleetRequests = 12 // of one run to the API server, at most

	patienceOfFleet = 8 * time.Minute
)

// fleet is a contest whose load comes from a cluster: its state, queue, metrics,
// line and launcher are real, and so is the API server. Only runners are played.
type fleet struct {
	t        *testing.T
	store    *store.Store
	metrics  *metricstore.Store
	queue    *schedule.Queue
	line     *conduct.Line
	requests atomic.Int64 // of the launcher

	full chan struct{} // closed once as many targets are under load as may be

	mu    sync.Mutex
	busy  map[string]bool // targets
	most  int
	wrong []string
}

// Thirty teams climb three levels each on one cluster. No target has two runs at
// once, no more are under load than may be, the next round begins with another
// team, and a run costs the API server a handful of requests: what runs is
// watched, not asked for.
func TestThirtyTeamsOnACluster(t *testing.T) {
	t.Parallel()
	cluster := kubetest.Start(t)
	cluster.Namespace(t, "fleet")
	f := &fleet{t: t, busy: map[string]bool{}, full: make(chan struct{})}
	cluster.Config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return counted{next, &f.requests}
	})
	launcher, err := kube.New(cluster.Config, kube.Config{
		Namespace: "fleet", Scenarios: scenarios.Files(), PushInterval: time.Second, Begin: 10 * time.Minute,
		Runner: kube.Runner{Image: "runner:1"},
	})
	require.NoError(t, err)
	t.Cleanup(launcher.Close)
	f.open(launcher)
	cluster.Operate(t, "fleet", f.load)
	_, err = launcher.List(t.Context())
	require.NoError(t, err)
	watching := f.requests.Load()

	first, firstOrder := f.begin()
	f.until("the round ends", func() bool {
		open, err := f.store.OpenClimbs(t.Context(), first)
		require.NoError(t, err)
		return open == 0
	})
	f.until("each launch is removed", func() bool {
		left, err := launcher.List(t.Context())
		require.NoError(t, err)
		return len(left) == 0
	})
	runs, err := f.store.RunsIn(t.Context(), first, contest.RunJudged)
	require.NoError(t, err)
	require.Len(t, runs, 3*fleetTeams)
	for _, r := range runs {
		require.Equal(t, contest.OutcomePassed, r.Outcome, "%s: %+v", r.TestID, r.Result)
	}
	require.Empty(t, f.wrong)
	require.Equal(t, fleetCapacity, f.most)
	each := float64(f.requests.Load()-watching) / float64(len(runs))
	t.Logf("%d requests began the watches; %d runs cost %.2f requests each, with at most %d targets under load", watching, len(runs), each, f.most)
	require.LessOrEqual(t, watching, int64(12), "a list and a watch of each kind, and whether we may")
	require.LessOrEqual(t, each, float64(fleetRequests))

	_, secondOrder := f.begin()
	require.Len(t, firstOrder, fleetTeams)
	require.ElementsMatch(t, firstOrder, secondOrder)
	require.NotEqual(t, firstOrder[0], secondOrder[0], "another team is the first")
	at := slices.Index(firstOrder, secondOrder[0])
	require.Equal(t, append(slices.Clone(firstOrder[at:]), firstOrder[:at]...), secondOrder, "and the order is the same")
}

// counted counts requests.
type counted struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

// open builds the line over a launcher, and has the queue drive it.
func (f *fleet) open(launcher *kube.Launcher) {
	t := f.t
	var err error
	f.store, err = store.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	f.metrics, err = metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	f.during(f.metrics.Run)
	f.queue, err = schedule.New(t.Context(), f.store.DB(), schedule.Config{Poll: 100 * time.Millisecond, NoPeriods: true})
	require.NoError(t, err)
	asked, err := prom.New(prom.Config{URL: f.metrics.URL()})
	require.NoError(t, err)
	rules := config.Criterion{Scenario: "search", Repeats: 1, Score: config.ScoreSum, Result: config.ResultLatest}
	for i, users := range []int{10, 20, 40} {
		rules.Levels = append(rules.Levels, contest.Level{Users: users, Duration: contest.Duration(time.Second), Points: 1 << i})
	}
	capacity := kube.Capacity{VUs: 100, Rate: 100, Least: 1, Most: 4}
	f.line = conduct.New(conduct.Parts{
		Store: f.store, Wake: f.queue, Launcher: launcher, Writers: fleetWriters{f.metrics}, Query: asked.Query,
		Teams:   func(context.Context) ([]contest.Team, error) { return fleetOf(fleetTeams), nil },
		Inspect: func(context.Context, string, map[string]string) (contest.Script, error) { return fleetScript() },
		Preflight: func(context.Context, string, bool) contest.Preflight {
			return contest.Preflight{Answered: true, Status: 200}
		},
		Criterion: func(contest.Criterion) (config.Criterion, bool) { return rules, true },
		Shape: func(_ context.Context, r contest.Run, s contest.Script) (contest.Shape, error) {
			return capacity.Shape(s, r.Level, nil), nil
		},
	}, conduct.Limits{Targets: fleetCapacity, CollectAfter: time.Second, Grace: 10 * time.Minute, Poll: 100 * time.Millisecond, Push: time.Second})
	require.NoError(t, f.line.Resume(t.Context()))
	f.during(func(ctx context.Context) error {
		return f.queue.Run(ctx, schedule.Steps{
			Round: func(ctx context.Context, key contest.ServiceKey, id contest.RoundID) (time.Duration, error) {
				_, err := f.line.BeginAs(ctx, key, id)
				return 0, err
			},
			Advance: f.line.Advance, Collect: f.line.Collect, Look: f.line.Look,
		})
	})
}

func (f *fleet) during(part func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	f.t.Cleanup(func() {
		stop()
		require.NoError(f.t, <-done)
	})
}

// begin begins a round, and returns the order of its teams in the record. It is
// read while no run can end, since a climb that has ended is not among the open.
func (f *fleet) begin() (contest.RoundID, []contest.Slug) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	id, err := f.line.Begin(f.t.Context(), contest.SearchTesting)
	require.NoError(f.t, err)
	return id, f.order(id)
}

func (f *fleet) until(what string, yes func() bool) {
	f.t.Helper()
	for end := time.Now().Add(patienceOfFleet); !yes(); time.Sleep(100 * time.Millisecond) {
		require.True(f.t, time.Now().Before(end), "not so: %s", what)
	}
}

// order is that of a round's teams in the record.
func (f *fleet) order(round contest.RoundID) (slugs []contest.Slug) {
	f.t.Helper()
	climbs, err := f.store.ClimbsOf(f.t.Context(), round)
	require.NoError(f.t, err)
	slices.SortFunc(climbs, func(a, b store.Climb) int { return a.Position - b.Position })
	for _, c := range climbs {
		slugs = append(slugs, c.Team.Slug)
	}
	return slugs
}

// load is all runners of one launch: they write what they measured to where the
// launch's Secret says, and look out for others at their target.
func (f *fleet) load(v map[string]string) error {
	target := v["API_URL"]
	f.mu.Lock()
	if f.busy[target] {
		f.wrong = append(f.wrong, target+" has two runs at once")
	}
	f.busy[target] = true
	if f.most < fleetCapacity && len(f.busy) == fleetCapacity {
		close(f.full)
	}
	f.most = max(f.most, len(f.busy))
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.busy, target)
	}()
	select {
	case <-f.full: // the first ones wait for each other
	case <-time.After(patienceOfFleet):
		return fmt.Errorf("never were %d targets under load at once", fleetCapacity)
	}
	script, err := fleetScript()
	if err != nil {
		return err
	}
	reg := metric.NewRegistry()
	agg := metric.NewAggregator(reg, script.Thresholds, 1)
	b, shard, tags := reg.Builtin(), agg.Shard(0), metric.NewTags(map[string]string{"scenario": "steady"})
	for range fleetPlanned {
		shard.Add(b.HTTPReqs, tags, 1)
		shard.Add(b.HTTPReqDuration, tags, 100)
		shard.Add(b.HTTPReqFailed, tags, 0)
		shard.Add(b.Iterations, tags, 1)
	}
	out, err := output.NewRemoteWrite(output.RemoteWriteConfig{
		URL: v[contest.WriteURLVariable], Token: v[contest.WriteTokenVariable], Interval: time.Hour,
		Labels: map[string]string{"testid": strings.TrimPrefix(v[contest.WriteTokenVariable], fleetToken), "instance_id": "1"},
	}, agg.Snapshot)
	if err != nil {
		return err
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel() // so the first flush is the last
	return out.Run(ended)
}

const fleetToken = "token of "

// fleetWriters let a launch write with a token of its own.
type fleetWriters struct{ store *metricstore.Store }

func (w fleetWriters) Admit(id contest.TestID) (url, token string) {
	token = fleetToken + string(id)
	if err := w.store.Authorise(id, token); err != nil {
		return "", ""
	}
	return w.store.WriteURL(), token
}

func (w fleetWriters) Dismiss(id contest.TestID) { w.store.Revoke(id) }

func fleetOf(n int) (teams []contest.Team) {
	for i := range n {
		slug := fmt.Sprintf("team-%02d", i)
		teams = append(teams, contest.Team{Slug: contest.Slug(slug), Name: slug, HackathonID: "1", Endpoint: "http://" + slug + ".example.org"})
	}
	return teams
}

func fleetScript() (contest.Script, error) {
	s := contest.Script{Name: "search", SHA256: "abc", Scenarios: []contest.ScriptScenario{{
		Name: "steady", Executor: "constant-arrival-rate", Duration: contest.Duration(time.Second), Planned: fleetPlanned, MaxVUs: 5,
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
