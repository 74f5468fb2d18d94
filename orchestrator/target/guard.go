// Package target asks a team's service the two things that come before load:
// whether it answers at all, and, for booking, to go back to its initial data.
//
// Everything that a team controls is bounded here: the address is checked when
// it is dialled, after the name was resolved, on every connection; redirects
// are not followed; an answer is read up to a limit and within a deadline.
package target

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
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
	addr = addr.Unmap()
	if g.AllowPrivate || public(addr) {
		return nil
	}
	for _, p := range g.Allowed {
		if p.Contains(addr) {
			return nil
		}
	}
	return fmt.Errorf("address %s is not public, so it is not called (allow_private_targets is off)", addr)
}

// carrierGrade is the shared address space of RFC 6598.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

func public(a netip.Addr) bool {
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !carrierGrade.Contains(a)
}

// Private lists the networks that Check refuses, in CIDR form, for generators
// that are told what not to call.
func (g Guard) Private() []string {
	if g.AllowPrivate {
		return nil
	}
	return []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
	}
}

// transport returns an HTTP transport that dials only what the guard allows.
func (g Guard) transport(timeout time.Duration) *http.Transport {
	dialer := &net.Dialer{
		Timeout: timeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("dial %s: %w", address, err)
			}
			return g.Check(ap.Addr())
		},
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		DisableKeepAlives:      true,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
