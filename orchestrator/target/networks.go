package target

import "net/netip"

// special lists the networks of IANA's special-purpose registries that no public
// service lives in, and the IPv6 networks that carry such an IPv4 address.
func special() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8",       // this host
		"10.0.0.0/8",      // private
		"100.64.0.0/10",   // carrier-grade NAT
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local, and the clouds' metadata
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.168.0.0/16",  // private
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, and broadcast
	} {
		v4 := netip.MustParsePrefix(s)
		all = append(all, v4, nat64(v4), sixToFour(v4))
	}
	for _, s := range []string{
		"::/96",          // unspecified, loopback, and IPv4-compatible addresses
		"64:ff9b:1::/48", // NAT64 of a local network
		"100::/64",       // discard
		"2001::/23",      // protocol assignments, and Teredo
		"2001:db8::/32",  // documentation
		"fc00::/7",       // unique local
		"fe80::/10",      // link-local
		"fec0::/10",      // site-local, long deprecated
		"ff00::/8",       // multicast
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// nat64 is how a NAT64 gateway (RFC 6052) reaches the network p.
func nat64(p netip.Prefix) netip.Prefix {
	b, v4 := [16]byte{0x00, 0x64, 0xff, 0x9b}, p.Addr().As4()
	copy(b[12:], v4[:])
	return netip.PrefixFrom(netip.AddrFrom16(b), 96+p.Bits())
}

// sixToFour is how a 6to4 relay (RFC 3056) reaches the network p.
func sixToFour(p netip.Prefix) netip.Prefix {
	b, v4 := [16]byte{0x20, 0x02}, p.Addr().As4()
	copy(b[2:], v4[:])
	return netip.PrefixFrom(netip.AddrFrom16(b), 16+p.Bits())
}

// without returns the parts of p that lie in none of the holes: p is halved
// until each part is either outside of them all or inside one.
func without(p netip.Prefix, holes []netip.Prefix) []netip.Prefix {
	cut := false
	for _, h := range holes {
		if !h.Overlaps(p) {
			continue
		}
		if h.Bits() <= p.Bits() {
			return nil
		}
		cut = true
	}
	if !cut {
		return []netip.Prefix{p}
	}
	low, high := halves(p)
	return append(without(low, holes), without(high, holes)...)
}

func halves(p netip.Prefix) (low, high netip.Prefix) {
	bytes := p.Addr().AsSlice()
	low = netip.PrefixFrom(p.Addr(), p.Bits()+1)
	bytes[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	upper, _ := netip.AddrFromSlice(bytes) // as long as p's own address
	return low, netip.PrefixFrom(upper, p.Bits()+1)
}
