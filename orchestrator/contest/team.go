package contest

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Slug is a team's raw nickname in the Hub. Underscores and capitals are legal,
// so it is not a Kubernetes name.
type Slug string

var slugPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,100}$`)

// Valid reports whether s has the Hub's form of a nickname.
func (s Slug) Valid() bool { return slugPattern.MatchString(string(s)) }

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
}

// Target returns the scheme-less host:port that a lease is held on.
// It fails when the endpoint is no absolute http or https URL with a host.
func (t Team) Target() (string, error) { return TargetOf(t.Endpoint) }

// TargetOf returns the host:port that endpoint is served from, with the
// scheme's default port filled in and the host in lower case.
func TargetOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint is not a URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("endpoint %q: want a URL that starts with http:// or https://", u.Redacted())
	}
	if u.Hostname() == "" {
		return "", fmt.Errorf("endpoint %q has no host", u.Redacted())
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port), nil
}
