package httpx_test

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

func serveH2(t *testing.T, h http.HandlerFunc) (*httptest.Server, *url.URL) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, parse(t, s.URL)
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	_, u := serveH2(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Proto+" "+r.RemoteAddr+string(body))
	})
	client := newClient(t, httpx.Config{InsecureSkipVerify: true})
	first, second := get(t, client, u), get(t, client, u)
	require.Nil(t, first.Err)
	require.Nil(t, second.Err)
	assert.Equal(t, "HTTP/2.0", first.Proto)
	assert.Equal(t, string(first.Body), string(second.Body), "the connection is kept")
	assert.Positive(t, first.Times.TLSHandshaking)
	assert.Positive(t, first.Times.Connecting)
	assert.GreaterOrEqual(t, first.Times.Blocked, first.Times.Connecting+first.Times.TLSHandshaking)
	assert.Zero(t, second.Times.Connecting+second.Times.TLSHandshaking)
	assert.Greater(t, first.Received, second.Received, "the handshake counts once")
	assert.Positive(t, second.Sent)
	assert.Equal(t, u.Host, second.Remote.String())

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { assert.Equal(t, 200, get(t, client, u).Status) })
	}
	group.Wait()

	plain := newClient(t, httpx.Config{InsecureSkipVerify: true, OnlyHTTP1: true})
	assert.Equal(t, "HTTP/1.1", get(t, plain, u).Proto)
}

// Virtual users that start anew in each iteration open a connection each time.
func TestHTTP2ConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	_, u := serveH2(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	for name, c := range map[string]httpx.Config{"by Close": {}, "by the option": {NoConnectionReuse: true}} {
		c.InsecureSkipVerify = true
		client := newClient(t, c)
		first := get(t, client, u)
		if !c.NoConnectionReuse {
			client.Close()
		}
		second := get(t, client, u)
		require.Nil(t, second.Err, name)
		assert.Equal(t, "HTTP/2.0", second.Proto, name)
		assert.NotEqual(t, string(first.Body), string(second.Body), name)
		assert.Positive(t, second.Times.TLSHandshaking, name)
	}
}

// A server that says goodbye is greeted anew.
func TestHTTP2ServerGoesAway(t *testing.T) {
	t.Parallel()
	_, u := serveH2(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // becomes a GOAWAY
		_, _ = io.WriteString(w, r.RemoteAddr)
	})
	client := newClient(t, httpx.Config{InsecureSkipVerify: true})
	for range 20 {
		require.Nil(t, get(t, client, u).Err)
	}
}

// The guard is asked also where net/http dials: about the proxy's address.
func TestGuardOfProxies(t *testing.T) {
	t.Parallel()
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.String()) })
	via := func(*url.URL) (*url.URL, error) { return proxy, nil }
	target := parse(t, "http://events.test/a")
	x := get(t, newClient(t, httpx.Config{Proxy: via}), target)
	require.Nil(t, x.Err)
	assert.Equal(t, "http://events.test/a", string(x.Body))

	refuse := func(netip.Addr) error { return errors.New("refused by the guard") }
	x = get(t, newClient(t, httpx.Config{Proxy: via, Guard: refuse}), target)
	require.NotNil(t, x.Err)
	assert.Equal(t, httpx.CodeBlockedIP, x.ErrorCode(), x.Err.Text)

	broken := func(*url.URL) (*url.URL, error) { return nil, errors.New("no such proxy") }
	assert.ErrorContains(t, get(t, newClient(t, httpx.Config{Proxy: broken}), target).Err, "no such proxy")
}

// A body that nobody wants takes no memory, whatever its size.
func TestUnwantedBodyIsNotKept(t *testing.T) {
	const size = 100 << 20
	block := make([]byte, 64<<10)
	u := raw(t, func(c net.Conn, _ *http.Request, _ int) {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		for range size / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	client := newClient(t, httpx.Config{MaxBody: 1 << 20})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x := client.Do(t.Context(), &httpx.Request{Method: "GET", URL: u, Discard: true}, nil)
	runtime.ReadMemStats(&after)
	require.Nil(t, x.Err)
	assert.GreaterOrEqual(t, x.Received, int64(size))
	assert.Nil(t, x.Body)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

// net/http's words for what breaks HTTP/2, and k6's.
func TestFailuresOfHTTP2(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]struct {
		code int
		text string
	}{
		"stream error: stream ID 3; INTERNAL_ERROR; received from peer": {1633, "http2: stream error with http2 ErrCode INTERNAL_ERROR"},
		"stream error: stream ID 5; CANCEL":                             {1639, "http2: stream error with http2 ErrCode CANCEL"},
		"connection error: PROTOCOL_ERROR":                              {1652, "http2: connection error with http2 ErrCode PROTOCOL_ERROR"},
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`: {
			1611, "http2: received GoAway with http2 ErrCode NO_ERROR",
		},
		"connection error: NEW_ERROR":                                  {1650, "http2: connection error with http2 ErrCode NEW_ERROR"},
		"stream error: stream ID 3; unknown error code 0x77":           {1000, "stream error: stream ID 3; unknown error code 0x77"},
		"a page may say stream error: stream ID 3; INTERNAL_ERROR too": {1000, "a page may say stream error: stream ID 3; INTERNAL_ERROR too"},
	} {
		err := httpx.Classify(words)
		assert.Equal(t, want.code, err.Code, words)
		assert.Equal(t, want.text, err.Text)
	}
}
