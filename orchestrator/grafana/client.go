// Package grafana speaks to the contest's Grafana: it looks whether what links
// lead to is there, marks each run on the dashboards, builds the links, and says
// how Prometheus is reached where only Grafana can be.
//
// In go an address and a token, or a user and a password, or neither where
// anyone may look; out come plain values and errors of type *Error. Nothing
// here is needed for a verdict: whoever calls may tell an error and go on.
//
// Each call has a deadline and a bounded answer and is made once. Credentials
// go to Grafana's own host and nowhere else: no redirect is followed, and no
// error or printed value contains them. Texts that come from teams are escaped,
// because Grafana shows annotations as HTML.
package grafana

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Secret is a token or password. It prints and marshals as "<secret>".
type Secret string

// String hides the secret.
func (Secret) String() string { return "<secret>" }

// GoString hides the secret.
func (Secret) GoString() string { return "<secret>" }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Config says how to reach Grafana. Only URL is required.
type Config struct {
	URL       string // "https://example.org/grafana", also with "/api" at its end
	Token     Secret // of a service account
	Username  string // instead of a token
	Password  Secret
	Timeout   time.Duration     // of one call; 0 means 10 s
	Transport http.RoundTripper // nil means http.DefaultTransport
	UserAgent string
}

// Client calls Grafana. It is safe for concurrent use. Make one with New.
type Client struct {
	base    string // without a slash at its end
	http    *http.Client
	timeout time.Duration
	agent   string
	secrets func() credentials // a func, so that printing a Client cannot print them
}

type credentials struct{ token, username, password string }

// New returns a client. It makes no call.
func New(cfg Config) (*Client, error) {
	base, err := apart(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := credentials{strings.TrimSpace(string(cfg.Token)), cfg.Username, string(cfg.Password)}
	switch {
	case c.token != "" && c.username != "":
		return nil, errors.New("grafana credentials: give a token or a user name, not both")
	case strings.ContainsFunc(c.token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("grafana token has characters that no token has")
	case c.username != "" && c.password == "":
		return nil, errors.New("grafana credentials: the user name has no password beside it")
	case strings.Contains(c.username, ":"):
		return nil, errors.New("grafana credentials: a user name cannot contain a colon")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "hackload-orchestrator"
	}
	return &Client{
		base: base, timeout: cfg.Timeout, agent: cfg.UserAgent, secrets: func() credentials { return c },
		http: &http.Client{
			Transport: cfg.Transport,
			// A redirect is a login page or another host; neither is to see the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// apart returns Grafana's address without the API's path.
func apart(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		// It may hold a password, so neither it nor err is shown.
		return "", errors.New("grafana URL: want one that starts with http:// or https://")
	case u.User != nil:
		return "", errors.New("grafana URL: it holds credentials, which belong beside it")
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.String(), "/"), "/api"), "/"), nil
}

// authorize adds the credentials to a request.
func (c *Client) authorize(r *http.Request) {
	switch s := c.secrets(); {
	case s.token != "":
		r.Header.Set("Authorization", "Bearer "+s.token)
	case s.username != "":
		r.SetBasicAuth(s.username, s.password)
	}
}

// hide takes the credentials out of a text.
func (c *Client) hide(text string) string {
	s := c.secrets()
	for _, secret := range []string{s.token, s.password} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "<secret>")
		}
	}
	return text
}

// Proxy is how Prometheus is reached through Grafana.
type Proxy struct {
	URL      string // Prometheus' own paths are added to it
	Token    Secret // of Grafana, for a bearer header; or
	Username string // for basic authentication
	Password Secret
}

// Proxy returns the road to the data source with the uid: Grafana passes on what
// comes to the URL, for whoever may query the data source (a viewer may).
func (c *Client) Proxy(uid string) Proxy {
	s := c.secrets()
	return Proxy{c.DataSourceProxyURL(uid), Secret(s.token), s.username, Secret(s.password)}
}

// DataSourceProxyURL returns the URL of Proxy alone.
func (c *Client) DataSourceProxyURL(uid string) string {
	return c.base + "/api/datasources/proxy/uid/" + url.PathEscape(uid)
}
