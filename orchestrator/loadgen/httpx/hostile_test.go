package httpx_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// raw is a server of bytes: answer is called with each connection, after its
// first request was read, until the client is gone.
func raw(t *testing.T, answer func(c net.Conn, r *http.Request, nth int)) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	var accepted atomic.Int64
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			nth := int(accepted.Add(1))
			work.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				br := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					answer(c, req, nth)
				}
			})
		}
	})
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func say(c net.Conn, format string, args ...any) { _, _ = fmt.Fprintf(c, format, args...) }

// drip writes a little for as long as it can.
func drip(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// hostile is a server that means no good, and what becomes of a request to it.
type hostile struct {
	name   string
	answer func(c net.Conn, r *http.Request, nth int)
	code   int
	text   string
}

// timeout is short only where it is what is waited for.
func (h hostile) timeout() time.Duration {
	if h.code == httpx.CodeTimeout || h.code == 0 {
		return 200 * time.Millisecond
	}
	return 8 * time.Second
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	for _, tc := range []hostile{
		{"never answers", func(net.Conn, *http.Request, int) {}, httpx.CodeTimeout, "request timeout"},
		{"drips headers", func(c net.Conn, _ *http.Request, _ int) { say(c, "HTTP/1.1 200 OK\r\n"); drip(c, "A: b\r\n") }, 0, ""},
		{"drips a body", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
			drip(c, "x")
		}, httpx.CodeTimeout, "request timeout"},
		{"header bomb", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\n")
			for i := range 4000 {
				say(c, "X-%d: %s\r\n", i, strings.Repeat("y", 60))
			}
			say(c, "\r\n")
		}, httpx.CodeGeneric, httpx.ErrHeaderTooLarge.Error()},
		{"a body said to be too large", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
		}, httpx.CodeGeneric, httpx.ErrBodyTooLarge.Error()},
		{"a body without end", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\n\r\n")
			for {
				if _, err := io.WriteString(c, strings.Repeat("z", 4096)); err != nil {
					return
				}
			}
		}, httpx.CodeGeneric, httpx.ErrBodyTooLarge.Error()},
		{"chunks without end", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				if _, err := io.WriteString(c, "1000\r\n"+strings.Repeat("z", 4096)+"\r\n"); err != nil {
					return
				}
			}
		}, httpx.CodeGeneric, httpx.ErrBodyTooLarge.Error()},
		{"a bomb in gzip", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
			z := gzip.NewWriter(c)
			for {
				if _, err := z.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, httpx.CodeGeneric, httpx.ErrBodyTooLarge.Error()},
		{"truncated body", func(c net.Conn, _ *http.Request, _ int) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
			_ = c.Close()
		}, httpx.CodeGeneric, "unexpected EOF"},
		{"closes without a word", func(c net.Conn, _ *http.Request, _ int) { _ = c.Close() }, httpx.CodeGeneric, "EOF"},
		{"no HTTP", func(c net.Conn, _ *http.Request, _ int) { say(c, "220 mail ready\r\n\r\n") }, httpx.CodeGeneric, ""},
		{"informational answers without end", func(c net.Conn, _ *http.Request, _ int) { drip(c, "HTTP/1.1 102 Processing\r\n\r\n") }, httpx.CodeGeneric, httpx.ErrTooManyInterims.Error()},
		{"resets", func(c net.Conn, _ *http.Request, _ int) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }, httpx.CodeReset, "read: connection reset by peer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, httpx.Config{MaxBody: 1 << 20, MaxHeader: 64 << 10})
			x := client.Do(t.Context(), &httpx.Request{Method: "POST", URL: raw(t, tc.answer), Timeout: tc.timeout()}, nil)
			require.NotNil(t, x.Err)
			assert.Zero(t, x.Status)
			if tc.code != 0 {
				assert.Equal(t, tc.code, x.ErrorCode(), x.Err.Text)
			}
			if tc.text != "" {
				assert.Equal(t, tc.text, x.Err.Text)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &url.URL{Scheme: "http", Host: l.Addr().String()}
	require.NoError(t, l.Close())
	x := get(t, newClient(t, httpx.Config{}), u)
	assert.Equal(t, httpx.CodeDialRefused, x.ErrorCode())
	assert.Equal(t, "dial: connection refused", x.Err.Text)
	assert.ErrorContains(t, x.Err.Unwrap(), "refused")
}

