package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"syscall"
)

// Error is why a request failed, with k6's code for it.
type Error struct {
	Code int
	Text string
	err  error
}

// Error returns k6's words for the failure ("dial: connection refused").
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// k6's error codes: https://grafana.com/docs/k6/latest/javascript-api/error-codes/.
const (
	CodeGeneric         = 1000
	CodeNotTCP          = 1010
	CodeInvalidURL      = 1020
	CodeTimeout         = 1050
	CodeDNS             = 1100
	CodeNoSuchHost      = 1101
	CodeBlockedIP       = 1110
	CodeBlockedHost     = 1111
	CodeTCP             = 1200
	CodeBrokenPipe      = 1201
	CodeUnknownTCP      = 1202
	CodeDial            = 1210
	CodeDialTimeout     = 1211
	CodeDialRefused     = 1212
	CodeDialUnknown     = 1213
	CodeReset           = 1220
	CodeTLS             = 1300
	CodeUnknownCA       = 1310
	CodeHostname        = 1311
	CodeHTTP2GoAway     = 1610
	CodeHTTP2Stream     = 1630
	CodeHTTP2Connection = 1650
	CodeDecompression   = 1701
	CodeStatus          = 1000 // added to a status of 400 and above
	firstErroringStatus = 400
)

// Errors that the bounds of this package cause.
var (
	ErrHeaderTooLarge  = errors.New("the answer's headers are larger than allowed")
	ErrBodyTooLarge    = errors.New("the answer's body is larger than allowed")
	ErrTooManyInterims = errors.New("too many informational answers")
)

// blockedError is the guard's refusal of an address.
type blockedError struct{ cause error }

func (e *blockedError) Error() string { return e.cause.Error() }
func (e *blockedError) Unwrap() error { return e.cause }

// decodeError is a body that is not what its Content-Encoding says.
type decodeError struct{ cause error }

func (e *decodeError) Error() string { return "decompress body: " + e.cause.Error() }
func (e *decodeError) Unwrap() error { return e.cause }

// StatusCode returns k6's error code of an HTTP status: 0 below 400.
func StatusCode(status int) int {
	if status < firstErroringStatus {
		return 0
	}
	return CodeStatus + status
}

// classify gives an error of any phase k6's code and words.
func classify(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	code, text := describe(err)
	return &Error{Code: code, Text: text, err: err}
}

func describe(err error) (int, string) {
	var (
		blocked *blockedError
		decode  *decodeError
		dns     *net.DNSError
		op      *net.OpError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return CodeTimeout, "request timeout"
	case errors.As(err, &blocked):
		return CodeBlockedIP, blocked.Error()
	case errors.As(err, &decode):
		return CodeDecompression, decode.Error()
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return CodeNoSuchHost, "lookup: no such host"
		}
		return CodeDNS, "lookup: " + dns.Err
	}
	if code, text := describeTLS(err); code != 0 {
		return code, text
	}
	switch {
	case errors.As(err, &op):
		return describeOp(op)
	case isTimeout(err):
		return CodeTimeout, "request timeout"
	case errors.Is(err, io.EOF):
		return CodeGeneric, "EOF"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return CodeGeneric, "unexpected EOF"
	}
	if code, text := describeHTTP2(err.Error()); code != 0 {
		return code, text
	}
	return CodeGeneric, err.Error()
}

var http2Failure = regexp.MustCompile(`^(?:(stream) error: stream ID \d+; |(connection) error: |http2: server sent (GOAWAY) and closed the connection; LastStreamID=\d+, ErrCode=)([A-Z_0-9]+)`)

// describeHTTP2 reads net/http's words, because its types for these failures
// are not exported.
func describeHTTP2(text string) (int, string) {
	m := http2Failure.FindStringSubmatch(text)
	if m == nil {
		return 0, ""
	}
	// The codes of RFC 9113, in order; k6 adds them to those of the kind.
	nth := 1 + slices.Index([]string{
		"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
		"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
	}, m[4])
	switch {
	case m[1] != "":
		return CodeHTTP2Stream + nth, "http2: stream error with http2 ErrCode " + m[4]
	case m[2] != "":
		return CodeHTTP2Connection + nth, "http2: connection error with http2 ErrCode " + m[4]
	}
	return CodeHTTP2GoAway + nth, "http2: received GoAway with http2 ErrCode " + m[4]
}

func describeOp(op *net.OpError) (int, string) {
	if op.Net != "tcp" && op.Net != "tcp6" { // a word of the TLS below it
		return CodeNotTCP, op.Error()
	}
	dial := op.Op == "dial"
	var number syscall.Errno
	switch {
	case op.Op == "remote error": // an alert of TLS
		return CodeNotTCP, op.Error()
	case dial && op.Timeout():
		return CodeDialTimeout, "dial: i/o timeout"
	case op.Timeout():
		return CodeTimeout, "request timeout"
	case errors.Is(op, syscall.ECONNREFUSED) && dial:
		return CodeDialRefused, "dial: connection refused"
	case errors.Is(op, syscall.ECONNRESET):
		return CodeReset, op.Op + ": connection reset by peer"
	case errors.Is(op, syscall.EPIPE):
		return CodeBrokenPipe, op.Op + ": broken pipe"
	case errors.As(op, &number) && dial:
		return CodeDialUnknown, fmt.Sprintf("dial: unknown errno `%d` on %s with message `%s`", int(number), "linux", number.Error())
	case errors.As(op, &number):
		return CodeUnknownTCP, fmt.Sprintf("%s: unknown errno `%d` with message `%s`", op.Op, int(number), number.Error())
	case dial:
		return CodeDial, "dial: " + op.Err.Error()
	}
	return CodeTCP, op.Op + ": " + op.Err.Error()
}

func describeTLS(err error) (int, string) {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return CodeUnknownCA, "x509: unknown authority"
	case errors.As(err, &hostname):
		return CodeHostname, "x509: certificate doesn't match hostname"
	case errors.As(err, &record):
		return CodeTLS + 1, "tls: " + record.Msg
	case errors.As(err, &invalid):
		return CodeGeneric, invalid.Error()
	}
	return 0, ""
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
