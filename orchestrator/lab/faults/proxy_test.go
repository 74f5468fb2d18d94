package faults_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/faults"
)

// body is longer than the pieces that the proxy forwards.
var body = strings.Repeat("0123456789", 1000)

// served is a server behind a proxy, and what the server has heard.
type served struct {
	proxy *faults.Proxy
	url   string
	heard chan string // the bodies that arrived
}

func serve(t *testing.T, plan faults.Plan) served {
	t.Helper()
	s := served{heard: make(chan string, 10)}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			s.heard <- string(b)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(upstream.Close)
	s.proxy = faults.New(upstream.Listener.Addr().String(), plan)
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.proxy.Serve(ctx, at) }()
	t.Cleanup(func() { cancel(); assert.NoError(t, <-done) })
	s.url = "http://" + at.Addr().String()
	return s
}

// post sends a request on a connection of its own.
func (s served) post(t *testing.T, patience time.Duration) (string, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	answer, err := client.Post(s.url, "text/plain", strings.NewReader("question"))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return string(b), err
}

func once(f faults.Fault) faults.Plan { return func() faults.Fault { return f } }

func TestWhatPasses(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]faults.Fault{
		"nothing wrong": {},
		"late":          {Delay: time.Millisecond},
		"slow":          {Rate: 1 << 20},
		"lingering":     {Linger: time.Millisecond},
		"cut later":     {Cut: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, once(f))
			got, err := s.post(t, time.Minute)
			require.NoError(t, err)
			require.Equal(t, body, got)
			require.Equal(t, "question", <-s.heard)
		})
	}
}

func TestAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]int{"whole": 1, "in its headers": 20, "in its body": 5000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, once(faults.Fault{Cut: cut}))
			got, err := s.post(t, time.Minute)
			require.Error(t, err)
			require.Less(t, len(got), cut)
			require.Equal(t, "question", <-s.heard, "the server heard it all the same")
		})
	}
}

func TestNothingArrives(t *testing.T) {
	t.Parallel()
	s := serve(t, once(faults.Fault{Name: "refused", Refuse: true}))
	_, err := s.post(t, time.Minute)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	s.proxy.Set(once(faults.Fault{Name: "half open", HalfOpen: true}))
	_, err = s.post(t, 50*time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, s.heard)
	s.proxy.Set(nil)
	_, err = s.post(t, time.Minute)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"refused": 1, "half open": 1, "none": 1}, s.proxy.Counts())
}

// What is open can be broken and made half open too, over a socket's path as well.
func TestOpenConnections(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "echo")
	echo, err := net.Listen("unix", at)
	require.NoError(t, err)
	var echoing sync.WaitGroup
	echoing.Go(func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			echoing.Go(func() { _, _ = io.Copy(c, c); _ = c.Close() })
		}
	})
	defer func() { _ = echo.Close(); echoing.Wait() }()
	proxy := faults.New(at, nil)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- proxy.Serve(ctx, front) }()
	defer func() { cancel(); require.NoError(t, <-done) }()

	say := func(c net.Conn, patience time.Duration) error {
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		if _, err := c.Write([]byte("a")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	broken, err := net.Dial("tcp", front.Addr().String())
	require.NoError(t, err)
	defer broken.Close()
	require.NoError(t, say(broken, time.Minute))
	require.Equal(t, 1, proxy.Open())
	proxy.Break()
	require.ErrorIs(t, say(broken, time.Minute), syscall.ECONNRESET)

	muted, err := net.Dial("tcp", front.Addr().String())
	require.NoError(t, err)
	require.NoError(t, say(muted, time.Minute))
	proxy.Mute()
	require.ErrorIs(t, say(muted, 50*time.Millisecond), os.ErrDeadlineExceeded)
	require.NoError(t, muted.Close())
	require.Eventually(t, func() bool { return proxy.Open() == 0 }, time.Minute, time.Millisecond, "whoever gives up is let go")
}

// A server that is gone looks to the client as it is: gone.
func TestNobodyBehind(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	proxy := faults.New(gone.Addr().String(), nil)
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- proxy.Serve(ctx, at) }()
	defer func() { cancel(); require.NoError(t, <-done) }()
	_, err = served{url: "http://" + at.Addr().String()}.post(t, time.Minute)
	require.Error(t, err)
}
