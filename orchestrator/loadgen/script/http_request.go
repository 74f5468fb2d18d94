package script

import (
	"errors"
	"fmt"
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
	counted  bool // at least one hop
	first    *firstHop
}

// firstHop is what a script may ask later and what a hop changes. It is there
// only where it differs from the request.
type firstHop struct {
	plain  []byte // the body before it was compressed
	cookie string // the Cookie header
}

func (p *prepared) note() *firstHop {
	if p.first == nil {
		p.first = &firstHop{}
	}
	return p.first
}

func (p *prepared) extras() *httpx.Extras {
	if p.request.Extras == nil {
		p.request.Extras = &httpx.Extras{}
	}
	return p.request.Extras
}

func (p *prepared) digest() bool { return p.request.Extras != nil && p.request.Extras.Digest != nil }

// prepare reads a call's arguments. failed is the answer of a request that
// cannot be sent at all: it is the script's mistake and no measurement.
func (vm *VM) prepare(c httpCall) (_ *prepared, failed *httpx.Exchange) {
	vm.needCall("http." + strings.ToLower(c.method))
	o := &vm.config.Options
	p := &prepared{
		request: httpx.Request{Method: c.method, MaxRedirects: o.MaxRedirects, Discard: o.DiscardBodies},
		tags:    vm.tags, expect: vm.responses, noExpect: vm.noExpect, throws: o.Throw,
	}
	if err := vm.fill(p, c); err != nil {
		own := &httpx.Error{Text: err.Error()}
		errors.As(err, &own)
		p.throws = p.throws || vm.asksToThrow(c.params)
		return p, &httpx.Exchange{Method: c.method, URL: &url.URL{}, Err: own}
	}
	if name, ok := p.tags.Get("name"); ok {
		p.name = name
	}
	return p, nil
}

func (vm *VM) asksToThrow(params sobek.Value) bool {
	obj, ok := params.(*sobek.Object)
	return ok && obj.Get("throw") != nil && obj.Get("throw").ToBoolean()
}

func (vm *VM) fill(p *prepared, c httpCall) error {
	p.given = vm.urlOf(c.url, p)
	if err := vm.setBody(p, c.body); err != nil {
		return err
	}
	if obj, ok := c.params.(*sobek.Object); ok {
		if err := vm.applyParams(p, obj); err != nil {
			return err
		}
	}
	u, err := url.Parse(p.given)
	if err == nil && p.given == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the URL, which may hold a password
		}
		return &httpx.Error{Code: httpx.CodeInvalidURL, Text: "invalid URL: " + err.Error()}
	}
	if p.digest() && u.User != nil {
		p.request.Extras.Digest, u.User = u.User, nil
	}
	p.request.URL = u
	return nil
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

// applyParams reads the params object of a request.
func (vm *VM) applyParams(p *prepared, params *sobek.Object) (err error) {
	for _, k := range params.Keys() {
		v := params.Get(k)
		obj, isObject := v.(*sobek.Object)
		switch k {
		case "timeout":
			p.request.Timeout, err = durationOf(v)
		case "responseCallback":
			if sobek.IsUndefined(v) {
				break
			}
			p.expect, p.noExpect, err = callback(v)
		case "responseType":
			err = setResponseType(p, v)
		case "tags":
			p.tags, err = vm.tagsOf(p.tags, v)
		case "redirects":
			p.request.MaxRedirects = int(v.ToInteger())
		case "throw":
			p.throws = v.ToBoolean()
		case "headers":
			if isObject {
				vm.setHeaders(p, obj)
			}
		case "cookies":
			if isObject {
				vm.setCookies(p, obj)
			}
		case "jar":
			if jar, ok := exported[*cookieJar](v); ok {
				p.extras().Jar = jar.jar
			}
		case "auth":
			err = p.setAuth(v.String())
		case "compression":
			if !sobek.IsUndefined(v) && !sobek.IsNull(v) {
				err = p.compress(v.String())
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
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

// setCookies adds cookies to those of the jar, or puts them in their place.
func (vm *VM) setCookies(p *prepared, cookies *sobek.Object) {
	var pairs []string
	for _, k := range cookies.Keys() {
		v := cookies.Get(k)
		if obj, ok := v.(*sobek.Object); ok && obj.Get("value") != nil {
			v = obj.Get("value")
			if replace := obj.Get("replace"); replace != nil && replace.ToBoolean() {
				p.extras().Instead = append(p.extras().Instead, k)
			}
		}
		pairs = append(pairs, (&http.Cookie{Name: k, Value: v.String()}).String())
	}
	if len(pairs) > 0 {
		p.request.Header = append(p.request.Header, httpx.Field{Name: "Cookie", Value: strings.Join(pairs, "; ")})
	}
}

func setResponseType(p *prepared, v sobek.Value) error {
	switch kind := v.String(); {
	case sobek.IsUndefined(v), sobek.IsNull(v):
	case kind == "none":
		p.request.Discard = true
	case kind == "binary", kind == "text":
		p.request.Discard, p.binary = false, kind == "binary"
	default:
		return fmt.Errorf("%.40q is none of text, binary and none", kind)
	}
	return nil
}

// setAuth chooses how the user of the URL is proven. Basic is what a URL with a
// user means anyway; a scheme that is not known means nothing, as in k6.
func (p *prepared) setAuth(scheme string) error {
	switch scheme {
	case "digest":
		p.extras().Digest = &url.Userinfo{}
	case "ntlm":
		return errors.New("ntlm is not supported: there are basic and digest")
	}
	return nil
}

// durationOf reads "30s", or a number of milliseconds. What is not above zero
// has passed at once.
func durationOf(v sobek.Value) (time.Duration, error) {
	var d time.Duration
	switch x := v.Export().(type) {
	case string:
		var err error
		if d, err = time.ParseDuration(x); err != nil {
			return 0, fmt.Errorf("%.40q is no duration like '30s' and no number of milliseconds", x)
		}
	case int64:
		d = time.Duration(x) * time.Millisecond
	case float64:
		d = time.Duration(x * float64(time.Millisecond))
	default:
		return 0, fmt.Errorf("%.40s is no duration like '30s' and no number of milliseconds", v.String())
	}
	return max(d, 1), nil
}
