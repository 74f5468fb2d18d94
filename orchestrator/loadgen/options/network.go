package options

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// DNS is options.dns. What is nil was not said.
type DNS struct {
	TTL    *time.Duration // 0: each answer is used once; negative: for ever
	Select *string        // first, random or roundRobin
	Policy *string        // preferIPv4, preferIPv6, onlyIPv4, onlyIPv6 or any
}

// TLSVersions is options.tlsVersion, in crypto/tls's numbers; 0 leaves it open.
type TLSVersions struct{ Min, Max uint16 }

// ClientCertificate is one of options.tlsAuth.
type ClientCertificate struct {
	Domains     []string // that it is shown to, "*.example.org" too; none: to all
	Certificate tls.Certificate
}

func (o *Options) networkFields() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"rps": whole(&o.RPS, 0), "batch": whole(&o.Batch, 1), "batchPerHost": whole(&o.BatchPerHost, 1),
		"httpDebug":       plain(&o.HTTPDebug, "text"),
		"hosts":           func(b []byte) (err error) { o.Hosts, err = decodeHosts(b); return err },
		"blockHostnames":  list(&o.BlockHostnames),
		"dns":             func(b []byte) (err error) { o.DNS, err = decodeDNS(b); return err },
		"localIPs":        func(b []byte) (err error) { o.LocalIPs, err = decodeLocalIPs(b); return err },
		"tlsVersion":      func(b []byte) (err error) { o.TLSVersion, err = decodeTLSVersion(b); return err },
		"tlsCipherSuites": func(b []byte) (err error) { o.TLSCipherSuites, err = decodeCipherSuites(b); return err },
		"tlsAuth":         func(b []byte) (err error) { o.TLSAuth, err = decodeTLSAuth(b); return err },
	}
}

// overNetwork lays o over out: what o says wins.
func (o Options) overNetwork(out *Options) {
	over(&out.RPS, o.RPS)
	over(&out.Batch, o.Batch)
	over(&out.BatchPerHost, o.BatchPerHost)
	over(&out.HTTPDebug, o.HTTPDebug)
	over(&out.DNS.TTL, o.DNS.TTL)
	over(&out.DNS.Select, o.DNS.Select)
	over(&out.DNS.Policy, o.DNS.Policy)
	over(&out.TLSVersion, o.TLSVersion)
	overList(&out.BlockHostnames, o.BlockHostnames)
	overList(&out.LocalIPs, o.LocalIPs)
	overList(&out.TLSCipherSuites, o.TLSCipherSuites)
	overList(&out.TLSAuth, o.TLSAuth)
	if o.Hosts != nil {
		out.Hosts = o.Hosts
	}
}

func decodeHosts(b []byte) (map[string]string, error) {
	hosts, err := decodeStrings(b)
	if err != nil {
		return nil, err
	}
	lower := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		at := hosts[name]
		_, addrErr := netip.ParseAddr(at)
		_, portErr := netip.ParseAddrPort(at)
		if addrErr != nil && portErr != nil {
			return nil, fmt.Errorf("%s: %.60q is neither an address nor address:port", name, at)
		}
		if strings.LastIndex(name, "*") > 0 {
			return nil, fmt.Errorf("%s: a * can only be the first letter", name)
		}
		lower[strings.ToLower(name)] = at
	}
	return lower, nil
}

func decodeDNS(b []byte) (DNS, error) {
	var raw struct {
		TTL    json.RawMessage `json:"ttl"`
		Select *string         `json:"select"`
		Policy *string         `json:"policy"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return DNS{}, errors.New("want an object of ttl, select and policy")
	}
	d := DNS{Select: raw.Select, Policy: raw.Policy}
	if len(raw.TTL) > 0 && !isNull(raw.TTL) {
		if err := d.setTTL(strings.Trim(string(raw.TTL), `"`)); err != nil {
			return d, err
		}
	}
	return d, d.check()
}

func (d *DNS) setTTL(text string) error {
	if text == "inf" {
		forever := time.Duration(-1)
		d.TTL = &forever
		return nil
	}
	ttl, err := ParseDuration(text)
	if err != nil {
		return fmt.Errorf("ttl: %w", err)
	}
	d.TTL = &ttl
	return nil
}

func (d *DNS) check() error {
	if s := Or(d.Select, "random"); !contains([]string{"first", "random", "roundRobin"}, s) {
		return fmt.Errorf("select: %.40q: want first, random or roundRobin", s)
	}
	if p := Or(d.Policy, "any"); !contains([]string{"preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6", "any"}, p) {
		return fmt.Errorf("policy: %.40q: want preferIPv4, preferIPv6, onlyIPv4, onlyIPv6 or any", p)
	}
	return nil
}

