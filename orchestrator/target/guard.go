// Package target asks a team's service the two things that come before load:
// whether it answers at all, and, for booking, to go back to its initial data.
//
// Everything that a team controls is bounded here: the address is checked when
// it is dialled, after the name was resolved, on every connection; redirects
// are not followed; an answer is read up to a limit and within a deadline, and
// the connection itself is cut at that deadline, whatever is spoken on it.
//
// What comes back is what was seen, never an error that stops the line: a dead
// service is a result. No text that comes from here holds the endpoint's URL,
// because credentials may be part of it.
package target

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Guard decides which addresses may be dialled.
type Guard struct {
	AllowPrivate bool           // loopback, private, link-local and the like too
	Allowed      []netip.Prefix // private networks that are allowed all the same
}

// Check returns an error that says why addr may not be dialled, or nil.
func (g Guard) Check(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("") // no prefix contains an address with a zone
	if !addr.IsValid() {
		return fmt.Errorf("address %s is not called: it is none", addr)
	}
	contains := func(p netip.Prefix) bool { return p.Contains(addr) }
	if g.AllowPrivate || !slices.ContainsFunc(special(), contains) || slices.ContainsFunc(g.Allowed, contains) {
		return nil
	}
	return fmt.Errorf("address %s is not public, so it is not called (allow_private_targets is off)", addr)
}

// Private lists the networks that Check refuses, in CIDR form, for generators
// that are told what not to call.
func (g Guard) Private() []string {
	if g.AllowPrivate {
		return nil
	}
	var all []string
	for _, p := range special() {
		for _, rest := range without(p, g.Allowed) {
			all = append(all, rest.String())
		}
	}
	return all
}

// Dialer returns a dialer that connects only to what the guard allows. The
// address is looked at when it is dialled, after the name was resolved.
func (g Guard) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("dial %s: %w", address, err)
			}
			return g.Check(ap.Addr())
		},
	}
}

// transport returns an HTTP transport that dials only what the guard allows.
// Its connections end after timeout, even those that are no HTTP any more.
func (g Guard) transport(timeout time.Duration) *http.Transport {
	dialer := g.Dialer(timeout)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return conn, conn.SetDeadline(time.Now().Add(timeout))
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
