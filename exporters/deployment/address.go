package deployment

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/idna"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Address is where a team's service is said to be, cleaned.
type Address struct {
	Scheme string // http or https
	Host   string // ASCII, with the port where it is not the scheme's own
	Path   string // escaped, with the query
	Target string // host:port that the lease is held on, see contest.TargetOf
	User   *url.Userinfo
}

const maxAddress = 2000 // bytes of what a team typed

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$`)
	numberPattern = regexp.MustCompile(`^(?:0x[0-9a-f]*|[0-9]+)$`)
)

// What is wrong with an address. None of these quotes it: it may hold credentials.
var (
	errNothing = errors.New("no endpoint is given")
	errLong    = errors.New("endpoint is too long for an address")
	errName    = errors.New("endpoint has a host name that cannot exist")
	errNumber  = errors.New("endpoint has a number for a host: write an IP address like 192.0.2.1")
	errZone    = errors.New("endpoint has an address that means something on its own machine only")
)

// ParseAddress reads a team's endpoint. It accepts what contest.TargetOf
// accepts, without white space around it. A host may be a name, an
// international one too, or an IP address as the standards write it; decimal,
// octal and shortened forms are refused because programs disagree on them.
// Errors never quote the text.
func ParseAddress(text string) (Address, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Address{}, errNothing
	case len(text) > maxAddress:
		return Address{}, errLong
	}
	at, err := contest.TargetOf(text)
	if err != nil {
		return Address{}, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, errName // TargetOf has parsed it
	}
	host, err := cleanHost(u.Hostname())
	if err != nil {
		return Address{}, err
	}
	if port := u.Port(); port != "" && port != defaultPort(u.Scheme) {
		_, port, _ = net.SplitHostPort(at) // without leading zeros
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	return Address{Scheme: u.Scheme, Host: host, Path: u.RequestURI(), Target: at, User: u.User}, nil
}

// cleanHost returns a host in ASCII and lower case, an IPv6 address in brackets.
func cleanHost(host string) (string, error) {
	if literal, err := literalHost(host); literal != "" || err != nil {
		return literal, err
	}
	names := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false), idna.VerifyDNSLength(true))
	ascii, err := names.ToASCII(strings.TrimRight(host, "."))
	if err != nil {
		return "", errName
	}
	// What a name is mapped to may itself be no name.
	if again, err := names.ToASCII(ascii); err != nil || again != ascii {
		return "", errName
	}
	if literal, err := literalHost(ascii); literal != "" || err != nil {
		return literal, err // it was written in wide digits
	}
	labels := strings.Split(ascii, ".")
	if numberPattern.MatchString(labels[len(labels)-1]) {
		return "", errNumber
	}
	if !namePattern.MatchString(ascii) {
		return "", errName
	}
	return ascii, nil
}

// literalHost returns an IP address as it stands in a URL, or nothing where the
// host is none.
func literalHost(host string) (string, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "", nil
	}
	if addr.Zone() != "" {
		return "", errZone
	}
	if addr = addr.Unmap(); addr.Is6() {
		return "[" + addr.String() + "]", nil
	}
	return addr.String(), nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// Origin is scheme://host[:port], where the walk begins.
func (a Address) Origin() string {
	if a.Host == "" {
		return ""
	}
	return a.Scheme + "://" + a.Host
}

// Public is the address without what may be secret: credentials and query.
func (a Address) Public() string {
	path, _, _ := strings.Cut(a.Path, "?")
	if path == "/" {
		path = ""
	}
	return a.Origin() + path
}

// name is the host without its port.
func (a Address) name() string {
	u := url.URL{Host: a.Host}
	return u.Hostname()
}

// follow returns where a redirect leads, if that is the same service: the same
// host and port, or the same host over https on the usual ports. Credentials go
// with it.
func (a Address) follow(location string) (Address, bool) {
	base, err := url.Parse(a.Origin() + a.Path)
	if err != nil || len(location) > maxAddress {
		return Address{}, false
	}
	to, err := base.Parse(location)
	if err != nil {
		return Address{}, false
	}
	next, err := ParseAddress(to.String())
	if err != nil {
		return Address{}, false
	}
	upgraded := a.Scheme == "http" && next.Scheme == "https" && a.Host == next.Host && a.Host == bracketed(a.name())
	same := a.Scheme == next.Scheme && a.Host == next.Host
	next.User = a.User
	return next, same || upgraded
}

func bracketed(name string) string {
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}
