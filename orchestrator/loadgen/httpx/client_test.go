package httpx_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.Header.Get("User-Agent"))
	}))
	defer srv.Close()
	client := httpx.NewClient(httpx.NewTransport(httpx.Config{UserAgent: "me"}))
	defer client.Close()
	u, _ := url.Parse(srv.URL)
	x := client.Do(context.Background(), &httpx.Request{Method: "GET", URL: u}, nil)
	fmt.Println(x.Status, string(x.Body), x.Times.Duration() > 0)
	// Output: 200 hello me true
}

func serve(t *testing.T, h http.HandlerFunc) *url.URL {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return parse(t, srv.URL)
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

func newClient(t *testing.T, c httpx.Config) *httpx.Client {
	t.Helper()
	client := httpx.NewClient(httpx.NewTransport(c))
	t.Cleanup(client.Close)
	return client
}

func get(t *testing.T, c *httpx.Client, u *url.URL) *httpx.Exchange {
	t.Helper()
	return c.Do(t.Context(), &httpx.Request{Method: "GET", URL: u, MaxRedirects: 10, Timeout: time.Minute}, nil)
}

func TestConnectionIsKept(t *testing.T) {
	t.Parallel()
	var remotes []string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) { remotes = append(remotes, r.RemoteAddr) })
	client := newClient(t, httpx.Config{})
	first, second := get(t, client, u), get(t, client, u)
	require.Nil(t, first.Err)
	require.Nil(t, second.Err)
	assert.Equal(t, remotes[0], remotes[1])
	assert.Positive(t, first.Times.Connecting)
	assert.Zero(t, second.Times.Connecting)
	assert.Positive(t, second.Received)
	assert.Equal(t, u.Host, first.Remote.String())

	fresh := newClient(t, httpx.Config{NoConnectionReuse: true})
	get(t, fresh, u)
	get(t, fresh, u)
	assert.NotEqual(t, remotes[2], remotes[3])
}

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	client := newClient(t, httpx.Config{UserAgent: "agent"})
	target := *u
	target.Path, target.RawQuery, target.User = "/пример", "q=a+b", url.UserPassword("юзер", "п:w")
	large := bytes.Repeat([]byte("x"), 100<<10)
	x := client.Do(t.Context(), &httpx.Request{
		Method: "POST", URL: &target, Body: large,
		Header: []httpx.Field{{"X-Test", "данные"}, {"Host", "other.example"}, {"Content-Length", "7"}},
	}, nil)
	require.Nil(t, x.Err)
	assert.Equal(t, "/пример", got.URL.Path)
	assert.Equal(t, "q=a+b", got.URL.RawQuery)
	assert.Equal(t, "other.example", got.Host)
	assert.Equal(t, "данные", got.Header.Get("X-Test"))
	assert.Equal(t, "agent", got.UserAgent())
	user, password, _ := got.BasicAuth()
	assert.Equal(t, "юзер п:w", user+" "+password)
	assert.Equal(t, int64(len(large)), got.ContentLength)
	assert.Equal(t, large, body)
	assert.GreaterOrEqual(t, x.Sent, int64(len(large)))
	assert.Empty(t, got.Header["Accept-Encoding"], "nothing is asked for that the script did not ask for")
}

func TestHeaderInjectionIsRefused(t *testing.T) {
	t.Parallel()
	u := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came") })
	client := newClient(t, httpx.Config{})
	for name, req := range map[string]httpx.Request{
		"value":  {Method: "GET", URL: u, Header: []httpx.Field{{"A", "b\r\nEvil: 1"}}},
		"name":   {Method: "GET", URL: u, Header: []httpx.Field{{"A\r\nEvil", "b"}}},
		"method": {Method: "GET / HTTP/1.1\r\nEvil: 1\r\n", URL: u},
		"empty":  {Method: "", URL: u},
	} {
		x := client.Do(t.Context(), &req, nil)
		require.NotNil(t, x.Err, name)
		assert.Equal(t, httpx.CodeGeneric, x.Err.Code, name)
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	client := newClient(t, httpx.Config{})
	for _, text := range []string{"ftp://x/", "//x", "http:///x", "/x"} {
		x := get(t, client, parse(t, text))
		require.NotNil(t, x.Err, text)
		assert.Equal(t, httpx.CodeGeneric, x.ErrorCode(), text)
		assert.True(t, x.Failed())
	}
}

func TestDecoding(t *testing.T) {
	t.Parallel()
	const text = "Привет, мир"
	encode := func(w io.WriteCloser) { _, _ = io.WriteString(w, text); _ = w.Close() }
	for name, tc := range map[string]struct {
		encoding string
		make     func(io.Writer)
	}{
		"gzip":        {"gzip", func(w io.Writer) { encode(gzip.NewWriter(w)) }},
		"zlib":        {"deflate", func(w io.Writer) { encode(zlib.NewWriter(w)) }},
		"raw deflate": {"deflate", func(w io.Writer) { f, _ := flate.NewWriter(w, 5); encode(f) }},
		"identity":    {"identity", func(w io.Writer) { _, _ = io.WriteString(w, text) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", tc.encoding)
				tc.make(w)
			})
			client := newClient(t, httpx.Config{})
			for range 2 { // the second shows that the connection is in order
				x := get(t, client, u)
				require.Nil(t, x.Err)
				assert.Equal(t, text, string(x.Body))
			}
		})
	}
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "this is not gzip at all")
	})
	x := get(t, newClient(t, httpx.Config{}), u)
	assert.Equal(t, httpx.CodeDecompression, x.ErrorCode())
}

