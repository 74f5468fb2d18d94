package script

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/grafana/sobek"
	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// exportHTTP makes the exports of the module k6/http.
func (vm *VM) exportHTTP(name string) sobek.Value {
	if method, ok := map[string]string{
		"get": http.MethodGet, "head": http.MethodHead,
	}[name]; ok {
		return vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
			return vm.send(httpCall{method, c.Argument(0), nil, c.Argument(1)})
		})
	}
	if method, ok := map[string]string{
		"post": http.MethodPost, "put": http.MethodPut, "patch": http.MethodPatch, "del": http.MethodDelete, "options": http.MethodOptions,
	}[name]; ok {
		return vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value {
			return vm.send(httpCall{method, c.Argument(0), c.Argument(1), c.Argument(2)})
		})
	}
	if f, ok := map[string]func(sobek.FunctionCall) sobek.Value{
		"request": func(c sobek.FunctionCall) sobek.Value { return vm.send(requestCall(c)) },
		"batch":   vm.batch, "asyncRequest": vm.asyncRequest, "url": vm.urlTemplate, "file": vm.newFile, "cookieJar": vm.ownJar,
		"expectedStatuses": vm.expectedStatuses, "setResponseCallback": vm.setResponseCallback,
	}[name]; ok {
		return vm.rt.ToValue(f)
	}
	if name == "CookieJar" {
		return vm.rt.ToValue(vm.constructJar)
	}
	if text, ok := httpConstants()[name]; ok {
		return vm.rt.ToValue(text)
	}
	return nil
}

// httpConstants are words of TLS and OCSP that scripts compare with.
func httpConstants() map[string]string {
	out := map[string]string{"TLS_1_0": "tls1.0", "TLS_1_1": "tls1.1", "TLS_1_2": "tls1.2", "TLS_1_3": "tls1.3"}
	for _, status := range []string{"good", "revoked", "server_failed", "unknown"} {
		out["OCSP_STATUS_"+strings.ToUpper(status)] = status
	}
	for _, reason := range []string{
		"aa_compromise", "affiliation_changed", "ca_compromise", "certificate_hold", "cessation_of_operation", "key_compromise",
		"privilege_withdrawn", "remove_from_crl", "superseded", "unspecified",
	} {
		out["OCSP_REASON_"+strings.ToUpper(reason)] = reason
	}
	return out
}

// httpCall is a call of one of the module's functions.
type httpCall struct {
	method            string
	url, body, params sobek.Value
}

func requestCall(c sobek.FunctionCall) httpCall {
	return httpCall{c.Argument(0).String(), c.Argument(1), c.Argument(2), c.Argument(3)}
}

// send performs a request and returns its Response.
func (vm *VM) send(c httpCall) sobek.Value {
	p, failed := vm.prepare(c)
	if failed != nil {
		return vm.finish(p, failed)
	}
	last := vm.client.Do(vm.context(), &p.request, func(x *httpx.Exchange) { vm.count(p, x) })
	return vm.finish(p, last)
}

// batch performs several requests side by side, within the test's limits for a
// batch, and returns their Responses in the form in which the requests came.
func (vm *VM) batch(c sobek.FunctionCall) sobek.Value {
	vm.needCall("http.batch")
	list, ok := c.Argument(0).(*sobek.Object)
	if !ok {
		vm.throw("http.batch() takes an array or an object of requests, not %.60s", c.Argument(0))
	}
	keys := list.Keys()
	entries := make([]batchEntry, len(keys))
	for i, k := range keys { // reading them may throw, so nothing is sent before
		entries[i].p, entries[i].answer = vm.prepare(vm.batchCall(list.Get(k)))
	}
	vm.sendAll(entries)
	out := vm.rt.NewObject()
	if list.ClassName() == "Array" {
		out = vm.rt.NewArray()
	}
	for i, e := range entries {
		for _, x := range e.hops {
			vm.count(e.p, x)
		}
		_ = out.Set(keys[i], vm.finish(e.p, e.answer))
	}
	return out
}

// batchEntry is one request of a batch and what came of it.
type batchEntry struct {
	p      *prepared
	hops   []*httpx.Exchange
	answer *httpx.Exchange
}

// k6's limits of a batch, where the options say nothing.
const (
	defaultBatch        = 20
	defaultBatchPerHost = 6
)

