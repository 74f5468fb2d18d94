// Package prom asks a Prometheus: instant queries for evidence, range queries
// for pages, and whether it is one that evidence can be had from.
//
// In goes PromQL, out come the contest's samples; native histograms have their
// buckets in ascending order and in the metric's base unit. An empty answer is
// no error.
//
// When something fails the error says what, and Error.Temporary says whether
// asking again later can help: only a query that Prometheus refuses cannot.
// Answers are bounded in size and time, redirects are not followed, and
// credentials stand in no error. It is the only package that knows
// client_golang's API client.
package prom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 32 << 20 // histograms of 400 runs are some 20 MB
)

// Config says where Prometheus is and how to be let in.
type Config struct {
	URL         string // base URL, with the path prefix if there is one
	BearerToken string // empty: none
	Username    string // of HTTP basic authentication; empty: none
	Password    string
	Timeout     time.Duration     // of one request; 0 means 30 s
	MaxBody     int64             // bytes of one answer; 0 means 32 MiB
	Transport   http.RoundTripper // nil means http.DefaultTransport
}

// Client asks one Prometheus. It may be used from many goroutines.
type Client struct {
	api     v1.API
	timeout time.Duration
}

// New returns a client for cfg. It sends nothing yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		// The URL may hold a password, so neither it nor err is shown.
		return nil, errors.New("prometheus URL: want one that starts with http:// or https://")
	}
	if cfg.BearerToken != "" && cfg.Username != "" {
		return nil, errors.New("prometheus credentials: give a bearer token or a user name, not both")
	}
	if u.User != nil && cfg.Username == "" {
		cfg.Username = u.User.Username()
		cfg.Password, _ = u.User.Password()
		u.User = nil
	}
	cfg = defaults(cfg)
	client, err := api.NewClient(api.Config{Address: u.String(), Client: &http.Client{
		Transport:     &guard{cfg: cfg},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		return nil, fmt.Errorf("make prometheus client: %w", err)
	}
	return &Client{api: v1.NewAPI(client), timeout: cfg.Timeout}, nil
}

func defaults(cfg Config) Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	return cfg
}

// Query evaluates promql at one instant. The result must be a vector or a
// scalar; NaN values are kept. When Prometheus warns that the answer may be
// incomplete, the samples are returned together with a *Warning.
func (c *Client) Query(ctx context.Context, promql string, at time.Time) ([]contest.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	value, warnings, _, err := c.api.Query(ctx, promql, at, v1.WithTimeout(c.timeout))
	if err != nil {
		return nil, classify("query prometheus", err)
	}
	samples, err := samplesOf(value, at)
	if err != nil {
		return nil, &Error{Op: "query prometheus", Err: err}
	}
	return samples, warningOf(warnings)
}

// QueryRange evaluates promql at from, from+step, … up to to. The answer's
// warnings come as with Query.
func (c *Client) QueryRange(ctx context.Context, promql string, from, to time.Time, step time.Duration) ([]contest.Series, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	value, warnings, _, err := c.api.QueryRange(ctx, promql, v1.Range{Start: from, End: to, Step: step}, v1.WithTimeout(c.timeout))
	if err != nil {
		return nil, classify("query prometheus over a range", err)
	}
	series, err := seriesOf(value)
	if err != nil {
		return nil, &Error{Op: "query prometheus over a range", Err: err}
	}
	return series, warningOf(warnings)
}