func TestDiscardedBody(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") })
	client := newClient(t, httpx.Config{})
	x := client.Do(t.Context(), &httpx.Request{Method: "GET", URL: u, Discard: true}, nil)
	require.Nil(t, x.Err)
	assert.Nil(t, x.Body)
	assert.Equal(t, 200, x.Status)
	x = client.Do(t.Context(), &httpx.Request{Method: "HEAD", URL: u}, nil)
	require.Nil(t, x.Err)
	assert.Empty(t, x.Body)
	assert.Zero(t, x.Times.Connecting, "the connection was kept after both")
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var other *url.URL
	seen := func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s auth=%q body=%q", r.Method, r.URL.Path, r.Header.Get("Authorization"), b)
	}
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/302":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/307":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/away":
			http.Redirect(w, r, other.String()+"/end", http.StatusTemporaryRedirect)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/gopher":
			w.Header().Set("Location", "gopher://x/")
			w.WriteHeader(http.StatusFound)
		default:
			seen(w, r)
		}
	})
	other = serve(t, seen)
	client := newClient(t, httpx.Config{})
	for _, tc := range []struct {
		path, body string
		hops       int
	}{
		{"/302", `GET /end auth="secret" body=""`, 2},
		{"/307", `POST /end auth="secret" body="b"`, 2},
		{"/away", `POST /end auth="" body="b"`, 2},
		{"/nowhere", "", 1},
	} {
		hops := 0
		x := client.Do(t.Context(), &httpx.Request{
			Method: "POST", URL: u.JoinPath(tc.path), Body: []byte("b"), MaxRedirects: 10,
			Header: []httpx.Field{{"Authorization", "secret"}},
		}, func(*httpx.Exchange) { hops++ })
		require.Nil(t, x.Err, tc.path)
		assert.Equal(t, tc.body, string(x.Body), tc.path)
		assert.Equal(t, tc.hops, hops, tc.path)
	}
	circle := get(t, client, u.JoinPath("/circle"))
	assert.Nil(t, circle.Err)
	assert.Equal(t, http.StatusFound, circle.Status)
	assert.Equal(t, 10, circle.StoppedAt)
	assert.NotNil(t, get(t, client, u.JoinPath("/gopher")).Err)
}

func TestCookies(t *testing.T) {
	t.Parallel()
	var got []string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
	})
	client := newClient(t, httpx.Config{})
	get(t, client, u)
	client.Do(t.Context(), &httpx.Request{Method: "GET", URL: u, Header: []httpx.Field{{"Cookie", "b=2"}}}, nil)
	client.ResetCookies()
	get(t, client, u)
	assert.Equal(t, []string{"", "a=1; b=2", ""}, got)
}

func TestGuard(t *testing.T) {
	t.Parallel()
	reached := false
	u := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
	var asked netip.Addr
	client := newClient(t, httpx.Config{Guard: func(a netip.Addr) error {
		asked = a
		return errors.New("not this one")
	}})
	u.Host = "localhost:" + u.Port() // a name, so that the guard sees what it resolves to
	x := get(t, client, u)
	assert.Equal(t, httpx.CodeBlockedIP, x.ErrorCode())
	assert.Equal(t, "not this one", x.Err.Error())
	assert.True(t, asked.IsLoopback())
	assert.False(t, reached)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "safe") }))
	t.Cleanup(srv.Close)
	srv.Config.ErrorLog = nil
	u := parse(t, srv.URL)
	assert.Equal(t, httpx.CodeUnknownCA, get(t, newClient(t, httpx.Config{}), u).ErrorCode())

	client := newClient(t, httpx.Config{InsecureSkipVerify: true})
	first, second := get(t, client, u), get(t, client, u)
	require.Nil(t, first.Err)
	assert.Equal(t, "safe", string(first.Body))
	assert.Positive(t, first.Times.TLSHandshaking)
	assert.Zero(t, second.Times.TLSHandshaking)

	known := newClient(t, httpx.Config{TLS: &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12, ServerName: "wrong.invalid"}})
	assert.Equal(t, httpx.CodeHostname, get(t, known, u).ErrorCode())

	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	plain.Scheme = "https"
	assert.Equal(t, httpx.CodeTLS+1, get(t, client, plain).ErrorCode())
}

func TestStatusesHaveCodes(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	client := newClient(t, httpx.Config{})
	for want, code := range map[int]int{200: 0, 204: 0, 404: 1404, 419: 1419, 503: 1503} {
		status.Store(int64(want))
		x := get(t, client, u)
		require.Nil(t, x.Err)
		assert.Equal(t, want, x.Status)
		assert.Equal(t, code, x.ErrorCode())
		assert.False(t, strings.HasPrefix(x.StatusText, "4"))
	}
}