// sendAll performs the requests that have no answer yet.
func (vm *VM) sendAll(entries []batchEntry) {
	var group errgroup.Group
	group.SetLimit(cmp.Or(vm.config.Options.Batch, defaultBatch))
	places := map[string]chan struct{}{} // by host
	ctx := vm.context()
	for i := range entries {
		e := &entries[i]
		if e.answer != nil {
			continue
		}
		host := e.p.request.URL.Host
		if places[host] == nil {
			places[host] = make(chan struct{}, cmp.Or(vm.config.Options.BatchPerHost, defaultBatchPerHost))
		}
		place := places[host]
		group.Go(func() error {
			place <- struct{}{}
			defer func() { <-place }()
			e.answer = vm.client.Do(ctx, &e.p.request, func(x *httpx.Exchange) { e.hops = append(e.hops, x) })
			return nil
		})
	}
	_ = group.Wait() // no request is an error
}

// batchCall reads one entry of a batch: a URL, [method, url, body, params], or
// an object with these members.
func (vm *VM) batchCall(v sobek.Value) httpCall {
	obj, ok := v.(*sobek.Object)
	if !ok {
		return httpCall{http.MethodGet, v, nil, nil}
	}
	method, url, body, params := "method", "url", "body", "params"
	if obj.ClassName() == "Array" {
		method, url, body, params = "0", "1", "2", "3"
	}
	m := http.MethodGet
	if given := obj.Get(method); given != nil && !sobek.IsUndefined(given) {
		m = given.String()
	}
	return httpCall{m, obj.Get(url), obj.Get(body), obj.Get(params)}
}

// asyncRequest returns a promise of a Response.
func (vm *VM) asyncRequest(c sobek.FunctionCall) sobek.Value {
	p, failed := vm.prepare(requestCall(c))
	promise, resolve, reject := vm.rt.NewPromise()
	l := vm.eventLoop()
	hand := l.announce()
	ctx, cancel := context.WithCancel(vm.context())
	l.cancels = append(l.cancels, cancel)
	l.work.Go(func() {
		x, hops := failed, []*httpx.Exchange(nil)
		if x == nil {
			x = vm.client.Do(ctx, &p.request, func(x *httpx.Exchange) { hops = append(hops, x) })
		}
		hand(func() error {
			for _, hop := range hops {
				vm.count(p, hop)
			}
			if thrown := vm.rt.Try(func() { _ = resolve(vm.finish(p, x)) }); thrown != nil {
				return reject(thrown.Value())
			}
			return nil
		})
	})
	return vm.rt.ToValue(promise)
}

// urlTemplate is http.url`…`: the URL with the template's text as its name.
func (vm *VM) urlTemplate(c sobek.FunctionCall) sobek.Value {
	parts := c.Argument(0).ToObject(vm.rt)
	var url, name strings.Builder
	for i, k := range parts.Keys() {
		piece := parts.Get(k).String()
		url.WriteString(piece)
		name.WriteString(piece)
		if i+1 < len(c.Arguments) {
			url.WriteString(c.Argument(i + 1).String())
			name.WriteString("${}")
		}
	}
	out := vm.rt.NewObject()
	_ = out.Set("url", url.String())
	_ = out.Set("name", name.String())
	_ = out.Set("clean_url", url.String())
	return out
}

// statusSet are the statuses that a script expects.
type statusSet struct{ ranges [][2]int64 }

func (s *statusSet) has(status int) bool {
	for _, r := range s.ranges {
		if int64(status) >= r[0] && int64(status) <= r[1] {
			return true
		}
	}
	return false
}

func (vm *VM) expectedStatuses(c sobek.FunctionCall) sobek.Value {
	set := &statusSet{}
	for _, arg := range c.Arguments {
		obj, ok := arg.(*sobek.Object)
		switch {
		case ok && obj.Get("min") != nil && obj.Get("max") != nil:
			set.ranges = append(set.ranges, [2]int64{obj.Get("min").ToInteger(), obj.Get("max").ToInteger()})
		case ok || arg.ToInteger() == 0:
			vm.throw("expectedStatuses() takes statuses and {min, max} ranges, not %s", arg)
		default:
			set.ranges = append(set.ranges, [2]int64{arg.ToInteger(), arg.ToInteger()})
		}
	}
	if len(set.ranges) == 0 {
		vm.throw("expectedStatuses() needs at least one status or {min, max} range")
	}
	return vm.rt.ToValue(set)
}

func (vm *VM) setResponseCallback(c sobek.FunctionCall) sobek.Value {
	set, none, err := callback(c.Argument(0))
	if err != nil {
		vm.throw("%w", err)
	}
	vm.responses, vm.noExpect = set, none
	return sobek.Undefined()
}

// callback reads a response callback: what expectedStatuses made, or null.
func callback(v sobek.Value) (set *statusSet, none bool, err error) {
	if sobek.IsNull(v) {
		return nil, true, nil
	}
	set, ok := v.Export().(*statusSet)
	if !ok {
		return nil, false, errors.New("a response callback is what http.expectedStatuses() returns, or null")
	}
	return set, false, nil
}
