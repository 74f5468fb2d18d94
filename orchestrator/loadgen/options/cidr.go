package options

import (
	"encoding/json"
	"fmt"
	"net/netip"
)

// Blocklist is a set of addresses that must not be dialed.
type Blocklist []netip.Prefix

// ParseBlocklist reads CIDRs ("10.0.0.0/8") and single addresses.
func ParseBlocklist(list []string) (Blocklist, error) {
	out := make(Blocklist, 0, len(list))
	for _, s := range list {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			addr, addrErr := netip.ParseAddr(s)
			if addrErr != nil {
				return nil, fmt.Errorf("%q is neither an address nor a CIDR like 10.0.0.0/8", s)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// Check refuses an address of the list, in k6's words. An IPv4 address in
// IPv6 form is looked at as what it is.
func (l Blocklist) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, p := range l {
		if p.Contains(a) {
			return fmt.Errorf("IP (%s) is in a blacklisted range (%s)", a, p)
		}
	}
	return nil
}

func decodeCIDRs(b []byte) ([]string, error) {
	out := []string{}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("want a list of CIDRs")
	}
	_, err := ParseBlocklist(out)
	return out, err
}
