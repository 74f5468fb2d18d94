package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	maxAnswer     = 16 << 20 // bytes; 200 teams with full environments stay far below
	maxRetryAfter = time.Hour
	maxPause      = 10 * time.Second // between two attempts, unless the Hub asks for more
)

// call is one request to the Hub and how to read its answer.
type call struct {
	op         string // for errors
	permission string // that the key needs
	method     string
	path       string // escaped
	query      url.Values
	body       []byte
	decode     func(body []byte) error
	attempts   int  // 0 means as configured
	suspect500 bool // a 500 may be the fault of our body, so it is not tried again
	divisible  bool // the same can be said in smaller calls, so a timeout is not tried again
}

// do makes the call, again and again while that can help. It returns nil or an
// *Error.
func (c *Client) do(ctx context.Context, k call) error {
	attempts := k.attempts
	if attempts == 0 {
		attempts = c.cfg.Retries
	}
	var last *Error
	made, unauthorised := 0, false
	attempt := func() (struct{}, error) {
		made++
		if last = c.exchange(ctx, k); last == nil {
			return struct{}{}, nil
		}
		switch {
		case last.Status == http.StatusUnauthorized && !unauthorised:
			// The Hub says the same when its own database failed, so once more.
			unauthorised = true
			attempts++
		case last.Permanent, made >= attempts, k.divisible && timedOut(last),
			k.suspect500 && last.Status == http.StatusInternalServerError:
			return struct{}{}, backoff.Permanent(last)
		case last.RetryAfter > 0:
			return struct{}{}, &backoff.RetryAfterError{Duration: last.RetryAfter}
		}
		return struct{}{}, last
	}
	_, err := backoff.Retry(ctx, attempt,
		backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: c.cfg.Pause, Multiplier: 2, RandomizationFactor: 0.5, MaxInterval: maxPause,
		}),
		backoff.WithMaxElapsedTime(time.Duration(attempts+1)*(c.cfg.Timeout+maxPause)))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &Error{Op: k.op, Message: "stopped", Err: errors.Join(context.Cause(ctx), last.Err)}
	}
	return last
}

// timedOut reports whether an attempt outlasted its deadline.
func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// exchange makes one attempt. It returns nil when the answer was read and
// decoded.
func (c *Client) exchange(ctx context.Context, k call) *Error {
	if err := c.limiter.Wait(ctx); err != nil {
		return &Error{Op: k.op, Message: "wait for the rate limit", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, k)
	if err != nil {
		return &Error{Op: k.op, Permanent: true, Err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &Error{Op: k.op, Message: "no answer", Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &Error{Op: k.op, Status: resp.StatusCode, Message: "the answer broke off", Err: err}
	case len(body) > maxAnswer:
		return &Error{Op: k.op, Status: resp.StatusCode, Permanent: true, Err: ErrTooLarge}
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.refusal(k, resp, body)
	}
	if err := k.decode(body); err != nil {
		return &Error{Op: k.op, Status: resp.StatusCode, Err: err, Permanent: errors.Is(err, ErrSchema)}
	}
	return nil
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	target := strings.TrimSuffix(c.base.String(), "/") + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(k.body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("X-API-Key", c.key())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// refusal reads an answer with a status other than 2xx.
func (c *Client) refusal(k call, resp *http.Response, body []byte) *Error {
	e := &Error{
		Op: k.op, Status: resp.StatusCode,
		Message:    strings.ReplaceAll(wordsOf(body), c.key(), "<key>"),
		Permanent:  permanentStatus(resp.StatusCode),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		e.Message = "a redirect" + elsewhere(resp) + ", which is not followed: set the base URL to the final address"
	case resp.StatusCode == http.StatusForbidden:
		e.Message += fmt.Sprintf(": the key needs the permission %s", k.permission)
	}
	return e
}

func elsewhere(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return ""
	}
	return " to " + to.Scheme + "://" + to.Host
}

// permanentStatus reports whether a status means that the same request can only
// be refused again.
func permanentStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status < 500
}

// parseRetryAfter reads the header's two forms: seconds and a date. Anything
// else is no wish; more than an hour is an hour.
func parseRetryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(strings.TrimSpace(header), 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
