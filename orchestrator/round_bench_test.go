package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

// BenchmarkTwoHundredTeams plays one round of each service that puts no load on
// anyone, as it is shipped, over 200 teams of which every fifth hangs: some say
// nothing, some drip a byte a second. It reports the seconds of a round and the
// most connections that were open at once. Run it with
//
//	make bench BENCH=TwoHundredTeams PACKAGES=./orchestrator TESTFLAGS=-benchtime=1x
func BenchmarkTwoHundredTeams(b *testing.B) {
	b.Run("git", func(b *testing.B) { benchRound(b, contest.GitMonitor, "") })
	b.Run("deployment", func(b *testing.B) { benchRound(b, contest.DeploymentMonitor, "") })
	b.Run("deployment-endpoints", func(b *testing.B) { benchRound(b, contest.DeploymentMonitor, config.RuleEndpoints) })
	b.Run("cost", func(b *testing.B) { benchRound(b, contest.CostTracking, "") })
}

const benchTeams = 200

func benchRound(b *testing.B, key contest.ServiceKey, rule string) {
	var open gauge
	good, silent, drips := open.serve(b, answersAtOnce), open.serve(b, nil), open.serve(b, answersByTheDrop)
	hub := github.New(github.Options{Repos: benchRepos()})
	c := config.Default()
	rules, err := config.Shipped("default")
	require.NoError(b, err)
	c.Contest, c.Load.AllowPrivateTargets = rules, true
	c.GitHub.APIURL, c.GitHub.Token = "http://"+open.serve(b, hub.ServeHTTP), config.NewSecret("bench")
	if service, err := contest.FindService(string(key)); err == nil && rule != "" {
		changed := rules.Criteria[service.Criterion]
		changed.Rule, changed.Critical = rule, 75
		rules.Criteria[service.Criterion] = changed
	}
	var teams []contest.Team
	for i := range benchTeams {
		t := contest.Team{Slug: contest.Slug(fmt.Sprintf("team-%d", i)), Endpoint: "http://" + good, Spend: fmt.Sprint(i * 1000)}
		t.Repository = "https://github.com/hackload-kz/" + string(t.Slug)
		switch i % 10 {
		case 0:
			t.Endpoint, t.Repository, t.Spend = "http://"+silent, "https://"+silent+"/team/"+string(t.Slug), ""
		case 5:
			t.Endpoint, t.Repository, t.Spend = "http://"+drips, "https://"+drips+"/team/"+string(t.Slug), ""
		}
		teams = append(teams, t)
	}
	for b.Loop() {
		w := &works{site: site{config: c, log: slog.New(slog.DiscardHandler)}}
		x, err := w.exporter(key, nil)
		require.NoError(b, err)
		judged := 0
		began := time.Now()
		require.NoError(b, x.Measure(b.Context(), teams, func(contest.Verdict) { judged++ }))
		require.Equal(b, benchTeams, judged)
		b.ReportMetric(time.Since(began).Seconds(), "s/round")
		b.ReportMetric(float64(open.most.Load()), "connections")
		require.NoError(b, w.Close())
	}
}

func benchRepos() (all []github.Repo) {
	for i := range benchTeams {
		all = append(all, github.Repo{Owner: "hackload-kz", Name: fmt.Sprintf("team-%d", i), Steady: time.Hour, Since: time.Now().Add(-48 * time.Hour)})
	}
	return all
}

func answersAtOnce(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }

func answersByTheDrop(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// gauge counts the connections that servers of a benchmark have open.
type gauge struct {
	mu   sync.Mutex
	now  int64
	most atomic.Int64
}

func (g *gauge) change(by int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += by
	g.most.Store(max(g.most.Load(), g.now))
}

// serve starts a server on loopback; one without a handler accepts connections
// and says nothing on them.
func (g *gauge) serve(b *testing.B, handler http.HandlerFunc) (address string) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	counted := &countedListener{Listener: ln, gauge: g}
	ended := make(chan struct{})
	if handler == nil {
		go func() {
			defer close(ended)
			for {
				conn, err := counted.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
			}
		}()
		b.Cleanup(func() { _ = ln.Close(); <-ended })
		return ln.Addr().String()
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { defer close(ended); _ = server.Serve(counted) }()
	b.Cleanup(func() { _ = server.Close(); <-ended })
	return ln.Addr().String()
}

type countedListener struct {
	net.Listener
	gauge *gauge
}

func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.gauge.change(1)
	return &countedConn{Conn: conn, gauge: l.gauge}, nil
}

type countedConn struct {
	net.Conn
	gauge  *gauge
	closed sync.Once
}

func (c *countedConn) Close() error {
	c.closed.Do(func() { c.gauge.change(-1) })
	return c.Conn.Close()
}
