package httpx

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What the lean client does not speak goes through net/http: HTTP/2, and
// requests that a proxy passes on. Names, guard, TLS and the counts of bytes are
// the same, because net/http gets its connections from Transport as well.

// h2 is the name of HTTP/2 in a TLS handshake.
const h2 = "h2"

// newStandard returns one virtual user's net/http.
func (t *Transport) newStandard() *http.Transport {
	secure := t.config.TLS.Clone()
	secure.NextProtos = nil // net/http adds its own
	if len(t.config.ClientCertificates) > 0 {
		secure.GetClientCertificate = t.clientCertificate
	}
	s := &http.Transport{
		DialContext: t.dialPlain, DialTLSContext: t.dialSecure, TLSClientConfig: secure,
		ForceAttemptHTTP2: !t.config.OnlyHTTP1, DisableCompression: true, DisableKeepAlives: t.config.NoConnectionReuse,
		MaxIdleConnsPerHost: maxIdlePerHost, MaxResponseHeaderBytes: t.config.MaxHeader, TLSHandshakeTimeout: dialTimeout,
	}
	if t.config.Proxy != nil {
		s.Proxy = func(r *http.Request) (*url.URL, error) { return t.config.Proxy(r.URL) }
	}
	return s
}

// round is one request of net/http, and what is told of it on the way.
type round struct {
	key hostKey

	mu        sync.Mutex
	dialed    *conn // that net/http has yet to take over
	times     Timings
	wire      *wire
	remote    net.Addr
	got       time.Time // a connection
	wrote     time.Time // the whole request
	firstByte time.Time
	shaking   time.Time // since when TLS is agreed on through a proxy
}

// roundKey is where a context carries its round.
type roundKey struct{}

func roundOf(ctx context.Context) *round {
	r, _ := ctx.Value(roundKey{}).(*round)
	return r
}

func (r *round) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// take returns the connection that was dialed before net/http asked, once.
func (r *round) take() (cn *conn) {
	r.note(func() { cn, r.dialed = r.dialed, nil })
	return cn
}

func (r *round) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:           func(info httptrace.GotConnInfo) { r.note(func() { r.gotConn(info) }) },
		TLSHandshakeStart: func() { r.note(func() { r.shaking = time.Now() }) },
		TLSHandshakeDone: func(tls.ConnectionState, error) {
			r.note(func() { r.times.TLSHandshaking = time.Since(r.shaking) })
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { r.note(func() { r.wrote = time.Now() }) },
		GotFirstResponseByte: func() { r.note(func() { r.firstByte = time.Now() }) },
	}
}

func (r *round) gotConn(info httptrace.GotConnInfo) {
	r.got, r.wrote, r.firstByte = time.Now(), time.Time{}, time.Time{}
	r.remote = info.Conn.RemoteAddr()
	inner := info.Conn
	for {
		outer, ok := inner.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		inner = outer.NetConn()
	}
	r.wire, _ = inner.(*wire)
	switch shaken := r.times.TLSHandshaking; {
	case info.Reused:
		r.times = Timings{}
	case r.wire != nil:
		if r.times = r.wire.times; r.times.TLSHandshaking == 0 {
			r.times.TLSHandshaking = shaken
		}
	}
}

// dialPlain connects for net/http: to a proxy, in most cases.
func (t *Transport) dialPlain(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address of proxy: %w", err)
	}
	return t.dialFor(ctx, hostKey{host: host, port: port})
}

// dialSecure connects and agrees on TLS for net/http.
func (t *Transport) dialSecure(ctx context.Context, _, address string) (net.Conn, error) {
	if r := roundOf(ctx); r != nil {
		if cn := r.take(); cn != nil {
			return cn.Conn, nil
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	return t.dialFor(ctx, hostKey{host: host, port: port, tls: true})
}

func (t *Transport) dialFor(ctx context.Context, key hostKey) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var times Timings
	cn, err := t.dial(ctx, key, &times, t.protocols()...)
	if err != nil {
		if r := roundOf(ctx); r != nil {
			r.note(func() { r.times = times })
		}
		return nil, err
	}
	return cn.Conn, nil
}

// protocols are what is offered in a TLS handshake.
func (t *Transport) protocols() []string {
	if t.config.OnlyHTTP1 {
		return []string{"http/1.1"}
	}
	return []string{h2, "http/1.1"}
}

// clientCertificate answers a server behind a proxy that asks who is there.
func (t *Transport) clientCertificate(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if r := roundOf(info.Context()); r != nil {
		for _, c := range t.certificates(r.key.host) {
			if info.SupportsCertificate(&c) == nil {
				return &c, nil
			}
		}
	}
	return &tls.Certificate{}, nil
}

// isStandard reports whether a request is net/http's work. An https host is,
// once it has been seen to speak HTTP/2.
func (c *Client) isStandard(u *url.URL, key hostKey) bool {
	if proxy := c.transport.config.Proxy; proxy != nil {
		if via, err := proxy(u); via != nil || err != nil {
			return true
		}
	}
	if !key.tls || c.transport.config.OnlyHTTP1 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.speaksH2[key]
}

// standardOf returns the client's net/http, made when it is first needed. With
// key, that host is remembered to speak HTTP/2.
func (c *Client) standardOf(key *hostKey) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.standard == nil {
		c.standard = c.transport.newStandard()
	}
	if key != nil {
		if c.speaksH2 == nil {
			c.speaksH2 = map[hostKey]bool{}
		}
		c.speaksH2[*key] = true
	}
	return c.standard
}

