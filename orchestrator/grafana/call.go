package grafana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

const (
	maxAnswer  = 16 << 20 // bytes; a large dashboard has one or two million
	maxMessage = 200      // runes of Grafana's own words in an error
)

// What can be wrong with an answer besides its status; found in an *Error by
// errors.Is.
var (
	ErrNotGrafana = errors.New("the answer is not one of Grafana's API")
	ErrTooLarge   = errors.New("the answer is too large")
)

// Error is a call that did not succeed.
type Error struct {
	Op      string // "look up dashboard k6"
	Status  int    // of the answer; 0 when none came
	Message string // Grafana's words, or what was wrong
	Err     error  // the cause, if there is one
}

// Error says what was tried and what came of it. It never contains a secret.
func (e *Error) Error() string {
	text := e.Op
	if e.Status != 0 {
		text += fmt.Sprintf(": grafana answered %d", e.Status)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same call may succeed later.
func (e *Error) Temporary() bool {
	return e.Status == 0 && !errors.Is(e.Err, ErrTooLarge) || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// StatusOf returns the HTTP status of the *Error in err; 0 when there is none.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// call is one request and where its answer goes.
type call struct {
	op     string // for errors
	method string
	path   string // escaped, below the base
	query  url.Values
	body   any // sent as JSON; nil: none
	into   any // decoded from JSON
}

// do makes the call once. It returns nil or an *Error.
func (c *Client) do(ctx context.Context, k call) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(ctx, k)
	if err != nil {
		return &Error{Op: k.op, Err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// The cause names the URL again, in which nothing is secret.
		return &Error{Op: k.op, Message: "no answer", Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &Error{Op: k.op, Status: resp.StatusCode, Message: "the answer broke off", Err: err}
	case len(body) > maxAnswer:
		return &Error{Op: k.op, Status: resp.StatusCode, Err: ErrTooLarge}
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.refusal(k, resp, body)
	}
	if err := decode(body, k.into); err != nil {
		return &Error{Op: k.op, Status: resp.StatusCode, Err: err}
	}
	return nil
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	var body io.Reader
	if k.body != nil {
		doc, err := json.Marshal(k.body)
		if err != nil {
			return nil, fmt.Errorf("build request: %w", err)
		}
		body = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	c.authorize(req)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// refusal reads an answer with a status other than 2xx.
func (c *Client) refusal(k call, resp *http.Response, body []byte) *Error {
	e := &Error{Op: k.op, Status: resp.StatusCode, Message: c.hide(words(body))}
	if resp.StatusCode >= 300 && resp.StatusCode <= 399 {
		e.Message = "a redirect, which is not followed"
		if to, err := resp.Location(); err == nil {
			e.Message += ": it leads to " + to.Scheme + "://" + to.Host
		}
	}
	return e
}

// decode reads a JSON answer of Grafana.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		// The cause may quote the answer, which may be anyone's page.
		return ErrNotGrafana
	}
	return nil
}

// words returns the message of Grafana's JSON, in one printable line.
func words(body []byte) string {
	var answer struct {
		Message  string `json:"message"`
		Database string `json:"database"` // of an unhealthy one, in place of a message
	}
	switch err := json.Unmarshal(body, &answer); {
	case err == nil && answer.Message != "":
		return clip(answer.Message, maxMessage)
	case err == nil && answer.Database != "":
		return clip("its database is "+answer.Database, maxMessage)
	}
	return "no reason given"
}

// clip returns at most so many runes of text, in one printable line.
func clip(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
