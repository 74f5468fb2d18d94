package script

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/grafana/sobek"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// response is the Response of an exchange. Its members are made when they are
// read: most scripts read one or two.
type response struct {
	vm    *VM
	p     *prepared
	x     *httpx.Exchange
	made  map[string]sobek.Value
	names []string
}

func (vm *VM) newResponse(p *prepared, x *httpx.Exchange) sobek.Value {
	return vm.rt.NewDynamicObject(&response{vm: vm, p: p, x: x})
}

func responseNames() []string {
	return []string{
		"remote_ip", "remote_port", "url", "status", "status_text", "proto", "headers", "cookies", "body", "timings",
		"error", "error_code", "request", "json",
	}
}

func (r *response) Get(key string) sobek.Value {
	rt := r.vm.rt
	switch key { // what is cheap to make is not kept
	case "status":
		return rt.ToValue(r.x.Status)
	case "error_code":
		return rt.ToValue(r.x.ErrorCode())
	}
	if v, ok := r.made[key]; ok {
		return v
	}
	v := r.make(key)
	if v != nil {
		r.Set(key, v)
	}
	return v
}

func (r *response) make(key string) sobek.Value {
	rt, x := r.vm.rt, r.x
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
	case "json":
		return rt.ToValue(r.json)
	case "status_text":
		return rt.ToValue(r.statusText())
	case "proto":
		return rt.ToValue(x.Proto)
	case "url":
		if r.p.request.URL == nil {
			return rt.ToValue(r.p.given)
		}
		return rt.ToValue(x.URL.String())
	case "error":
		if x.Err == nil {
			return rt.ToValue("")
		}
		return rt.ToValue(x.Err.Text)
	case "remote_ip":
		if !x.Remote.IsValid() {
			return rt.ToValue("")
		}
		return rt.ToValue(x.Remote.Addr().Unmap().String())
	case "remote_port":
		return rt.ToValue(x.Remote.Port())
	}
	return nil
}

func (r *response) statusText() string {
	if r.x.Status == 0 {
		return ""
	}
	return http.StatusText(r.x.Status)
}

// body is null when there is none to read: after a failure or when discarded.
func (r *response) body() sobek.Value {
	if r.x.Err != nil || r.p.request.Discard {
		return sobek.Null()
	}
	if r.p.binary {
		return r.vm.rt.ToValue(r.vm.rt.NewArrayBuffer(r.x.Body))
	}
	return r.vm.rt.ToValue(string(r.x.Body))
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

func (r *response) cookies() sobek.Value {
	out := r.vm.rt.NewObject()
	for _, c := range (&http.Response{Header: r.x.Header}).Cookies() {
		one := r.vm.rt.NewObject()
		for name, v := range map[string]any{
			"name": c.Name, "value": c.Value, "domain": c.Domain, "path": c.Path, "http_only": c.HttpOnly,
			"secure": c.Secure, "max_age": c.MaxAge, "expires": c.Expires.UnixMilli(),
		} {
			_ = one.Set(name, v)
		}
		list := []any{one}
		if have, ok := out.Get(c.Name).(*sobek.Object); ok {
			for _, k := range have.Keys() {
				list = slices.Insert(list, len(list)-1, any(have.Get(k)))
			}
		}
		_ = out.Set(c.Name, r.vm.rt.NewArray(list...))
	}
	return out
}

func (r *response) request() sobek.Value {
	out, headers := r.vm.rt.NewObject(), r.vm.rt.NewObject()
	for _, f := range r.p.request.Header {
		have, _ := headers.Get(f.Name).(*sobek.Object)
		if have == nil {
			have = r.vm.rt.NewArray()
			_ = headers.Set(f.Name, have)
		}
		_ = have.Set(have.Get("length").String(), f.Value)
	}
	_ = out.Set("method", r.x.Method)
	_ = out.Set("url", r.x.URL.String())
	_ = out.Set("body", string(r.p.request.Body))
	_ = out.Set("headers", headers)
	_ = out.Set("cookies", r.vm.rt.NewObject())
	return out
}

// json parses the body, or what a gjson path selects in it.
func (r *response) json(c sobek.FunctionCall) sobek.Value {
	if r.x.Err != nil || r.p.request.Discard {
		r.vm.throw("the body is null so it cannot be read as JSON: the request failed or the body was discarded")
	}
	text := string(r.x.Body)
	if path := c.Argument(0); !sobek.IsUndefined(path) && !sobek.IsNull(path) {
		if !gjson.Valid(text) {
			r.vm.throw("the body is not JSON: %q", clip(text, 60))
		}
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

func (r *response) Set(key string, v sobek.Value) bool {
	if r.made == nil {
		r.made = map[string]sobek.Value{}
	}
	if !contains(responseNames(), key) && !contains(r.names, key) {
		r.names = append(r.names, key)
	}
	r.made[key] = v
	return true
}

func (r *response) Has(key string) bool {
	_, ok := r.made[key]
	return ok || contains(responseNames(), key)
}

func (r *response) Delete(key string) bool {
	delete(r.made, key)
	return true
}

func (r *response) Keys() []string { return append(responseNames(), r.names...) }
