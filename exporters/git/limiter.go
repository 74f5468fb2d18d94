package git

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// LimitError is why GitHub was not asked: one of its limits holds until then.
type LimitError struct{ Until time.Time }

// Error implements error.
func (e *LimitError) Error() string {
	return "its rate limit is used up until " + e.Until.UTC().Format("15:04:05 MST")
}

const (
	tries        = 3                      // of one request, when a limit or a 5xx is in the way
	retryPause   = 500 * time.Millisecond // after a 5xx
	longestBlock = time.Hour              // GitHub's windows are no longer
	unsaidBlock  = time.Minute            // for a secondary limit that does not say how long
)

// limiter keeps GitHub's limits. It paces requests, holds the last ones of the
// hour back, and waits where GitHub says so, as long as the caller's time lasts.
type limiter struct {
	next http.RoundTripper
	pace *rate.Limiter

	mu       sync.Mutex
	known    bool // a window has been seen
	limit    int
	left     int
	resets   time.Time
	flying   int       // requests that may still be taken off left
	blocked  time.Time // nothing is sent before
	answered map[string]int
}

func newLimiter(c Config, next http.RoundTripper) *limiter {
	return &limiter{next: next, pace: rate.NewLimiter(rate.Limit(c.PerSecond), c.Workers), answered: map[string]int{}}
}

// RoundTrip implements http.RoundTripper.
func (l *limiter) RoundTrip(req *http.Request) (*http.Response, error) {
	free := strings.HasSuffix(req.URL.Path, "/rate_limit")
	for try := 1; ; try++ {
		if err := l.acquire(req.Context(), free); err != nil {
			return nil, err
		}
		resp, err := l.next.RoundTrip(req)
		l.release(resp, free)
		if err != nil {
			return nil, err
		}
		refused := isLimit(resp)
		if !refused && resp.StatusCode < http.StatusInternalServerError || try == tries {
			return l.finish(resp, refused)
		}
		_ = resp.Body.Close()
		if !refused && !sleep(req.Context(), retryPause) {
			return nil, req.Context().Err()
		}
	}
}

// finish hands an answer on without the headers of limits: go-github would keep
// its own account of them, and refuse where we would wait.
func (l *limiter) finish(resp *http.Response, refused bool) (*http.Response, error) {
	if refused {
		_ = resp.Body.Close()
		return nil, &LimitError{l.until()}
	}
	for name := range resp.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-ratelimit-") {
			delete(resp.Header, name)
		}
	}
	return resp, nil
}

// acquire waits until a request may be sent. It does not begin to wait for what
// the caller's time does not reach.
func (l *limiter) acquire(ctx context.Context, free bool) error {
	for {
		until, ok := l.take(free)
		if ok {
			break
		}
		if deadline, has := ctx.Deadline(); has && deadline.Before(until) {
			return &LimitError{until}
		}
		if !sleep(ctx, time.Until(until)) {
			return ctx.Err()
		}
	}
	if err := l.pace.Wait(ctx); err != nil {
		l.release(nil, free)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return context.DeadlineExceeded // the pace says that it would come too late
	}
	return nil
}

// take reserves one request of the hour, or says when to ask again.
func (l *limiter) take(free bool) (until time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.blocked) {
		return l.blocked, false
	}
	if free {
		return time.Time{}, true
	}
	if l.known && now.Before(l.resets) && l.left-l.flying <= l.reserve() {
		return l.resets, false
	}
	l.flying++
	return time.Time{}, true
}

// reserve is how much of the hour is left to others who ask with the same
// credentials.
func (l *limiter) reserve() int { return min(100, l.limit/50) }

func (l *limiter) until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.blocked.After(time.Now()) {
		return l.blocked
	}
	return l.resets
}

// release takes in what an answer says of the limits; nil is no answer.
func (l *limiter) release(resp *http.Response, free bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !free {
		l.flying--
	}
	if resp == nil {
		return
	}
	l.answered[class(resp.StatusCode)]++
	now := time.Now()
	limit, errLimit := strconv.Atoi(resp.Header.Get("X-RateLimit-Limit"))
	left, errLeft := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining"))
	reset, errReset := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	if errLimit == nil && errLeft == nil && errReset == nil {
		at := earlier(time.Unix(reset, 0), now.Add(longestBlock))
		// Answers overtake each other: within one window, the least is the newest.
		if l.known && at.Sub(l.resets).Abs() < 2*time.Second {
			left = min(left, l.left)
		}
		l.known, l.limit, l.left, l.resets = true, limit, left, at
	}
	if isLimit(resp) {
		l.blocked = later(l.blocked, l.block(resp, now))
	}
}

// block says until when a refusal holds.
func (l *limiter) block(resp *http.Response, now time.Time) time.Time {
	until := now.Add(unsaidBlock)
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		until = now.Add(time.Duration(min(seconds, int(longestBlock/time.Second))) * time.Second)
	} else if at, err := http.ParseTime(text); err == nil {
		until = at
	} else if resp.Header.Get("X-RateLimit-Remaining") == "0" {
		until = l.resets.Add(time.Second) // it is told in whole seconds
	}
	return earlier(until, now.Add(longestBlock))
}

// isLimit reports whether an answer is one of the limits' refusals: a 429, or a
// 403 that says so in one of three ways.
func isLimit(resp *http.Response) bool {
	if resp.StatusCode == http.StatusTooManyRequests {
		return true
	}
	if resp.StatusCode != http.StatusForbidden {
		return false
	}
	if resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-RateLimit-Remaining") == "0" {
		return true
	}
	body, err := io.ReadAll(resp.Body) // it is in memory, see bounded
	if err != nil {
		return false
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	body = bytes.ToLower(body)
	return bytes.Contains(body, []byte("secondary rate limit")) || bytes.Contains(body, []byte("abuse detection"))
}

// class is the label that an answer is counted under.
func class(status int) string {
	if status == http.StatusNotModified {
		return "304"
	}
	return fmt.Sprintf("%dxx", status/100)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sleep waits, and is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
