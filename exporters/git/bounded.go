package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer is the most of one answer of GitHub that is read, in bytes: a page
// of commits has about 400 kB, more with long messages.
const maxAnswer = 16 << 20

var errTooLarge = errors.New("answer is too large")

// bounded sends one request to the API within its bounds: to the API's address
// only, within a time that covers the whole answer, of a size that is known. What
// it returns is in memory.
type bounded struct {
	api       *url.URL
	timeout   time.Duration
	transport *http.Transport
}

func newBounded(c Config, api *url.URL) *bounded {
	return &bounded{api: api, timeout: c.Request, transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: c.Request}).DialContext,
		MaxConnsPerHost:        c.Workers,
		MaxIdleConnsPerHost:    c.Workers,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    c.Request,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}}
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != b.api.Host || req.URL.Scheme != b.api.Scheme {
		return nil, errRedirect
	}
	ctx, cancel := context.WithTimeout(req.Context(), b.timeout)
	defer cancel()
	resp, err := b.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errTooLarge
	}
	return withBody(resp, body), nil
}

// withBody returns a copy of an answer that has another body.
func withBody(resp *http.Response, body []byte) *http.Response {
	out := *resp
	out.Header = resp.Header.Clone()
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return &out
}
