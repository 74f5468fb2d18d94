package script

import (
	"crypto/tls"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/sobek"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// response is the Response of an exchange. Its members are made when they are
// read: most scripts read one or two.
type response struct {
	vm   *VM
	p    *prepared
	x    *httpx.Exchange
	made map[string]sobek.Value
}

func (vm *VM) newResponse(p *prepared, x *httpx.Exchange) sobek.Value {
	return vm.rt.NewDynamicObject(&response{vm: vm, p: p, x: x})
}

func responseNames() []string {
	return []string{
		"remote_ip", "remote_port", "url", "status", "status_text", "proto", "headers", "cookies", "body", "timings",
		"tls_version", "tls_cipher_suite", "ocsp", "error", "error_code", "request", "clickLink", "html", "json", "submitForm",
	}
}

func (r *response) Get(key string) sobek.Value {
	rt := r.vm.rt
	if r.made[key] != nil {
		return r.made[key]
	}
	switch key { // what is cheap to make is not kept
	case "status":
		return rt.ToValue(r.x.Status)
	case "error_code":
		return rt.ToValue(r.x.ErrorCode())
	}
	v := r.make(key)
	if v != nil {
		r.Set(key, v)
	}
	return v
}

func (r *response) make(key string) sobek.Value {
	switch key {
	case "body":
		return r.body()
	case "timings":
		return r.timings()
	case "headers":
		return r.headers()
	case "cookies":
		return r.cookies()
	case "request":
		return r.request()
	case "ocsp":
		return r.ocsp()
	}
	if f, ok := map[string]func(sobek.FunctionCall) sobek.Value{
		"json": r.json, "html": r.html, "submitForm": r.submitForm, "clickLink": r.clickLink,
	}[key]; ok {
		return r.vm.rt.ToValue(f)
	}
	if v := r.plain(key); v != nil {
		return r.vm.rt.ToValue(v)
	}
	return nil
}

// plain returns the members that are text or numbers.
func (r *response) plain(key string) any {
	x := r.x
	switch key {
	case "status_text":
		return r.statusText()
	case "proto":
		return r.proto()
	case "url":
		return x.URL.String()
	case "tls_version":
		return tlsVersion(x)
	case "tls_cipher_suite":
		if tlsVersion(x) == "" {
			return ""
		}
		return tls.CipherSuiteName(x.TLS.CipherSuite)
	case "error":
		if x.Err == nil {
			return ""
		}
		return x.Err.Text
	case "remote_ip":
		if !x.Remote.IsValid() {
			return ""
		}
		return x.Remote.Addr().Unmap().String()
	case "remote_port":
		return x.Remote.Port()
	}
	return nil
}

// tlsVersion writes "tls1.3", or nothing without TLS or without an answer.
func tlsVersion(x *httpx.Exchange) string {
	if x.Err != nil {
		return ""
	}
	switch x.TLS.Version {
	case tls.VersionTLS10:
		return "tls1.0"
	case tls.VersionTLS11:
		return "tls1.1"
	case tls.VersionTLS12:
		return "tls1.2"
	case tls.VersionTLS13:
		return "tls1.3"
	}
	return ""
}

func (r *response) proto() string {
	if r.x.Err != nil {
		return ""
	}
	return r.x.Proto
}

func (r *response) statusText() string {
	if r.x.Status == 0 {
		return ""
	}
	return strings.TrimSuffix(strconv.Itoa(r.x.Status)+" "+r.x.StatusText, " ")
}

// noBody reports whether there is none to read: it was discarded, or none came.
func (r *response) noBody() bool {
	return r.p.request.Discard || r.x.Body == nil && (r.x.Err != nil || r.x.Status == http.StatusNoContent || r.x.Status == http.StatusNotModified)
}

func (r *response) body() sobek.Value {
	if r.noBody() {
		return sobek.Null()
	}
	if r.p.binary {
		return r.vm.rt.ToValue(r.vm.rt.NewArrayBuffer(r.x.Body))
	}
	return r.vm.rt.ToValue(string(r.x.Body))
}

// text is the body as the script left it.
func (r *response) text() string {
	if own, ok := r.made["body"]; ok && !sobek.IsNull(own) {
		return string(r.vm.bytesOf(own))
	}
	if r.noBody() {
		r.vm.throw("the body is null, so it cannot be read: the request failed or the body was discarded")
	}
	return string(r.x.Body)
}

// ocsp has the shape that scripts expect. Staples are not looked at, so the
// status is that of a server that staples nothing.
func (r *response) ocsp() sobek.Value {
	out := r.vm.rt.NewObject()
	for _, k := range []string{"produced_at", "this_update", "next_update", "revoked_at"} {
		_ = out.Set(k, 0)
	}
	_ = out.Set("revocation_reason", "")
	status := ""
	if r.x.TLS.Version != 0 {
		status = "unknown"
	}
	_ = out.Set("status", status)
	return out
}

func (r *response) timings() sobek.Value {
	t, out := &r.x.Times, r.vm.rt.NewObject()
	for _, e := range []struct {
		name string
		d    time.Duration
	}{
		{"duration", t.Duration()}, {"blocked", t.Blocked}, {"looking_up", t.LookingUp}, {"connecting", t.Connecting},
		{"tls_handshaking", t.TLSHandshaking}, {"sending", t.Sending}, {"waiting", t.Waiting}, {"receiving", t.Receiving},
	} {
		_ = out.Set(e.name, ms(e.d))
	}
	return out
}

func (r *response) headers() sobek.Value {
	out := r.vm.rt.NewObject()
	for name, values := range r.x.Header {
		_ = out.Set(name, strings.Join(values, ", "))
	}
	return out
}

// json parses the body, or what a gjson path selects in it.
func (r *response) json(c sobek.FunctionCall) sobek.Value {
	text := r.text()
	if path := c.Argument(0); !sobek.IsUndefined(path) && !sobek.IsNull(path) {
		found := gjson.Get(text, path.String())
		if !found.Exists() {
			return sobek.Undefined()
		}
		text = found.Raw
	}
	v, err := r.vm.parse(text)
	if err != nil {
		r.vm.throw("the body is not JSON: %w: %q", err, clip(text, 60))
	}
	return v
}

// Set changes a member. There are no others than k6's.
func (r *response) Set(key string, v sobek.Value) bool {
	if !contains(responseNames(), key) {
		panic(r.vm.rt.NewTypeError("Cannot add %s: a Response has no such member", key))
	}
	if r.made == nil {
		r.made = map[string]sobek.Value{}
	}
	r.made[key] = v
	return true
}

func (r *response) Has(key string) bool { return contains(responseNames(), key) }

// Delete refuses.
func (r *response) Delete(string) bool { return false }

func (r *response) Keys() []string { return responseNames() }