func TestNoSuchHost(t *testing.T) {
	t.Parallel()
	x := get(t, newClient(t, httpx.Config{}), &url.URL{Scheme: "http", Host: "no-such-host.invalid"})
	assert.Contains(t, []int{httpx.CodeNoSuchHost, httpx.CodeDNS}, x.ErrorCode(), x.Err.Text)
}

func TestInformationalAnswersAreSkipped(t *testing.T) {
	t.Parallel()
	u := raw(t, func(c net.Conn, _ *http.Request, _ int) {
		say(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	x := get(t, newClient(t, httpx.Config{}), u)
	require.Nil(t, x.Err)
	assert.Equal(t, "ok", string(x.Body))
	assert.Empty(t, x.Header.Get("Link"))
}

// A server that closes kept connections just as the next request arrives.
func TestRequestIsSentAgainOnlyWhenItDoesNoHarm(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	for method, want := range map[string]struct {
		requests int64
		status   int
	}{"GET": {3, 200}, "POST": {2, 0}} {
		t.Run(method, func(t *testing.T) {
			requests.Store(0)
			u := raw(t, func(c net.Conn, r *http.Request, nth int) {
				requests.Add(1)
				if r.URL.Path == "/die" && nth == 1 {
					_ = c.Close()
					return
				}
				say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			})
			client := newClient(t, httpx.Config{})
			require.Nil(t, get(t, client, u).Err)
			x := client.Do(t.Context(), &httpx.Request{Method: method, URL: u.JoinPath("/die")}, nil)
			assert.Equal(t, want.status, x.Status)
			assert.Equal(t, want.requests, requests.Load())
		})
	}
}

// A kept connection that the server closed a while ago is not used for a
// request that must not be sent twice.
func TestStaleConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	u := raw(t, func(c net.Conn, _ *http.Request, nth int) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if nth == 1 {
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	client := newClient(t, httpx.Config{})
	require.Nil(t, get(t, client, u).Err)
	<-closed
	assert.Eventually(t, func() bool {
		x := client.Do(t.Context(), &httpx.Request{Method: "POST", URL: u}, nil)
		return x.Err == nil && x.Status == 200
	}, 5*time.Second, 10*time.Millisecond)
}

func TestCancelledRequestEnds(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	u := raw(t, func(net.Conn, *http.Request, int) { arrived <- struct{}{} })
	client := newClient(t, httpx.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	x := client.Do(ctx, &httpx.Request{Method: "GET", URL: u, Timeout: time.Minute}, nil)
	assert.NotNil(t, x.Err)
	assert.NotNil(t, client.Do(ctx, &httpx.Request{Method: "GET", URL: u}, nil).Err, "nothing is sent when ctx is done")
}

func TestServerMayAnswerBeforeItHasReadEverything(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 100))
		say(c, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	}()
	x := newClient(t, httpx.Config{}).Do(t.Context(), &httpx.Request{
		Method: "POST", URL: &url.URL{Scheme: "http", Host: l.Addr().String()}, Body: make([]byte, 1<<20),
	}, nil)
	require.Nil(t, x.Err)
	assert.Equal(t, 413, x.Status)
	_ = l.Close()
	<-done
}

func BenchmarkGet(b *testing.B) {
	body := strings.Repeat("x", 500)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	client := httpx.NewClient(httpx.NewTransport(httpx.Config{}))
	defer client.Close()
	req := &httpx.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/"}}
	b.ReportAllocs()
	for b.Loop() {
		if x := client.Do(b.Context(), req, nil); x.Err != nil {
			b.Fatal(x.Err)
		}
	}
}
