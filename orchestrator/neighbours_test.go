//go:build chaos

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/internal/promtest"
	"github.com/hackload-kz/hackload/orchestrator/lab/faults"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// What a neighbour may take to come back, on a busy machine.
const patience = 6 * time.Minute

// neighbour is a server behind a network that can go wrong.
type neighbour struct {
	*faults.Proxy
	at string // host:port of the near end
}

// behindANetwork puts a proxy before a server.
func behindANetwork(t *testing.T, upstream string) neighbour {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := neighbour{faults.New(upstream, nil), at.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- n.Serve(ctx, at) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-served); t.Logf("connections: %v", n.Counts()) })
	return n
}

// behindSocket puts a proxy before a PostgreSQL that listens on a socket, and
// returns its address through the proxy.
func behindSocket(t *testing.T, direct string) (neighbour, *url.URL) {
	t.Helper()
	u, err := url.Parse(direct)
	require.NoError(t, err)
	n := behindANetwork(t, filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432"))
	u.Host, u.RawQuery = n.at, "sslmode=disable"
	return n, u
}

// goWrong has the network go wrong in each of its ways: connections that are
// made meet what the dice say, and those that are open are broken again and
// again, so that new ones have to be made. It ends with heal.
func (n neighbour) goWrong(d *dice) (heal func()) {
	n.Set(d.badNetwork())
	ctx, cancel := context.WithCancel(context.Background())
	var breaking sync.WaitGroup
	breaking.Go(func() {
		for wait(ctx, 500*time.Millisecond) == nil {
			n.Break()
		}
	})
	return func() { cancel(); breaking.Wait(); n.Set(nil) }
}

// until waits for something, but no longer than until so many more connections
// were spoiled: on a busy machine no transaction may fit in between, and what is
// begun then has to end after the network has healed.
func (n neighbour) until(t *testing.T, spoiled int, done func() bool) {
	t.Helper()
	count := func() (sum int) {
		for name, many := range n.Counts() {
			if name != "none" {
				sum += many
			}
		}
		return sum
	}
	before := count()
	require.Eventually(t, func() bool { return count() >= before+spoiled || done() }, patience, 50*time.Millisecond)
	t.Logf("%d connections spoiled meanwhile, done %v", count()-before, done())
}

// goAway has the network swallow everything, or refuse it, from now on.
func (n neighbour) goAway(f faults.Fault) {
	n.Set(func() faults.Fault { return f })
	if f.HalfOpen {
		n.Mute()
		return
	}
	n.Break()
}

// ways are the two in which a neighbour is away: noticed at once, or not.
func ways() []faults.Fault {
	return []faults.Fault{{Name: "half open", HalfOpen: true}, {Name: "refused", Refuse: true}}
}

// realPrometheus starts one.
func realPrometheus(t *testing.T) *promtest.Server {
	t.Helper()
	program, err := promtest.Build(t.TempDir())
	require.NoError(t, err)
	p, err := promtest.Start(program)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return p
}

const neighbourToken = "let-me-in-among-neighbours"

// serveAmong starts serve among neighbours.
func serveAmong(t *testing.T, file string, environ ...string) *served {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	pages, metrics := freePort(t), freePort(t)
	s := &served{
		cmd: exec.Command(path, "serve", "--config", file), ended: make(chan error, 1),
		pages: fmt.Sprintf("http://127.0.0.1:%d", pages), metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics),
	}
	s.cmd.Env = append(os.Environ(), "ADMIN_TOKEN="+neighbourToken, "METRICS_ENABLED=true",
		fmt.Sprintf("HEALTH_CHECK_PORT=%d", pages), fmt.Sprintf("METRICS_PORT=%d", metrics))
	s.cmd.Env = append(s.cmd.Env, environ...)
	s.start(t)
	t.Cleanup(func() {
		if t.Failed() {
			_ = s.cmd.Process.Signal(syscall.SIGQUIT) // it says what its goroutines do
			<-s.ended
			t.Logf("serve said:\n%s", &s.log)
		}
	})
	return s
}

// fire has a service run now. It asks until it is heard.
func (s *served) fire(t *testing.T, service contest.ServiceKey) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.pages+"/api/v1/services/"+string(service)+"/run", strings.NewReader(`{"who":"a test","why":"it wants to know"}`))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+neighbourToken)
		client := http.Client{Timeout: 3 * time.Minute}
		answer, err := client.Do(r)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode/100 == 2
	}, patience, 200*time.Millisecond)
}

// requireReady waits until /readyz answers with the code and the words, and
// expects that the process is alive then.
func (s *served) requireReady(t *testing.T, code int, words string) {
	t.Helper()
	var got int
	var text string
	require.Eventually(t, func() bool {
		got, text = answerOf(t, s.pages+"/readyz")
		return got == code && strings.Contains(text, words)
	}, patience, 100*time.Millisecond, "want %d with %q", code, words)
	t.Logf("/readyz: %d %q", got, text)
	alive, _ := answerOf(t, s.pages+"/healthz")
	require.Equal(t, http.StatusOK, alive, "the service must stay up")
}

