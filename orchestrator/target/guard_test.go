package target_test

import (
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/target"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, addr string
		ok         bool
	}{
		{"public", "93.184.215.14", true},
		{"public IPv6", "2a00:1450:4001:81b::200e", true},
		{"just below private", "9.255.255.255", true},
		{"just above private", "172.32.0.0", true},
		{"just above carrier-grade NAT", "100.128.0.0", true},
		{"loopback", "127.0.0.1", false},
		{"all of loopback", "127.255.255.254", false},
		{"loopback IPv6", "::1", false},
		{"unspecified", "0.0.0.0", false},
		{"this network", "0.1.2.3", false},
		{"unspecified IPv6", "::", false},
		{"private 10", "10.1.2.3", false},
		{"private 172", "172.31.255.255", false},
		{"private 192", "192.168.1.1", false},
		{"metadata", "169.254.169.254", false},
		{"metadata IPv6", "fd00:ec2::254", false},
		{"link-local IPv6", "fe80::1", false},
		{"link-local with a zone", "fe80::1%eth0", false},
		{"loopback with a zone", "::1%lo", false},
		{"site-local", "fec0::1", false},
		{"carrier-grade NAT", "100.64.0.1", false},
		{"benchmark", "198.19.0.1", false},
		{"documentation", "203.0.113.7", false},
		{"reserved", "240.0.0.1", false},
		{"broadcast", "255.255.255.255", false},
		{"multicast", "224.0.0.1", false},
		{"multicast IPv6", "ff02::1", false},
		{"mapped loopback", "::ffff:127.0.0.1", false},
		{"mapped metadata", "::ffff:169.254.169.254", false},
		{"mapped public", "::ffff:93.184.215.14", true},
		{"compatible loopback", "::127.0.0.1", false},
		{"NAT64 of loopback", "64:ff9b::7f00:1", false},
		{"NAT64 of metadata", "64:ff9b::169.254.169.254", false},
		{"NAT64 of private", "64:ff9b::10.0.0.1", false},
		{"NAT64 of public", "64:ff9b::93.184.215.14", true},
		{"NAT64 of a local network", "64:ff9b:1::1", false},
		{"6to4 of loopback", "2002:7f00:1::1", false},
		{"6to4 of private", "2002:c0a8:101::1", false},
		{"6to4 of public", "2002:5db8:d70e::1", true},
		{"Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", false},
		{"unique local", "fc00::1", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			addr := netip.MustParseAddr(row.addr)
			err := target.Guard{}.Check(addr)
			if row.ok {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "is not public")
			}
			require.NoError(t, target.Guard{AllowPrivate: true}.Check(addr))

			// What generators are told is what is checked here.
			blocked := false
			for _, cidr := range (target.Guard{}).Private() {
				blocked = blocked || netip.MustParsePrefix(cidr).Contains(addr.Unmap().WithZone(""))
			}
			require.Equal(t, !row.ok, blocked)
		})
	}
	for name, g := range map[string]target.Guard{"strict": {}, "lenient": {AllowPrivate: true}} {
		require.ErrorContains(t, g.Check(netip.Addr{}), "it is none", name)
	}
	require.Empty(t, target.Guard{AllowPrivate: true}.Private())
}

func TestGuardAllowsNetworks(t *testing.T) {
	t.Parallel()
	g := target.Guard{Allowed: []netip.Prefix{
		netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd12::/16"),
	}}
	var blocked []netip.Prefix
	for _, cidr := range g.Private() {
		p := netip.MustParsePrefix(cidr)
		require.Equal(t, p.Masked(), p)
		blocked = append(blocked, p)
	}
	for addr, ok := range map[string]bool{
		"10.20.0.0": true, "10.20.255.255": true, "::ffff:10.20.3.4": true, "10.19.255.255": false, "10.21.0.0": false,
		"10.0.0.1": false, "10.255.255.255": false, "192.168.7.7": true, "fd12::1": true, "fd12:ffff::1": true,
		"fd11:ffff::1": false, "fd13::1": false, "127.0.0.1": false, "169.254.169.254": false, "93.184.215.14": true,
	} {
		a := netip.MustParseAddr(addr)
		require.Equal(t, ok, g.Check(a) == nil, addr)
		hits := 0
		for _, p := range blocked {
			if p.Contains(a.Unmap()) {
				hits++
			}
		}
		require.Equal(t, map[bool]int{true: 0, false: 1}[ok], hits, "%s in the generators' list", addr)
	}
}

// The guard looks at the address that is dialled, after the name was resolved.
func TestGuardIsAskedWhenDialling(t *testing.T) {
	t.Parallel()
	reached := false
	address := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]"} {
		p := prober()
		p.Guard = target.Guard{}
		got := p.Preflight(t.Context(), "http://"+host+":"+port, true)
		require.False(t, got.Answered, host)
		require.Contains(t, got.Error, "is not public", host)
	}
	require.False(t, reached)

	p := prober()
	p.Guard = target.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	require.True(t, p.Preflight(t.Context(), "http://"+address, false).Answered)
	require.True(t, reached)
}
