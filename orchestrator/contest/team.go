package contest

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Slug is a team's raw nickname in the Hub. Underscores and capitals are legal,
// so it is not a Kubernetes name.
type Slug string

// Lengths are checked beside the patterns: a repeat that is counted in one is
// compiled into so many copies, each time that the program starts.
const maxSlug = 100 // bytes

var slugPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// Valid reports whether s has the Hub's form of a nickname.
func (s Slug) Valid() bool { return len(s) <= maxSlug && slugPattern.MatchString(string(s)) }

// Team is one contestant as the Hub describes it. All of it is untrusted text.
type Team struct {
	Slug        Slug   `json:"slug"`
	Name        string `json:"name"`
	HackathonID string `json:"hackathonId,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`   // URL of the team's service; empty when the team gave none
	Repository  string `json:"repository,omitempty"` // URL of its source code
	Spend       string `json:"spend,omitempty"`      // money spent, as typed by the team
	// Notes are what was wrong with the team's own data, in sentences for its
	// page ("ENDPOINT_URL is hidden by the Hub, so it was not used").
	Notes []string `json:"notes,omitempty"`
	// Secure names those of Endpoint, Repository and Spend that the team marked
	// as secure, by their JSON names: they are used but shown to nobody.
	Secure []string `json:"secure,omitempty"`
}

// Target returns the scheme-less host:port that a lease is held on.
// It fails when the endpoint is no absolute http or https URL with a host.
func (t Team) Target() (string, error) { return TargetOf(t.Endpoint) }

// TargetOf returns the host:port that endpoint is served from, with the
// scheme's default port filled in. Spellings of the same host (capitals, a
// trailing dot, long IPv6) give the same target, so that they share one lease.
// Errors never quote the endpoint: it may hold credentials anywhere.
func TargetOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", errors.New("endpoint is not a URL: want one like https://team.example.org or http://192.0.2.1:8080")
	}
	port, ok := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if !ok {
		return "", errors.New("endpoint is no web address: want a URL that starts with http:// or https://")
	}
	host := strings.TrimRight(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return "", errors.New("endpoint has no host: want a URL like https://team.example.org")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			return "", errors.New("endpoint has a port that does not exist: want one from 1 to 65535")
		}
		port = strconv.FormatUint(n, 10)
	}
	return net.JoinHostPort(host, port), nil
}
