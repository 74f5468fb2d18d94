// Package hub speaks to the contest's Hub: it reads teams, their environment
// and their criteria, and publishes updates of criteria.
//
// In go a base URL and a service key; out come contest values, and errors of
// type *Error that say whether trying again can help. Every attempt has a
// deadline and a bounded answer; busy and broken answers are tried again.
//
// The Hub refuses a bulk whole, without a reason, when one update in it is bad,
// and hides other failures inside a 200. So updates are checked before they are
// sent, a refused bulk is halved until the bad one stands alone, and an update
// counts as accepted only when the answer accounts for it.
//
// The key goes to the Hub's own host and nowhere else: no redirect is followed,
// and no error or printed value contains it.
package hub

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Key is a service key of the Hub. It prints and marshals as "<key>".
type Key string

// String hides the key.
func (Key) String() string { return "<key>" }

// GoString hides the key.
func (Key) GoString() string { return "<key>" }

// MarshalText hides the key.
func (Key) MarshalText() ([]byte, error) { return []byte("<key>"), nil }

// Config says how to reach the Hub. Only BaseURL and Key are required.
type Config struct {
	BaseURL string // "https://hub.example.org"; the paths of the API are added to it
	Key     Key

	Timeout time.Duration // of one attempt; default 30 s
	Retries int           // attempts per call, the first included; default 3
	Pause   time.Duration // before the second attempt, doubled for each further one; default 500 ms
	// RatePerMinute limits the calls of one service (see Client.For); 0 is no limit.
	RatePerMinute int
	UserAgent     string
	Transport     http.RoundTripper       // default http.DefaultTransport
	Environment   contest.EnvironmentKeys // default contest.DefaultEnvironmentKeys
}

// Client calls the Hub. It is safe for concurrent use. Make one with New.
type Client struct {
	base    *url.URL
	key     func() string // a func, so that printing a Client cannot print the key
	http    *http.Client
	cfg     Config // without Key
	limiter *rate.Limiter
	shared  *limiters
}

// limiters holds one limiter per service name for all copies of a client.
type limiters struct {
	mu     sync.Mutex
	byName map[string]*rate.Limiter
	perMin int
}

// New returns a client. It makes no call.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("hub base URL %q: want http:// or https:// and a host", redact(cfg.BaseURL))
	}
	key := strings.TrimSpace(string(cfg.Key))
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("hub key is empty or has characters that no key has")
	}
	cfg.Key = ""
	c := &Client{
		base: base, key: func() string { return key }, cfg: cfg.withDefaults(),
		http: &http.Client{
			Transport: cfg.Transport,
			// net/http would carry X-API-Key along to wherever a redirect points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		shared: &limiters{byName: map[string]*rate.Limiter{}, perMin: cfg.RatePerMinute},
	}
	return c.For(""), nil
}

// redact returns raw without a password, and without anything when it is no URL.
func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "…"
	}
	return u.Redacted()
}

func (c Config) withDefaults() Config {
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Retries <= 0 {
		c.Retries = 3
	}
	if c.Pause <= 0 {
		c.Pause = 500 * time.Millisecond
	}
	if c.UserAgent == "" {
		c.UserAgent = "hackload-orchestrator"
	}
	c.Environment = c.Environment.WithDefaults()
	return c
}

// For returns the client as the named service uses it: with that service's own
// share of the rate limit. The same name always shares the same limiter.
func (c *Client) For(service string) *Client {
	named := *c
	named.limiter = c.shared.of(service)
	return &named
}

// of returns the limiter of a service, or one without a limit. A quarter of the
// minute's calls may come at once; the refill is what is left over, so that no
// window of a minute ever holds more than the limit.
func (l *limiters) of(service string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found, ok := l.byName[service]; ok {
		return found
	}
	limit, burst := rate.Inf, 1
	if l.perMin > 0 {
		burst = max(1, l.perMin/4)
		limit = rate.Limit(float64(max(1, l.perMin-burst)) / time.Minute.Seconds())
	}
	l.byName[service] = rate.NewLimiter(limit, burst)
	return l.byName[service]
}