// attemptStandard performs one request with net/http. dialed is a connection to
// begin with, or nil.
func (c *Client) attemptStandard(ctx context.Context, req *Request, x *Exchange, o attemptOptions, dialed *conn) error {
	ctx, cancel := context.WithDeadline(ctx, o.deadline)
	defer cancel()
	r := &round{key: o.key, dialed: dialed}
	x.Cookie = c.cookies(req)
	var known *hostKey
	if dialed != nil {
		known = &o.key
	}
	err := c.roundTrip(context.WithValue(ctx, roundKey{}, r), c.standardOf(known), req, x)
	if left := r.take(); left != nil { // another connection came first
		_ = left.Close()
	}
	r.note(func() { r.tell(x, o.begin) })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (c *Client) roundTrip(ctx context.Context, via *http.Transport, req *Request, x *Exchange) error {
	r := roundOf(ctx)
	hreq, err := c.standardRequest(httptrace.WithClientTrace(ctx, r.trace()), req, x.Cookie)
	if err != nil {
		return err
	}
	resp, err := via.RoundTrip(hreq)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.TLS != nil {
		x.TLS = TLS{resp.TLS.Version, resp.TLS.CipherSuite}
	}
	_, err = c.take(resp, req, x)
	return err
}

// tell writes down what is known of the request in the end.
func (r *round) tell(x *Exchange, begin time.Time) {
	now := time.Now()
	x.Times = r.times
	if r.got.IsZero() {
		x.Times.Blocked = now.Sub(begin)
		return
	}
	x.Times.Blocked = r.got.Sub(begin)
	if a, ok := r.remote.(*net.TCPAddr); ok {
		x.Remote = a.AddrPort()
	}
	if r.wire != nil {
		sent, received := r.wire.take()
		x.Sent, x.Received = x.Sent+sent, x.Received+received
	}
	wrote, first := r.wrote, r.firstByte
	if first.IsZero() {
		first = now
	}
	if wrote.IsZero() || wrote.After(first) {
		wrote = first // an answer may come before all was sent
	}
	x.Times.Sending, x.Times.Waiting, x.Times.Receiving = max(wrote.Sub(r.got), 0), first.Sub(wrote), now.Sub(first)
}

// standardRequest writes a request as net/http wants it.
func (c *Client) standardRequest(ctx context.Context, req *Request, cookie string) (*http.Request, error) {
	var body io.Reader
	if len(req.Body) > 0 {
		body = bytes.NewReader(req.Body)
	}
	h, err := http.NewRequestWithContext(ctx, req.Method, "http://host", body)
	if err != nil {
		return nil, err
	}
	u := *req.URL
	u.User = nil
	h.URL, h.Host = &u, asciiHost(req.URL.Host)
	h.Header.Set("User-Agent", c.transport.config.UserAgent) // none rather than net/http's own
	if proof := basicProof(req.URL); proof != "" {
		h.Header.Set("Authorization", proof)
	}
	given := map[string]bool{}
	for _, f := range req.Header {
		switch {
		case strings.EqualFold(f.Name, "Host"):
			h.Host = f.Value
		case strings.EqualFold(f.Name, "Content-Length"), strings.EqualFold(f.Name, "Cookie"):
		case strings.EqualFold(f.Name, "Connection") && strings.EqualFold(f.Value, "close"):
			h.Close = true
		default:
			name := http.CanonicalHeaderKey(f.Name)
			if !given[name] {
				h.Header.Del(name)
			}
			given[name] = true
			h.Header.Add(name, f.Value)
		}
	}
	if cookie != "" {
		h.Header.Set("Cookie", cookie)
	}
	return h, nil
}
