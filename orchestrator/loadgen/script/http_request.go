package script

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// prepared is a request with what is needed to count its answers.
type prepared struct {
	request  httpx.Request
	given    string // the URL as the script wrote it
	tags     *metric.TagSet
	name     string // the name tag; empty when the script gave none
	expect   *statusSet
	noExpect bool // http_req_failed is not counted
	binary   bool
	throws   bool
}

// prepare reads a call's arguments. failed is the answer of a request that
// cannot be sent at all.
func (vm *VM) prepare(c httpCall) (_ *prepared, failed *httpx.Exchange) {
	vm.needCall("http." + strings.ToLower(c.method))
	o := &vm.config.Options
	p := &prepared{
		request: httpx.Request{Method: c.method, MaxRedirects: o.MaxRedirects, Discard: o.DiscardBodies},
		tags:    vm.tags, expect: vm.responses, noExpect: vm.noExpect, throws: o.Throw,
	}
	p.given = vm.urlOf(c.url, p)
	vm.setBody(p, c.body)
	if c.params != nil && !sobek.IsUndefined(c.params) && !sobek.IsNull(c.params) {
		vm.applyParams(p, c.params.ToObject(vm.rt))
	}
	if name, ok := p.tags.Get("name"); ok {
		p.name = name
	}
	u, err := url.Parse(p.given)
	if err == nil && (u.Scheme == "" || u.Host == "") {
		err = errors.New("it has no scheme or no host")
	}
	var parse *url.Error
	if errors.As(err, &parse) {
		err = parse.Err // without the URL, which may hold a password
	}
	if err != nil {
		return p, &httpx.Exchange{
			Method: c.method, URL: &url.URL{}, Proto: "HTTP/1.1",
			Err: &httpx.Error{Code: httpx.CodeInvalidURL, Text: "invalid URL: " + err.Error()},
		}
	}
	p.request.URL = u
	return p, nil
}

// urlOf reads a URL: text, or what http.url made.
func (vm *VM) urlOf(v sobek.Value, p *prepared) string {
	if v == nil || sobek.IsUndefined(v) || sobek.IsNull(v) {
		return ""
	}
	obj, ok := v.(*sobek.Object)
	if !ok {
		return v.String()
	}
	if name := obj.Get("name"); name != nil && obj.Get("url") != nil {
		p.tags = vm.with(p.tags, "name", name.String())
		return obj.Get("url").String()
	}
	return v.String()
}

// setBody reads a body: text, bytes, or an object that becomes a form.
func (vm *VM) setBody(p *prepared, v sobek.Value) {
	if v == nil || sobek.IsUndefined(v) || sobek.IsNull(v) {
		return
	}
	obj, ok := v.(*sobek.Object)
	if !ok {
		p.request.Body = []byte(v.String())
		return
	}
	switch x := obj.Export().(type) {
	case sobek.ArrayBuffer:
		p.request.Body = x.Bytes()
	case []byte:
		p.request.Body = x
	case map[string]any:
		form := url.Values{}
		for _, k := range obj.Keys() {
			vm.addFormValue(form, k, obj.Get(k))
		}
		p.request.Body = []byte(form.Encode())
		p.request.Header = append(p.request.Header, httpx.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
	default:
		p.request.Body = []byte(v.String())
	}
}

func (vm *VM) addFormValue(form url.Values, k string, v sobek.Value) {
	if obj, ok := v.(*sobek.Object); ok && obj.ClassName() == "Array" {
		for _, i := range obj.Keys() {
			form.Add(k, obj.Get(i).String())
		}
		return
	}
	form.Add(k, v.String())
}

// applyParams reads the params object of a request.
func (vm *VM) applyParams(p *prepared, params *sobek.Object) {
	for _, k := range params.Keys() {
		v := params.Get(k)
		if sobek.IsUndefined(v) || sobek.IsNull(v) && k != "responseCallback" {
			continue
		}
		switch k {
		case "headers":
			vm.setHeaders(p, v.ToObject(vm.rt))
		case "tags":
			p.tags = vm.tagged(p.tags, v)
		case "cookies":
			vm.setCookies(p, v.ToObject(vm.rt))
		case "timeout":
			p.request.Timeout = vm.durationOf(v, "timeout")
		case "redirects":
			p.request.MaxRedirects = int(v.ToInteger())
		case "throw":
			p.throws = v.ToBoolean()
		case "responseCallback":
			p.expect, p.noExpect = vm.callback(v)
		case "responseType":
			vm.setResponseType(p, v.String())
		case "auth":
			vm.setAuth(p, v.String())
		}
	}
}

func (vm *VM) setHeaders(p *prepared, headers *sobek.Object) {
	for _, k := range headers.Keys() {
		f := httpx.Field{Name: http.CanonicalHeaderKey(k), Value: headers.Get(k).String()}
		if f.Name == "Content-Type" {
			p.request.Header = dropField(p.request.Header, f.Name)
		}
		p.request.Header = append(p.request.Header, f)
	}
}

func dropField(fields []httpx.Field, name string) []httpx.Field {
	kept := fields[:0]
	for _, f := range fields {
		if f.Name != name {
			kept = append(kept, f)
		}
	}
	return kept
}

func (vm *VM) setCookies(p *prepared, cookies *sobek.Object) {
	var pairs []string
	for _, k := range cookies.Keys() {
		v := cookies.Get(k)
		if obj, ok := v.(*sobek.Object); ok && obj.Get("value") != nil {
			v = obj.Get("value")
		}
		pairs = append(pairs, (&http.Cookie{Name: k, Value: v.String()}).String())
	}
	if len(pairs) > 0 {
		p.request.Header = append(p.request.Header, httpx.Field{Name: "Cookie", Value: strings.Join(pairs, "; ")})
	}
}

func (vm *VM) setResponseType(p *prepared, kind string) {
	switch kind {
	case "none":
		p.request.Discard = true
	case "binary", "text":
		p.request.Discard, p.binary = false, kind == "binary"
	default:
		vm.throw("responseType %q: want text, binary or none", kind)
	}
}

// setAuth turns the user and password of the URL into a header. Basic is the
// only scheme that needs no second request.
func (vm *VM) setAuth(p *prepared, scheme string) {
	if scheme != "basic" {
		vm.throw("auth %q is not supported: there is basic", scheme)
	}
	u, err := url.Parse(p.given)
	if err != nil || u.User == nil {
		return
	}
	password, _ := u.User.Password()
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	p.request.Header = append(dropField(p.request.Header, "Authorization"), httpx.Field{Name: "Authorization", Value: value})
}

// durationOf reads "30s", or a number of milliseconds.
func (vm *VM) durationOf(v sobek.Value, what string) time.Duration {
	if _, isText := v.Export().(string); isText {
		d, err := time.ParseDuration(v.String())
		if err != nil || d < 0 {
			vm.throw("%s %q: want a duration like '30s' or a number of milliseconds", what, v.String())
		}
		return d
	}
	return time.Duration(v.ToFloat() * float64(time.Millisecond))
}
