package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Prober asks targets. The zero value is not usable; fields as documented.
type Prober struct {
	Guard     Guard
	UserAgent string
	Timeout   time.Duration // of one try of the smoke test
	Tries     int           // how often the smoke test is tried
	Pause     time.Duration // between tries
	Reset     time.Duration // of POST /api/reset
}

// Organisers allow 30 s for a reset: a correct service was seen to need 3.5 s
// for 100,000 seats.
const (
	defaultTimeout = 5 * time.Second
	defaultTries   = 3
	defaultPause   = 500 * time.Millisecond
	defaultReset   = 30 * time.Second
	bodyLimit      = 1 << 20
	errorLimit     = 300 // bytes of an error's text
)

// New returns a prober with the contest's limits.
func New(g Guard, userAgent string) *Prober {
	return &Prober{Guard: g, UserAgent: userAgent, Timeout: defaultTimeout, Tries: defaultTries, Pause: defaultPause, Reset: defaultReset}
}

// Preflight asks the endpoint for one page of events, and for a reset when
// reset is set. Any HTTP answer, whatever its status, means that there is a
// service to put under load; a refused or missing reset is a finding, not a
// failure.
func (p *Prober) Preflight(ctx context.Context, endpoint string, reset bool) contest.Preflight {
	var pre contest.Preflight
	for try := range p.Tries {
		if try > 0 && !sleep(ctx, p.Pause) {
			break
		}
		status, err := p.call(ctx, http.MethodGet, endpoint, "/api/events?page=1&pageSize=1", p.Timeout)
		if err == nil {
			pre.Answered, pre.Status, pre.Error = true, status, ""
			break
		}
		pre.Error = err.Error()
	}
	if !pre.Answered || !reset {
		return pre
	}
	status, err := p.call(ctx, http.MethodPost, endpoint, "/api/reset", p.Reset)
	pre.Reset = status
	switch {
	case err != nil:
		pre.Finding = fmt.Sprintf("POST /api/reset gave no answer (%v), so the run began with the data that was there.", err)
	case status != http.StatusOK && status != http.StatusNoContent:
		pre.Finding = fmt.Sprintf("POST /api/reset answered %d instead of 200, so the run began with the data that was there.", status)
	}
	return pre
}

func (p *Prober) call(ctx context.Context, method, endpoint, path string, timeout time.Duration) (int, error) {
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline).Round(time.Millisecond))
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(endpoint, "/")+path, nil)
	if err != nil {
		return 0, errors.New("the endpoint is not a URL")
	}
	req.Header.Set("User-Agent", p.UserAgent)
	if u := req.URL.User; u != nil {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	transport := p.Guard.transport(timeout)
	defer transport.CloseIdleConnections()
	// Without http.Client a redirect is an answer like any other, also one whose
	// Location is no URL, and no error quotes the address.
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, plain(err, timeout)
	}
	defer resp.Body.Close()
	// An answer that never ends is still an answer: the load will show it.
	_, _ = io.CopyN(io.Discard, resp.Body, bodyLimit)
	return resp.StatusCode, nil
}

// plain says in words what an error of the transport means.
func plain(err error, timeout time.Duration) error {
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return fmt.Errorf("no answer within %s", timeout)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection was closed without an answer")
	}
	// A finding is public, and a team's address is not.
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		err = fmt.Errorf("dial: the name cannot be resolved (%s)", lookup.Err)
	}
	// Some errors quote what the target sent, and that may be long.
	if text := strings.ToValidUTF8(err.Error(), "?"); len(text) > errorLimit {
		return errors.New(strings.ToValidUTF8(text[:errorLimit], "") + "…")
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
