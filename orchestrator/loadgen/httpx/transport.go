package httpx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// Defaults of Config.
const (
	DefaultMaxBody   = 128 << 20
	DefaultMaxHeader = 1 << 20
	DefaultTimeout   = time.Minute
	dialTimeout      = 30 * time.Second
	namesTTL         = 5 * time.Minute
	maxNames         = 1024
)

// Config is what all virtual users share. The zero value is usable.
type Config struct {
	UserAgent          string
	MaxBody            int64 // bytes of one body after decoding; DefaultMaxBody when 0
	MaxHeader          int64 // bytes of one answer's headers; DefaultMaxHeader when 0
	InsecureSkipVerify bool  // accept any TLS certificate
	NoConnectionReuse  bool  // a new connection for each request
	// Guard is asked about each address before it is dialed; nil allows all.
	Guard func(netip.Addr) error
	Names Names
	// LocalIPs are the addresses that connections come from, in turn; none
	// leaves the choice to the system.
	LocalIPs []netip.Addr
	// RPS bounds the requests per second of all virtual users together; 0 does not.
	RPS int
	// ClientCertificates are shown to the hosts that they are for.
	ClientCertificates []ClientCertificate
	// TLS is the base of every TLS connection; nil is Go's default.
	TLS *tls.Config
	// Proxy returns the proxy that passes a request on, or nil for none; nil:
	// there is no proxy at all.
	Proxy func(*url.URL) (*url.URL, error)
	// OnlyHTTP1 keeps from offering HTTP/2 to https hosts.
	OnlyHTTP1 bool
}

// ClientCertificate is one that is shown to some hosts.
type ClientCertificate struct {
	Domains     []string // a "*" may be the first letter; none: all hosts
	Certificate tls.Certificate
}

// Transport makes connections. It is safe for concurrent use.
type Transport struct {
	config  Config
	dialer  net.Dialer
	pools   pools
	lacking atomic.Int64 // see Lacking
	// Templates that tell the parser of answers which method was used.
	head, other *http.Request

	names *resolver
	from  atomic.Uint64 // whose turn it is of LocalIPs
	pace  *rate.Limiter // nil: as fast as scripts ask
}

// NewTransport returns a transport that makes connections as c says.
func NewTransport(c Config) *Transport {
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxHeader <= 0 {
		c.MaxHeader = DefaultMaxHeader
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		base = c.TLS.Clone()
	}
	base.InsecureSkipVerify = base.InsecureSkipVerify || c.InsecureSkipVerify
	if base.ClientSessionCache == nil {
		base.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	c.TLS = base
	t := &Transport{
		config: c, dialer: net.Dialer{Timeout: dialTimeout}, names: newResolver(c.Names),
		head: &http.Request{Method: http.MethodHead}, other: &http.Request{Method: http.MethodGet},
	}
	if c.RPS > 0 {
		t.pace = rate.NewLimiter(rate.Limit(c.RPS), 1)
	}
	return t
}

// UserAgent returns the User-Agent header of requests that bring none.
func (t *Transport) UserAgent() string { return t.config.UserAgent }

// Lacking returns how many connections failed because this machine had no file
// descriptor, port or memory left. Such a failure says nothing of the target.
func (t *Transport) Lacking() int64 { return t.lacking.Load() }

// ownLack reports whether it was this machine that lacked something. No address
// to call from is our lack for IPv4; for IPv6 it may only mean that there is none.
func ownLack(err error, to netip.Addr) bool {
	var lookup *net.DNSError
	inWords := errors.As(err, &lookup)
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		// A resolver keeps of its causes nothing but the words.
		if errors.Is(err, number) || inWords && strings.Contains(lookup.Err, number.Error()) {
			return true
		}
	}
	return errors.Is(err, syscall.EADDRNOTAVAIL) && to.Unmap().Is4()
}

// withOwnLack adds to a failed look-up that this process may open no more files.
// The resolver itself then says no more than that it knows no such host.
func withOwnLack(lookup error) error {
	file, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("%w: %w", lookup, err)
	}
	return errors.Join(lookup, file.Close())
}

// dial connects to the host of key and notes how long each phase took. A host
// with TLS may choose one of the protocols.
func (t *Transport) dial(ctx context.Context, key hostKey, times *Timings, protocols ...string) (*conn, error) {
	raw, err := t.connect(ctx, key, times)
	if err != nil {
		return nil, err
	}
	c := &conn{wire: &wire{Conn: raw}, key: key, remote: addrPort(raw)}
	c.Conn = c.wire
	if key.tls {
		if err := t.secure(ctx, c, times, protocols); err != nil {
			return nil, err
		}
	}
	c.wire.times = *times
	return c, nil
}

// connect connects by TCP.
func (t *Transport) connect(ctx context.Context, key hostKey, times *Timings) (net.Conn, error) {
	begin := time.Now()
	addr, port, err := t.names.place(ctx, key)
	times.LookingUp = time.Since(begin)
	if err != nil {
		if ownLack(err, addr) {
			t.lacking.Add(1)
		}
		return nil, err
	}
	if t.config.Guard != nil {
		if err := t.config.Guard(addr.Unmap()); err != nil {
			return nil, &blockedError{err}
		}
	}
	begin = time.Now()
	raw, err := t.local().DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), port))
	times.Connecting = time.Since(begin)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if ownLack(err, addr) {
			t.lacking.Add(1)
		}
		return nil, err
	}
	return raw, nil
}

// secure agrees on TLS. It closes the connection when that fails.
func (t *Transport) secure(ctx context.Context, c *conn, times *Timings, protocols []string) error {
	begin := time.Now()
	config := t.TLSTo(c.key.host)
	config.NextProtos = protocols
	if config.ServerName == "" {
		config.ServerName = c.key.host
	}
	secure := tls.Client(c.wire, config)
	err := secure.HandshakeContext(ctx)
	times.TLSHandshaking = time.Since(begin)
	if err != nil {
		_ = c.wire.Close()
		return fmt.Errorf("tls: %w", err)
	}
	agreed := secure.ConnectionState()
	c.Conn, c.secure, c.h2 = secure, TLS{agreed.Version, agreed.CipherSuite}, agreed.NegotiatedProtocol == h2
	return nil
}

// certificates are those that the host may see.
func (t *Transport) certificates(host string) (all []tls.Certificate) {
	for _, c := range t.config.ClientCertificates {
		if len(c.Domains) == 0 || slices.ContainsFunc(c.Domains, func(d string) bool { return matchesHost(d, strings.ToLower(host)) }) {
			all = append(all, c.Certificate)
		}
	}
	return all
}

// local is the dialer of the next connection.
func (t *Transport) local() *net.Dialer {
	if len(t.config.LocalIPs) == 0 {
		return &t.dialer
	}
	d := t.dialer
	d.LocalAddr = &net.TCPAddr{IP: t.config.LocalIPs[int((t.from.Add(1)-1)%uint64(len(t.config.LocalIPs)))].AsSlice()}
	return &d
}

func addrPort(c net.Conn) netip.AddrPort {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.AddrPort{}
}
