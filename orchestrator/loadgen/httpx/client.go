package httpx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const maxIdlePerHost = 8

// Client is one virtual user's HTTP client: its own connections and cookies.
// It is safe for concurrent use.
type Client struct {
	transport *Transport

	mu       sync.Mutex
	idle     map[hostKey][]*conn
	jar      *cookiejar.Jar
	standard *http.Transport  // nil until something needs it
	speaksH2 map[hostKey]bool // hosts that were seen to
}

// NewClient returns a client with no connection yet. Close it in the end.
func NewClient(t *Transport) *Client { return &Client{transport: t} }

// Close closes the idle connections. The client can still be used.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conns := range c.idle {
		for _, cn := range conns {
			_ = cn.Close()
		}
	}
	c.idle = nil
	if c.standard != nil {
		c.standard.CloseIdleConnections()
	}
}

// ResetCookies forgets all cookies.
func (c *Client) ResetCookies() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jar = nil
}

// Jar returns the jar with the client's cookies.
func (c *Client) Jar() *cookiejar.Jar {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jar == nil {
		c.jar, _ = cookiejar.New(nil) // never fails without options
	}
	return c.jar
}

// Do sends the request, follows redirects, and returns the last hop. each is
// called for every hop, the last included; it may be nil. A redirect that leads
// nowhere makes an Exchange of its own, with nothing but the error. Do returns when the
// answer is complete, when the request's timeout is over or when ctx is done.
func (c *Client) Do(ctx context.Context, req *Request, each func(*Exchange)) *Exchange {
	if pace := c.transport.pace; pace != nil {
		if err := pace.Wait(ctx); err != nil {
			return &Exchange{Method: req.Method, URL: req.URL, Err: classify(err)}
		}
	}
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	deadline := time.Now().Add(timeout)
	hop := req
	for followed := 0; ; followed++ {
		x := c.hop(ctx, hop, deadline)
		if answer := challenged(req, hop, x); answer != nil {
			if each != nil {
				each(x)
			}
			hop = answer
			x = c.hop(ctx, hop, deadline)
		}
		next, err := redirect(req, hop, x)
		if next != nil && followed >= req.MaxRedirects {
			x.StoppedAt = followed
			next = nil
		}
		if each != nil {
			each(x)
		}
		if err != nil {
			// What was asked got its answer; it is the whole that failed.
			return &Exchange{Method: x.Method, URL: x.URL, Err: &Error{Code: CodeGeneric, Text: err.Error(), err: err}}
		}
		if next == nil {
			return x
		}
		hop = next
	}
}

// hop performs one request without redirects.
func (c *Client) hop(ctx context.Context, req *Request, deadline time.Time) *Exchange {
	x := &Exchange{Method: req.Method, URL: req.URL, Proto: "HTTP/1.1"}
	key, err := keyOf(req.URL)
	if err != nil {
		x.Err = &Error{Code: CodeGeneric, Text: err.Error(), err: err}
		return x
	}
	if err := checkFields(req); err != nil {
		x.Err = classify(err)
		return x
	}
	for fresh := false; ; fresh = true {
		again, err := c.attempt(ctx, req, x, attemptOptions{key: key, deadline: deadline, fresh: fresh})
		if again && !fresh {
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			x.Err = classify(err)
		}
		return x
	}
}

type attemptOptions struct {
	key      hostKey
	begin    time.Time
	deadline time.Time
	fresh    bool // do not use an idle connection
}

// attempt sends the request once. again means that a reused connection was
// closed under it and that sending it once more does no harm.
func (c *Client) attempt(ctx context.Context, req *Request, x *Exchange, o attemptOptions) (again bool, err error) {
	o.begin = time.Now()
	x.Times = Timings{}
	if c.isStandard(req.URL, o.key) {
		return false, c.attemptStandard(ctx, req, x, o, nil)
	}
	cn, err := c.connection(ctx, req, &x.Times, o)
	x.Times.Blocked = time.Since(o.begin)
	if err != nil {
		return false, err
	}
	if cn.h2 {
		return false, c.attemptStandard(ctx, req, x, o, cn)
	}
	x.Remote, x.TLS = cn.remote, cn.secure
	x.Cookie = c.cookies(req)
	keep, err := c.onConn(ctx, req, x, cn, o.deadline)
	sent, received := cn.wire.take() // the first time, those of the handshake too
	x.Sent, x.Received = x.Sent+sent, x.Received+received
	if keep && err == nil {
		cn.used = true
		c.release(cn)
		return false, nil
	}
	_ = cn.Close()
	if err == nil {
		return false, nil
	}
	return cn.used && !cn.got && ctx.Err() == nil && !isTimeout(err) && replayable(req.Method), err
}

