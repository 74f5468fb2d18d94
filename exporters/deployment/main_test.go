package deployment_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// short is how long rows that hang are waited for; others wait far longer than
// any good answer takes.
const short = 200 * time.Millisecond

func httpRule() deployment.Rules {
	return deployment.Rules{Rule: deployment.RuleHTTP, Points: 1, Critical: 75}
}

func dayRule() deployment.Rules {
	return deployment.Rules{Rule: deployment.RuleEndpoints, Points: 110, Critical: 75}
}

func config() deployment.Config {
	return deployment.Config{
		UserAgent: "probe/1", Pause: time.Millisecond, HTTPTimeout: 20 * time.Second, CallTimeout: 20 * time.Second,
		Guard: target.Guard{AllowPrivate: true},
	}
}

func exporter(t *testing.T, c deployment.Config, r deployment.Rules) *deployment.Exporter {
	t.Helper()
	x, err := deployment.New(c, r)
	require.NoError(t, err)
	return x
}

func at(endpoint string) contest.Team {
	return contest.Team{Slug: "team", HackathonID: "h1", Endpoint: endpoint}
}

// one measures one team. Every verdict of every test has to be fit for the Hub.
func one(t *testing.T, x *deployment.Exporter, team contest.Team) contest.Verdict {
	t.Helper()
	var got []contest.Verdict
	require.NoError(t, x.Measure(t.Context(), []contest.Team{team}, func(v contest.Verdict) { got = append(got, v) }))
	require.Len(t, got, 1)
	fit(t, got[0])
	return got[0]
}

func measure(t *testing.T, endpoint string, c deployment.Config, r deployment.Rules) contest.Verdict {
	t.Helper()
	return one(t, exporter(t, c, r), at(endpoint))
}

// finding returns a verdict's finding of a rule; an empty one when there is none.
func finding(v contest.Verdict, rule string) contest.Finding {
	i := slices.IndexFunc(v.Findings, func(f contest.Finding) bool { return f.Rule == rule })
	if i < 0 {
		return contest.Finding{}
	}
	return v.Findings[i]
}

// serve returns the URL of a server with the handler.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// speak returns the URL of a server that says whatever talk says, after it has
// read a request's head.
func speak(t *testing.T, talk func(conn net.Conn, done <-chan struct{})) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					talk(conn, done)
				}
			})
		}
	})
	t.Cleanup(func() { close(done); l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

func say(text string) func(net.Conn, <-chan struct{}) {
	return func(conn net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(conn, text) }
}

// sayAndHang keeps the connection open afterwards.
func sayAndHang(text string) func(net.Conn, <-chan struct{}) {
	return func(conn net.Conn, done <-chan struct{}) { _, _ = io.WriteString(conn, text); <-done }
}

// forever repeats text until the other side has had enough.
func forever(head, text string, pause time.Duration) func(net.Conn, <-chan struct{}) {
	return func(conn net.Conn, done <-chan struct{}) {
		_, err := io.WriteString(conn, head)
		for err == nil {
			_, err = io.WriteString(conn, text)
			select {
			case <-done:
				return
			case <-time.After(pause):
			}
		}
	}
}

// refused returns the URL of an address that nobody listens on.
func refused(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

// free is a lease that is always to be had.
func free(context.Context, string) (func(), bool) { return func() {}, true }
