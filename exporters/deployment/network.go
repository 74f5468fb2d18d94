package deployment

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/target"
)

const (
	maxBody    = 256 << 10   // bytes of an answer that are read
	maxHead    = 64 << 10    // bytes of an answer's head, early hints included
	bodyTime   = time.Second // for the rest of an answer once its head is there
	maxSockets = 2           // for one service at a time
)

// network calls services that teams chose: only at addresses that the guard
// allows, each call within its time on a connection of its own, with answers
// read up to a limit and never unpacked.
type network struct {
	guard    target.Guard
	resolver *net.Resolver
	roots    *x509.CertPool
	agent    string
	open     atomic.Int64 // connections
	peak     atomic.Int64 // most of them at once
}

// refusal is the guard's.
type refusal struct{ error }

// transport returns the way to one service. A connection ends at the latest
// after limit and bodyTime, whatever is spoken on it.
func (n *network) transport(limit time.Duration) *http.Transport {
	dialer := &net.Dialer{
		Timeout: limit, Resolver: n.resolver,
		FallbackDelay: -1, // one address after the other: one socket, not two
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err == nil {
				err = n.guard.Check(ap.Addr())
			}
			if err != nil {
				return refusal{err}
			}
			return nil
		},
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return n.counted(conn), conn.SetDeadline(time.Now().Add(limit + bodyTime))
		},
		TLSClientConfig:        &tls.Config{RootCAs: n.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    limit,
		DisableKeepAlives:      true, // every call looks the name up and meets the guard
		DisableCompression:     true,
		MaxConnsPerHost:        maxSockets,
		MaxResponseHeaderBytes: maxHead,
	}
}

// counted is a connection that is counted until it is closed.
func (n *network) counted(conn net.Conn) net.Conn {
	now := n.open.Add(1)
	for peak := n.peak.Load(); now > peak && !n.peak.CompareAndSwap(peak, now); peak = n.peak.Load() {
	}
	return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { n.open.Add(-1) })}
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// resolve looks the service's host up and fills f's state where that is the end.
func (n *network) resolve(ctx context.Context, f *Facts, limit time.Duration) {
	host := f.Address.name()
	if addr, err := netip.ParseAddr(host); err == nil {
		f.DNS = DNS{Literal: true, Addresses: 1}
		if n.guard.Check(addr) != nil {
			f.DNS.Private = 1
		}
	} else {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		started := time.Now()
		addrs, err := n.resolver.LookupNetIP(ctx, "ip", host)
		f.DNS.Addresses, f.DNS.Took = len(addrs), time.Since(started)
		for _, a := range addrs {
			if n.guard.Check(a) != nil {
				f.DNS.Private++
			}
		}
		var dns *net.DNSError
		switch {
		case errors.As(err, &dns) && dns.IsNotFound:
			f.State, f.Reason = NoHost, "The endpoint's host name does not exist."
		case err != nil, len(addrs) == 0:
			f.State, f.Reason = Unresolved, "The endpoint's host name could not be looked up: the name servers gave no answer."
		}
	}
	if f.DNS.Addresses > 0 && f.DNS.Private == f.DNS.Addresses {
		f.State, f.Reason = Private, "The endpoint's address is not a public one, so it was not called."
	}
}

// request is one call.
type request struct {
	method, url string
	body        string
	user        *url.Userinfo
	limit       time.Duration
}

// call sends a request and tells what became of it. Redirects are answers. The
// team's context ends with the time for all of its calls.
func (n *network) call(team context.Context, wire *http.Transport, r request) Answer {
	ctx, cancel := context.WithTimeout(team, r.limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return Answer{Failure: Garbled, Reason: "it is no address that can be called"}
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", n.agent)
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("Cache-Control", "no-cache")
	if r.user != nil {
		password, _ := r.user.Password()
		req.SetBasicAuth(r.user.Username(), password)
	}
	started := time.Now()
	// Without http.Client no redirect is followed, and no error quotes the address.
	resp, err := wire.RoundTrip(req)
	took := time.Since(started)
	if err != nil {
		failure, reason, shown := explain(err, r.limit)
		if failure == Timeout && team.Err() != nil {
			reason = "there was no answer before the time for this team was over"
		}
		return Answer{Took: took, Failure: failure, Reason: reason, TLS: shown}
	}
	if resp.StatusCode < 100 { // net/http takes any three digits, and 0 means that there was no answer
		resp.Body.Close()
		return Answer{Took: took, Failure: Garbled, Reason: "its answer is not HTTP", TLS: shownBy(resp.TLS)}
	}
	a := Answer{Status: resp.StatusCode, Took: took, TLS: shownBy(resp.TLS), location: resp.Header.Get("Location")}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close() // it is a connection, not an answer's body
		return a
	}
	a.Cut = drain(resp.Body, min(bodyTime, r.limit), cancel)
	return a
}

// drain reads the rest of an answer within its bounds. It says why it stopped
// before the end: the status is known, so that is worth a remark only.
func drain(body io.ReadCloser, limit time.Duration, cancel func()) string {
	defer body.Close()
	late := time.AfterFunc(limit, cancel)
	n, err := io.Copy(io.Discard, io.LimitReader(body, maxBody+1))
	switch {
	case !late.Stop():
		return fmt.Sprintf("went on for more than %s", limit)
	case n > maxBody:
		return fmt.Sprintf("were larger than %d kB", maxBody>>10)
	case err != nil:
		return "broke off before their end"
	}
	return ""
}
