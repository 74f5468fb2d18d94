package httpx

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

const maxMessage = 16 << 20

// Socket is a connection for another protocol than HTTP, made as requests make
// theirs: the same names, guard and TLS.
type Socket struct {
	net.Conn
	// Times tells how the connection came about.
	Times          Timings
	sent, received atomic.Int64
}

// Traffic returns the bytes that crossed the connection, inside of TLS.
func (s *Socket) Traffic() (sent, received int64) { return s.sent.Load(), s.received.Load() }

// Read reads and counts.
func (s *Socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.received.Add(int64(n))
	return n, err
}

// Write writes and counts.
func (s *Socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.sent.Add(int64(n))
	return n, err
}

// asWeb is the URL of the same place for HTTP.
func asWeb(u *url.URL) *url.URL {
	web := *u
	switch u.Scheme {
	case "ws":
		web.Scheme = "http"
	case "wss":
		web.Scheme = "https"
	}
	return &web
}

// ProxyOf returns the proxy that stands before u, whose scheme may be ws or wss,
// or nil where there is none.
func (t *Transport) ProxyOf(u *url.URL) (*url.URL, error) {
	if t.config.Proxy == nil {
		return nil, nil
	}
	return t.config.Proxy(asWeb(u))
}

// TLSTo returns how TLS is agreed on with a host, for whoever has a connection
// to it from elsewhere.
func (t *Transport) TLSTo(host string) *tls.Config {
	c := t.config.TLS.Clone()
	c.Certificates = append(c.Certificates, t.certificates(host)...)
	return c
}

// DialSocket connects to the host of u, whose scheme is ws, wss, http or https.
// The error is an *Error.
func (t *Transport) DialSocket(ctx context.Context, u *url.URL) (*Socket, error) {
	key, err := keyOf(asWeb(u))
	if err != nil {
		return nil, &Error{Code: CodeInvalidURL, Text: err.Error(), err: err}
	}
	s := &Socket{}
	begin := time.Now()
	cn, err := t.dial(ctx, key, &s.Times, "http/1.1")
	s.Times.Blocked = time.Since(begin)
	if err != nil {
		return nil, classify(err)
	}
	s.Conn = cn.Conn
	return s, nil
}

// MaxMessage is how many bytes a peer may send in one piece.
func (t *Transport) MaxMessage() int64 { return min(t.config.MaxBody, maxMessage) }