// ParseDNS reads the form of flags: "ttl=5m,select=random,policy=preferIPv4".
func ParseDNS(text string) (DNS, error) {
	var d DNS
	pairs, err := ParsePairs(strings.Split(text, ","))
	if err != nil {
		return d, err
	}
	for k, v := range pairs {
		switch k {
		case "ttl":
			if err := d.setTTL(v); err != nil {
				return d, err
			}
		case "select":
			d.Select = &v
		case "policy":
			d.Policy = &v
		default:
			return d, fmt.Errorf("%.40q: there are only ttl, select and policy", k)
		}
	}
	return d, d.check()
}

// mostLocalIPs bounds the addresses that a range is spelt out to.
const mostLocalIPs = 4096

func decodeLocalIPs(b []byte) ([]netip.Addr, error) {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return nil, errors.New("want a text like 192.0.2.1,192.0.2.10-192.0.2.20,198.51.100.0/28")
	}
	return ParseLocalIPs(text)
}

// ParseLocalIPs reads addresses, ranges of them and CIDRs, comma-separated.
func ParseLocalIPs(text string) ([]netip.Addr, error) {
	var all []netip.Addr
	for part := range strings.SplitSeq(text, ",") {
		first, last, err := addressRange(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		for a := first; a.Compare(last) <= 0; a = a.Next() {
			if all = append(all, a); len(all) > mostLocalIPs {
				return nil, fmt.Errorf("more than %d addresses", mostLocalIPs)
			}
		}
	}
	return all, nil
}

func addressRange(part string) (first, last netip.Addr, err error) {
	wrong := fmt.Errorf("%.60q is no address, range or CIDR", part)
	if prefix, err := netip.ParsePrefix(part); err == nil {
		first = prefix.Masked().Addr()
		last = first
		for n := 1; n <= mostLocalIPs && prefix.Contains(last.Next()); n++ {
			last = last.Next()
		}
		return first, last, nil
	}
	from, to, ranged := strings.Cut(part, "-")
	if !ranged {
		to = from
	}
	if first, err = netip.ParseAddr(from); err != nil {
		return first, last, wrong
	}
	if last, err = netip.ParseAddr(to); err != nil || last.Less(first) || first.Is4() != last.Is4() {
		return first, last, wrong
	}
	return first, last, nil
}

func decodeTLSVersion(b []byte) (*TLSVersions, error) {
	var one string
	var both struct{ Min, Max string }
	if json.Unmarshal(b, &one) == nil {
		both.Min, both.Max = one, one
	} else if err := json.Unmarshal(b, &both); err != nil {
		return nil, errors.New(`want a version like "tls1.2", or {min, max}`)
	}
	least, err := tlsVersion(both.Min)
	if err != nil {
		return nil, fmt.Errorf("min: %w", err)
	}
	most, err := tlsVersion(both.Max)
	if err != nil {
		return nil, fmt.Errorf("max: %w", err)
	}
	v := TLSVersions{least, most}
	if v.Min > v.Max && v.Max != 0 {
		return nil, errors.New("min is higher than max")
	}
	return &v, nil
}

func tlsVersion(text string) (uint16, error) {
	number, ok := map[string]uint16{
		"": 0, "tls1.0": tls.VersionTLS10, "tls1.1": tls.VersionTLS11, "tls1.2": tls.VersionTLS12, "tls1.3": tls.VersionTLS13,
	}[text]
	if !ok {
		return 0, fmt.Errorf("%.40q: want tls1.0, tls1.1, tls1.2 or tls1.3", text)
	}
	return number, nil
}

func decodeCipherSuites(b []byte) ([]uint16, error) {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return nil, errors.New("want a list of names of cipher suites")
	}
	known := map[string]uint16{}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		known[s.Name] = s.ID
	}
	var ids []uint16
	for _, name := range names {
		id, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("%.60q is no cipher suite that is known here", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func decodeTLSAuth(b []byte) ([]ClientCertificate, error) {
	var raw []struct {
		Domains             []string
		Cert, Key, Password string
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, errors.New("want a list of {domains, cert, key}")
	}
	var all []ClientCertificate
	for i, r := range raw {
		key := []byte(r.Key)
		if r.Password != "" {
			block, _ := pem.Decode(key)
			if block == nil {
				return nil, fmt.Errorf("certificate %d: the key is no PEM", i+1)
			}
			//lint:ignore SA1019 it is the only form in which scripts have keys with passwords
			plain, err := x509.DecryptPEMBlock(block, []byte(r.Password))
			if err != nil {
				return nil, fmt.Errorf("certificate %d: the key cannot be decrypted", i+1)
			}
			key = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: plain})
		}
		pair, err := tls.X509KeyPair([]byte(r.Cert), key)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: cert and key are no pair in PEM", i+1)
		}
		all = append(all, ClientCertificate{r.Domains, pair})
	}
	return all, nil
}
