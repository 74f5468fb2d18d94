package script

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// maxLoggedFailures is how many failed requests one test logs; all are counted.
const maxLoggedFailures = 20

// count makes the samples of one hop. A hop that was cut off because its
// iteration was interrupted is no measurement.
func (vm *VM) count(p *prepared, x *httpx.Exchange) {
	vm.sent += x.Sent
	vm.recv += x.Received
	if vm.config.Trace != nil {
		vm.config.Trace(&p.request, x)
	}
	if !p.counted && x.Cookie != "" {
		p.note().cookie = x.Cookie
	}
	if vm.context().Err() != nil {
		return
	}
	expected := vm.expected(p, x)
	p.counted = true
	tags := vm.answerTags(p, x, expected)
	b, t := vm.builtin, &x.Times
	vm.add(b.HTTPReqs, tags, 1)
	vm.add(b.HTTPReqDuration, tags, ms(t.Duration()))
	vm.add(b.HTTPReqBlocked, tags, ms(t.Blocked))
	vm.add(b.HTTPReqConnecting, tags, ms(t.Connecting))
	vm.add(b.HTTPReqTLSHandshaking, tags, ms(t.TLSHandshaking))
	vm.add(b.HTTPReqSending, tags, ms(t.Sending))
	vm.add(b.HTTPReqWaiting, tags, ms(t.Waiting))
	vm.add(b.HTTPReqReceiving, tags, ms(t.Receiving))
	if !p.noExpect {
		vm.add(b.HTTPReqFailed, tags, number(!expected))
	}
}

func (vm *VM) expected(p *prepared, x *httpx.Exchange) bool {
	switch {
	case x.Err != nil:
		return false
	case p.digest() && !p.counted:
		return x.Status == http.StatusUnauthorized // the first answer asks who is there
	case p.expect != nil:
		return p.expect.has(x.Status)
	}
	return x.Status >= 200 && x.Status < 400
}

// answerTags are k6's system tags of an answer. The URL is not one of them
// unless the request has a name or somebody asks for it, because every URL would
// be a series.
func (vm *VM) answerTags(p *prepared, x *httpx.Exchange, expected bool) *metric.TagSet {
	key := tagKey{base: p.tags, a: x.Method, b: x.Proto, status: x.Status, tls: x.TLS.Version, expected: expected}
	if x.Err != nil || vm.config.Options.TagURLs {
		return vm.buildTags(p, x, expected)
	}
	if t, ok := vm.cache[key]; ok {
		return t
	}
	return vm.cached(key, func() *metric.TagSet { return vm.buildTags(p, x, expected) })
}

func (vm *VM) buildTags(p *prepared, x *httpx.Exchange, expected bool) *metric.TagSet {
	t := p.tags
	set := func(k, v string) {
		if on, listed := vm.config.Options.SystemTags[k]; v != "" && (on || !listed && vm.config.Options.SystemTags == nil) {
			t = t.With(k, v)
		}
	}
	set("method", x.Method)
	if x.Err == nil {
		set("proto", x.Proto)
		set("tls_version", tlsVersion(x))
	}
	set("status", strconv.Itoa(x.Status))
	switch {
	case p.name != "":
		set("url", p.name)
	case vm.config.Options.TagURLs:
		set("url", masked(x.URL))
		set("name", masked(x.URL))
	}
	if !p.noExpect {
		set("expected_response", strconv.FormatBool(expected))
	}
	if code := x.ErrorCode(); code != 0 {
		set("error_code", strconv.Itoa(code))
	}
	set("error", errorTag(x))
	return t
}

// errorTag is the failure in words that a server cannot choose.
func errorTag(x *httpx.Exchange) string {
	switch {
	case x.Err == nil:
		return ""
	case errors.Is(x.Err, httpx.ErrBodyTooLarge), errors.Is(x.Err, httpx.ErrHeaderTooLarge), errors.Is(x.Err, httpx.ErrTooManyInterims),
		x.Err.Code != httpx.CodeGeneric && x.Err.Code != httpx.CodeInvalidURL && x.Err.Code != httpx.CodeBlockedIP && x.Err.Code != httpx.CodeDecompression:
		return clip(x.Err.Text, 200)
	}
	return map[int]string{
		httpx.CodeInvalidURL: "invalid URL", httpx.CodeBlockedIP: "address is blocked", httpx.CodeDecompression: "body cannot be decompressed",
	}[x.Err.Code]
}

// finish logs a failure, or throws it where the script asked for that, and
// returns the Response.
func (vm *VM) finish(p *prepared, x *httpx.Exchange) sobek.Value {
	if x.Err != nil && vm.context().Err() == nil {
		if p.throws {
			vm.throw("%s", x.Err.Text)
		}
		vm.logFailure("Request Failed", "error", clip(x.Err.Text, 300), "method", x.Method, "url", masked(x.URL))
	}
	if x.Status == http.StatusSwitchingProtocols {
		vm.throw("unsupported response status: 101 %s", x.StatusText) // nothing of HTTP follows
	}
	if x.StoppedAt > 0 {
		vm.logFailure("a redirect was not followed, because the limit is reached", "followed", x.StoppedAt, "url", masked(x.URL))
	}
	return vm.newResponse(p, x)
}

func (vm *VM) logFailure(text string, args ...any) {
	n := vm.config.Test.failuresToldYet.Add(1)
	if n <= maxLoggedFailures {
		vm.config.Log.Warn(text, args...)
	}
	if n == maxLoggedFailures {
		vm.config.Log.Warn("further request failures are counted, not logged")
	}
}

// masked writes a URL without its user's secrets.
func masked(u *url.URL) string {
	if u == nil {
		return ""
	}
	if u.User == nil {
		return clip(u.String(), 300)
	}
	m := *u
	m.User = url.UserPassword("****", "****")
	return clip(m.String(), 300)
}
