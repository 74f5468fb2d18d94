package prom

import (
	"context"
	"errors"
	"net/url"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// What can be wrong, for errors.Is.
var (
	ErrBadQuery    = errors.New("prometheus refused the query")          // permanent
	ErrUnreachable = errors.New("prometheus could not be reached")       // or it answered 5xx, or not in time
	ErrRefused     = errors.New("prometheus did not let us in")          // 401 or 403
	ErrBadAnswer   = errors.New("the answer is not one of a Prometheus") // HTML, cut JSON, too long, another schema
	ErrTooOld      = errors.New("prometheus 3 or newer is needed")
)

// Error is a request that failed: what was done, one of the errors above, and
// the words of whoever refused.
type Error struct {
	Op  string
	Err error
}

// Error joins the operation and its causes in one line.
func (e *Error) Error() string {
	return e.Op + ": " + strings.ReplaceAll(e.Err.Error(), "\n", ": ")
}

// Unwrap returns the causes.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same question can get an answer later, perhaps
// once somebody has repaired a configuration. A refused query cannot.
func (e *Error) Temporary() bool { return !errors.Is(e.Err, ErrBadQuery) }

// Warning comes together with an answer that Prometheus does not vouch for as
// complete.
type Warning struct{ Texts []string }

// Error lists the warnings.
func (w *Warning) Error() string { return "prometheus warns: " + strings.Join(w.Texts, "; ") }

// Warnings returns Prometheus' words, one warning each.
func (w *Warning) Warnings() []string { return w.Texts }

func warningOf(texts v1.Warnings) error {
	if len(texts) == 0 {
		return nil
	}
	return &Warning{Texts: texts}
}

func classify(op string, err error) error {
	var known *v1.Error
	var transport *url.Error
	var long tooLong
	switch {
	case errors.As(err, &long):
		return &Error{op, errors.Join(ErrBadAnswer, long)}
	case errors.Is(err, context.Canceled):
		return &Error{op, errors.Join(ErrUnreachable, context.Canceled)}
	case errors.As(err, &known):
		return &Error{op, errors.Join(sort(known), errors.New(words(known)))}
	case errors.As(err, &transport):
		return &Error{op, errors.Join(ErrUnreachable, transport.Err)} // without the URL
	}
	return &Error{op, errors.Join(ErrUnreachable, err)}
}

// sort tells one of this package's errors from Prometheus' own kinds.
func sort(err *v1.Error) error {
	switch err.Type {
	case v1.ErrBadData, v1.ErrExec:
		return ErrBadQuery
	case v1.ErrTimeout, v1.ErrCanceled, v1.ErrServer, "internal", "unavailable":
		return ErrUnreachable
	case v1.ErrClient:
		if strings.HasSuffix(err.Msg, ": 401") || strings.HasSuffix(err.Msg, ": 403") {
			return ErrRefused
		}
		if strings.HasSuffix(err.Msg, ": 408") || strings.HasSuffix(err.Msg, ": 429") {
			return ErrUnreachable
		}
	}
	return ErrBadAnswer
}

// words is what the other side said, in one line that fits in a log.
func words(err *v1.Error) string {
	text := err.Msg
	if detail := strings.Join(strings.Fields(err.Detail), " "); detail != "" {
		text += " (" + detail + ")"
	}
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