// onConn writes the request and reads the answer. keep says that the
// connection can serve another request.
func (c *Client) onConn(ctx context.Context, req *Request, x *Exchange, cn *conn, deadline time.Time) (keep bool, err error) {
	if err := cn.SetDeadline(deadline); err != nil {
		return false, err
	}
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { _ = cn.SetDeadline(time.Unix(1, 0)) })
		defer func() { keep = stop() && keep }()
	}
	begin := time.Now()
	writeErr := c.write(cn, req, x.Cookie)
	written := time.Now()
	x.Times.Sending = written.Sub(begin)
	if writeErr != nil && cn.used {
		return false, writeErr
	}
	// A server may answer and close before it has read everything, so an
	// answer is looked for even when the rest could not be written.
	keep, err = c.read(cn, req, x)
	if cn.got {
		x.Times.Waiting = max(cn.firstByte.Sub(written), 0)
		x.Times.Receiving = time.Since(cn.firstByte)
	} else {
		x.Times.Waiting = time.Since(written)
	}
	if err != nil && writeErr != nil {
		return false, writeErr
	}
	return keep && writeErr == nil, err
}

// connection returns an idle connection or a new one.
func (c *Client) connection(ctx context.Context, req *Request, times *Timings, o attemptOptions) (*conn, error) {
	for !o.fresh {
		cn := c.takeIdle(o.key)
		if cn == nil {
			break
		}
		if replayable(req.Method) || !stale(cn.wire.Conn) {
			return cn, nil
		}
		_ = cn.Close()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, o.deadline)
	defer cancel()
	return c.transport.dial(ctx, o.key, times, c.transport.protocols()...)
}

func (c *Client) takeIdle(key hostKey) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	conns := c.idle[key]
	if len(conns) == 0 {
		return nil
	}
	cn := conns[len(conns)-1]
	c.idle[key] = conns[:len(conns)-1]
	return cn
}

func (c *Client) release(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle[cn.key]) >= maxIdlePerHost {
		_ = cn.Close()
		return
	}
	if c.idle == nil {
		c.idle = map[hostKey][]*conn{}
	}
	c.idle[cn.key] = append(c.idle[cn.key], cn)
}

// cookies returns the Cookie header of a request: the jar's, and what its own
// headers bring.
func (c *Client) cookies(req *Request) string {
	jar := req.extras().Jar
	if jar == nil {
		c.mu.Lock()
		jar = c.jar
		c.mu.Unlock()
	}
	var line string
	if jar != nil {
		for _, ck := range jar.Cookies(req.URL) {
			if !slices.Contains(req.extras().Instead, ck.Name) {
				line = joinCookies(line, ck.Name+"="+ck.Value)
			}
		}
	}
	for _, f := range req.Header {
		if strings.EqualFold(f.Name, "Cookie") {
			line = joinCookies(line, f.Value)
		}
	}
	return line
}

func joinCookies(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (c *Client) keepCookies(req *Request, resp *http.Response) {
	if len(resp.Header["Set-Cookie"]) == 0 {
		return
	}
	jar := req.extras().Jar
	if jar == nil {
		jar = c.Jar()
	}
	jar.SetCookies(req.URL, resp.Cookies())
}

func replayable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

func keyOf(u *url.URL) (hostKey, error) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return hostKey{}, fmt.Errorf("unsupported protocol scheme %q", u.Scheme)
	case host == "":
		return hostKey{}, errors.New("no host in request URL")
	case port == "" && u.Scheme == "http":
		port = "80"
	case port == "":
		port = "443"
	}
	return hostKey{host: host, port: port, tls: u.Scheme == "https"}, nil
}

var _ net.Conn = (*conn)(nil)
