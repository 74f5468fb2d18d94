package hub

import (
	"errors"
	"fmt"
	"time"
)

// What can be wrong with an answer besides its status; found in an *Error by
// errors.Is.
var (
	ErrHTML      = errors.New("an HTML page instead of JSON")
	ErrTruncated = errors.New("truncated JSON")
	ErrSchema    = errors.New("JSON of another shape than the Hub's")
	ErrTooLarge  = errors.New("an answer that is too large")
	ErrNotSent   = errors.New("not sent, because calls before it failed")
)

// Error is a call that did not succeed, or an update that was not accepted.
type Error struct {
	Op         string        // "read teams", "publish 12 updates", "update good/CODE_REPO"
	Status     int           // of the answer; 0 when none came
	Message    string        // the Hub's words, or what was wrong
	Permanent  bool          // the same again can only fail the same way
	Doubtful   bool          // the Hub refused this one update in words that we do not know
	RetryAfter time.Duration // how long the Hub asked to wait; 0 when it did not
	Err        error         // the cause, if there is one
}

// Error says what was tried and what came of it. It never contains the key.
func (e *Error) Error() string {
	text := e.Op + ": "
	if e.Status != 0 {
		text += fmt.Sprintf("hub answered %d: ", e.Status)
	}
	switch {
	case e.Err == nil:
		return text + e.Message
	case e.Message == "":
		return text + e.Err.Error()
	}
	return text + e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsPermanent reports whether err is a failure of the Hub that trying the same
// again cannot mend.
func IsPermanent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Permanent
}

// IsDoubtful reports whether err is the Hub's refusal of one update in words
// that do not tell whether trying again can help.
func IsDoubtful(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Doubtful
}

// RetryAfter returns how long the Hub asked to wait, or zero.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
