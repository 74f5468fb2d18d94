package target_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// prober waits longer than any good answer here takes. Rows that hang set less.
func prober() *target.Prober {
	p := target.New(target.Guard{AllowPrivate: true}, "probe/1")
	p.Timeout, p.Reset, p.Pause = 10*time.Second, 10*time.Second, time.Millisecond
	return p
}

const short = 150 * time.Millisecond

// serve returns the address of a server with the handler.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// speak returns the address of a server that says whatever talk says, after it
// has read a request's head.
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
	return l.Addr().String()
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

func TestAnswers(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		talk   func(net.Conn, <-chan struct{})
		hangs  bool // ends only with the deadline
		status int
	}{
		"200":                     {say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"), false, 200},
		"404":                     {say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), false, 404},
		"500":                     {say("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), false, 500},
		"HTML":                    {say("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>hello</html>"), false, 200},
		"redirect to itself":      {say("HTTP/1.1 302 Found\r\nLocation: /api/events\r\nContent-Length: 0\r\n\r\n"), false, 302},
		"redirect to no URL":      {say("HTTP/1.1 302 Found\r\nLocation: http://[::bad\r\nContent-Length: 0\r\n\r\n"), false, 302},
		"redirect to metadata":    {say("HTTP/1.1 307 X\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"), false, 307},
		"10 MB":                   {say("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 10<<20)), false, 200},
		"endless":                 {forever("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 64<<10), 0), false, 200},
		"drip":                    {forever("HTTP/1.1 200 OK\r\n\r\n", "x", 5*time.Millisecond), true, 200},
		"broken off":              {say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n["), false, 200},
		"another protocol, hangs": {sayAndHang("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), true, 101},
		"early hints, then 200":   {say("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false, 200},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prober()
			if row.hangs {
				p.Timeout = short
			}
			got := p.Preflight(t.Context(), "http://"+speak(t, row.talk), false)
			require.Equal(t, contest.Preflight{Answered: true, Status: row.status}, got)
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	free := serve(t, http.NotFoundHandler())
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	rows := map[string]struct {
		endpoint string
		hangs    bool
		want     string
	}{
		"refused":             {"http://" + refused(t), false, "connection refused"},
		"hangs":               {"http://" + speak(t, sayAndHang("")), true, "no answer within 150ms"},
		"half a head":         {"http://" + speak(t, sayAndHang("HTTP/1.1 200 OK\r\nX: ")), true, "no answer within 150ms"},
		"drips its head":      {"http://" + speak(t, forever("HTTP/1.1 200 OK\r\n", "X: 1\r\n", 5*time.Millisecond)), true, "no answer within 150ms"},
		"head that is a bomb": {"http://" + speak(t, forever("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("x", 4<<10)+"\r\n", 0)), false, "headers exceeded"},
		"endless hints":       {"http://" + speak(t, forever("", "HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 4<<10)+"\r\n\r\n", 0)), false, "exceeded"},
		"closes":              {"http://" + speak(t, say("")), false, "closed without an answer"},
		"no HTTP":             {"http://" + speak(t, say("SSH-2.0-OpenSSH\r\n"+strings.Repeat("é", 5000)+"\r\n\r\n")), false, "malformed HTTP"},
		"bad certificate":     {secure.URL, false, "certificate signed by unknown authority"},
		"TLS asked of HTTP":   {"https://" + free, false, "does not look like a TLS handshake"},
		"no URL":              {"http://user:secret@bad host", false, "the endpoint is not a URL"},
		"empty":               {"", false, "unsupported protocol scheme"},
		"no web address":      {"ftp://user:secret@127.0.0.1", false, "unsupported protocol scheme"},
		"secret, refused":     {"http://user:secret@" + refused(t) + "/?key=secret#secret", false, "connection refused"},
		"secret, no host":     {"http://user:secret@", false, "no Host"},
		"secret, bad port":    {"http://user:secret", false, "the endpoint is not a URL"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prober()
			if row.hangs {
				p.Timeout = short
			}
			got := p.Preflight(t.Context(), row.endpoint, true)
			require.Contains(t, got.Error, row.want)
			require.NotContains(t, got.Error, "secret")
			require.Less(t, len(got.Error), 400)
			require.Equal(t, contest.Preflight{Error: got.Error}, got)
		})
	}
}

// refused returns an address that nobody listens on.
func refused(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestTriesAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	address := speak(t, func(conn net.Conn, _ <-chan struct{}) {
		if calls.Add(1) == 3 {
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	require.Equal(t, contest.Preflight{Answered: true, Status: 204}, prober().Preflight(t.Context(), "http://"+address, false))

	calls.Store(-100)
	require.False(t, prober().Preflight(t.Context(), "http://"+address, false).Answered)
	require.EqualValues(t, -97, calls.Load(), "three tries")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls.Store(-100)
	require.False(t, prober().Preflight(ctx, "http://"+address, false).Answered)
	require.EqualValues(t, -100, calls.Load(), "a cancelled step asks nobody")
}

func TestReset(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		status  int
		hangs   bool
		finding string
	}{
		"200":  {200, false, ""},
		"204":  {204, false, ""},
		"404":  {404, false, "POST /api/reset answered 404 instead of 200, so the run began with the data that was there."},
		"500":  {500, false, "answered 500"},
		"302":  {302, false, "answered 302"},
		"slow": {0, true, "gave no answer (no answer within 150ms)"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			var mu sync.Mutex
			address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				mu.Lock()
				asked = append(asked, fmt.Sprint(r.Method, " ", r.URL, " ", r.UserAgent(), " ", user, " ", password))
				mu.Unlock()
				if r.Method == http.MethodGet {
					return
				}
				if row.hangs {
					<-r.Context().Done()
					return
				}
				w.WriteHeader(row.status)
			}))
			p := prober()
			if row.hangs {
				p.Reset = short
			}
			got := p.Preflight(t.Context(), "http://u:p@"+address+"/base/", true)
			require.True(t, got.Answered)
			require.Equal(t, row.status, got.Reset)
			if row.finding == "" {
				require.Empty(t, got.Finding)
			} else {
				require.Contains(t, got.Finding, row.finding)
			}
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, []string{"GET /base/api/events?page=1&pageSize=1 probe/1 u p", "POST /base/api/reset probe/1 u p"}, asked)
		})
	}
}