// holds is what the process has open.
type holds struct{ goroutines, files int }

func (s *served) holds(t *testing.T) (h holds) {
	t.Helper()
	_, text := answerOf(t, s.metrics)
	for name, to := range map[string]*int{"go_goroutines": &h.goroutines, "process_open_fds": &h.files} {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
		if found == nil {
			return holds{}
		}
		value, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		*to = int(value)
	}
	return h
}

// settled is what the process holds once that has been about the same for some
// seconds: the job queue's housekeeping begins only when a replica leads.
func (s *served) settled(t *testing.T) (h holds) {
	t.Helper()
	same := 0
	require.Eventually(t, func() bool {
		now := s.holds(t)
		if same++; now.goroutines == 0 || max(now.goroutines, h.goroutines)-min(now.goroutines, h.goroutines) > 5 {
			h, same = now, 0
		}
		return same >= 6
	}, patience, 500*time.Millisecond)
	return h
}

// requireFlat waits until the process holds no more than it did before it had
// any trouble, but for connections that are kept for the next call.
func (s *served) requireFlat(t *testing.T, before holds) {
	t.Helper()
	const kept = 25 // hundreds of connections broke meanwhile
	var now holds
	flat := assert.Eventually(t, func() bool {
		now = s.holds(t)
		return now.goroutines > 0 && now.goroutines <= before.goroutines+kept && now.files <= before.files+kept
	}, patience, 200*time.Millisecond, "more and more is held")
	t.Logf("goroutines %d before and %d after, open files %d and %d", before.goroutines, now.goroutines, before.files, now.files)
	require.True(t, flat)
}

// line is what a test sees of the runs of a serve, past the network.
type line struct {
	t    *testing.T
	open func() (*store.Store, error)
}

func (l line) runs() []contest.Run {
	l.t.Helper()
	runs, err := l.since(nil)
	require.NoError(l.t, err)
	return runs
}

// since are the runs that are none of the earlier ones.
func (l line) since(earlier []contest.Run) ([]contest.Run, error) {
	s, err := l.open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	runs, err := s.Runs(l.t.Context(), store.RunFilter{Limit: 1000})
	return slices.DeleteFunc(runs, func(r contest.Run) bool {
		return slices.ContainsFunc(earlier, func(e contest.Run) bool { return e.ID == r.ID })
	}), err
}

// until waits until some run that is none of the earlier ones is in the state.
func (l line) until(state contest.RunState, earlier []contest.Run) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		runs, err := l.since(earlier)
		return err == nil && slices.ContainsFunc(runs, func(r contest.Run) bool { return r.State == state })
	}, patience, 20*time.Millisecond, "no run is %s", state)
}

// newer is since, past any trouble.
func (l line) newer(earlier []contest.Run) []contest.Run {
	l.t.Helper()
	runs, err := l.since(earlier)
	require.NoError(l.t, err)
	return runs
}

// isOver reports whether there are runs since the earlier ones, all judged.
func (l line) isOver(earlier []contest.Run) bool {
	runs, err := l.since(earlier)
	return err == nil && len(runs) > 0 && !slices.ContainsFunc(runs, func(r contest.Run) bool { return !r.State.Final() })
}

// over waits until all runs since the earlier ones are judged, and returns them.
func (l line) over(earlier []contest.Run) []contest.Run {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return l.isOver(earlier) }, patience, 50*time.Millisecond, "the round does not end")
	runs := l.newer(earlier)
	for _, r := range runs {
		require.NotEqual(l.t, contest.OutcomeFailed, r.Outcome, "a good team has failed because a neighbour did")
	}
	return runs
}

// requireAllPassed waits until the Hub holds that each team has passed. A team may
// have had no data before that, but no failure, and nothing else after it.
func requireAllPassed(t *testing.T, h *labhub.Hub, teams ...contest.Slug) {
	t.Helper()
	passed := map[contest.Slug]bool{}
	require.Eventually(t, func() bool {
		history, err := h.History(t.Context())
		clear(passed)
		for _, row := range history {
			passed[row.Team] = row.Status == contest.Passed
		}
		return err == nil && !slices.ContainsFunc(teams, func(s contest.Slug) bool { return !passed[s] })
	}, patience, 50*time.Millisecond, "the Hub does not hold that all have passed")
	history, err := h.History(t.Context())
	require.NoError(t, err)
	clear(passed)
	for _, row := range history {
		if passed[row.Team] || row.Status != contest.NoData {
			require.Equal(t, contest.Passed, row.Status, row.Team)
		}
		passed[row.Team] = row.Status == contest.Passed
	}
}
