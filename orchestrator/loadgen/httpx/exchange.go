package httpx

import (
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"time"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Request is what to ask. It is not changed and may be used again.
type Request struct {
	Method string
	URL    *url.URL // absolute, http or https
	Header []Field  // in the order they are sent
	Body   []byte
	// Timeout bounds everything, redirects included; DefaultTimeout when 0.
	Timeout time.Duration
	// MaxRedirects is how many redirects are followed; 0 follows none.
	MaxRedirects int
	Discard      bool // do not keep the body
	// Extras is nil for nearly all requests.
	Extras *Extras
}

// Extras is what few requests need.
type Extras struct {
	// Jar holds the cookies to send and to keep; nil is the client's own.
	Jar *cookiejar.Jar
	// Instead names cookies of the jar that are not sent, because Header brings
	// others of that name.
	Instead []string
	// Digest, when set, answers a server that asks who is there (RFC 7616).
	Digest *url.Userinfo
}

func (r *Request) extras() Extras {
	if r.Extras == nil {
		return Extras{}
	}
	return *r.Extras
}

// Timings are the phases of one hop. A phase that did not happen is 0.
type Timings struct {
	Blocked        time.Duration // until a connection was there; includes the next three
	LookingUp      time.Duration
	Connecting     time.Duration
	TLSHandshaking time.Duration
	Sending        time.Duration
	Waiting        time.Duration // from the last byte sent to the first received
	Receiving      time.Duration
}

// Duration is k6's http_req_duration: sending, waiting and receiving.
func (t Timings) Duration() time.Duration { return t.Sending + t.Waiting + t.Receiving }

// Exchange is one hop: a request and its answer, or why there is none.
type Exchange struct {
	Method     string
	URL        *url.URL
	Status     int    // 0 when no answer came
	StatusText string // "Not Found"
	Proto      string // "HTTP/1.1"
	Header     http.Header
	Body       []byte // decoded; nil when discarded
	Times      Timings
	Remote     netip.AddrPort
	Cookie     string // the Cookie header that was sent
	TLS        TLS
	Sent       int64 // bytes on the wire, TLS included
	Received   int64
	Err        *Error
	// StoppedAt is how many redirects were followed when the answer is one
	// more, which was not followed because of MaxRedirects; else 0.
	StoppedAt int
}

// TLS is what was agreed with the server. Its zero value is plain TCP.
type TLS struct{ Version, CipherSuite uint16 }

// Failed reports whether no complete answer came.
func (x *Exchange) Failed() bool { return x.Err != nil }

// ErrorCode returns k6's error code: that of Err, of a status of 400 and
// above, or 0.
func (x *Exchange) ErrorCode() int {
	if x.Err != nil {
		return x.Err.Code
	}
	return StatusCode(x.Status)
}
