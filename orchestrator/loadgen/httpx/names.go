package httpx

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/idna"
)

// Which of a name's addresses is taken, in k6's words (options.dns).
const (
	SelectFirst      = "first"
	SelectRandom     = "random"
	SelectRoundRobin = "roundRobin"

	PreferIPv4 = "preferIPv4"
	PreferIPv6 = "preferIPv6"
	OnlyIPv4   = "onlyIPv4"
	OnlyIPv6   = "onlyIPv6"
	AnyIP      = "any"
)

// Names says how the host of a URL becomes an address. The zero value asks the
// system's resolver and takes one of the answers at random, IPv4 first.
type Names struct {
	// Hosts are answers in place of the resolver's: address or address:port by
	// host, host:port, or either with a "*" as its first letter.
	Hosts map[string]string
	// Blocked hosts are not asked for at all; a "*" may be the first letter.
	Blocked []string
	TTL     time.Duration // of the resolver's answers; 0: 5 minutes; negative: each is used once
	Select  string        // SelectRandom when empty
	Policy  string        // PreferIPv4 when empty
	// Lookup finds the addresses of a name; nil asks the system's resolver.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
}

// resolver finds addresses, and remembers them.
type resolver struct {
	Names
	turn atomic.Uint64 // of SelectRoundRobin

	mu    sync.RWMutex
	names map[string]resolved
}

type resolved struct {
	addrs   []netip.Addr
	expires time.Time
}

func newResolver(n Names) *resolver {
	if n.TTL == 0 {
		n.TTL = namesTTL
	}
	if n.Lookup == nil {
		n.Lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	return &resolver{Names: n, names: map[string]resolved{}}
}

// place returns where the host of key is to be dialed.
func (r *resolver) place(ctx context.Context, key hostKey) (addr netip.Addr, port string, err error) {
	host := strings.ToLower(strings.Trim(key.host, "[]"))
	for _, pattern := range r.Blocked {
		if matchesHost(pattern, host) {
			return addr, "", &Error{Code: CodeBlockedHost, Text: fmt.Sprintf("hostname (%s) is in a blocked pattern (%s)", host, pattern)}
		}
	}
	if given := r.given(host, key.port); given != "" {
		if ap, err := netip.ParseAddrPort(given); err == nil {
			return ap.Addr(), fmt.Sprint(ap.Port()), nil
		}
		addr, err = netip.ParseAddr(given)
		return addr, key.port, err
	}
	addr, err = r.resolve(ctx, host)
	return addr, key.port, err
}

// given returns the answer of Hosts: that of the exact name before one of a
// pattern, and the longest pattern first.
func (r *resolver) given(host, port string) string {
	for _, name := range []string{net.JoinHostPort(host, port), host} {
		if answer, ok := r.Hosts[name]; ok {
			return answer
		}
	}
	best, answer := "", ""
	for pattern, value := range r.Hosts {
		if len(pattern) > len(best) && (matchesHost(pattern, host) || matchesHost(pattern, net.JoinHostPort(host, port))) {
			best, answer = pattern, value
		}
	}
	return answer
}

// matchesHost reports whether a pattern means the host: it is the host, or ends
// like it after a "*".
func matchesHost(pattern, host string) bool {
	pattern = strings.ToLower(pattern)
	if end, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, end)
	}
	return pattern == host
}

// resolve returns one of the host's addresses.
func (r *resolver) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, nil
	}
	now := time.Now()
	r.mu.RLock()
	found, ok := r.names[host]
	r.mu.RUnlock()
	if !ok || now.After(found.expires) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			ascii = host
		}
		addrs, err := r.Lookup(ctx, ascii)
		if err != nil {
			return netip.Addr{}, withOwnLack(err)
		}
		found = resolved{chosen(addrs, r.Policy), now.Add(r.TTL)}
		r.keep(host, found)
	}
	if len(found.addrs) == 0 {
		return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	switch r.Select {
	case SelectFirst:
		return found.addrs[0], nil
	case SelectRoundRobin:
		return found.addrs[int((r.turn.Add(1)-1)%uint64(len(found.addrs)))], nil
	}
	return found.addrs[rand.IntN(len(found.addrs))], nil
}

func (r *resolver) keep(host string, found resolved) {
	if r.TTL < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.names) >= maxNames {
		clear(r.names)
	}
	r.names[host] = found
}

// chosen are the addresses that the policy allows, of the family that it prefers
// where there is one.
func chosen(addrs []netip.Addr, policy string) []netip.Addr {
	var four, six []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	switch policy {
	case AnyIP:
		return addrs
	case OnlyIPv4:
		return four
	case OnlyIPv6:
		return six
	case PreferIPv6:
		four, six = six, four
	}
	if len(four) > 0 {
		return four
	}
	return six
}
