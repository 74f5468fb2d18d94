package script

import (
	"net/http"
	"slices"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

func (r *response) cookies() sobek.Value {
	out := r.vm.rt.NewObject()
	for _, c := range (&http.Response{Header: r.x.Header}).Cookies() {
		one := r.vm.rt.NewObject()
		for _, e := range []struct {
			name string
			v    any
		}{
			{"name", c.Name}, {"value", c.Value}, {"domain", c.Domain}, {"path", c.Path}, {"http_only", c.HttpOnly},
			{"secure", c.Secure}, {"max_age", c.MaxAge}, {"expires", c.Expires.UnixNano() / 1e6},
		} {
			_ = one.Set(e.name, e.v)
		}
		r.vm.push(out, c.Name, one)
	}
	return out
}

// request tells what was asked in the first place, before any redirect.
func (r *response) request() sobek.Value {
	rt := r.vm.rt
	out, headers, cookies := rt.NewObject(), rt.NewObject(), rt.NewObject()
	fields := r.p.request.Header
	if agent := r.vm.config.HTTP.UserAgent(); agent != "" && !hasField(fields, "User-Agent") {
		fields = append(slices.Clone(fields), httpx.Field{Name: "User-Agent", Value: agent})
	}
	first := firstHop{plain: r.p.request.Body}
	if noted := r.p.first; noted != nil {
		first.cookie = noted.cookie
		if noted.plain != nil {
			first.plain = noted.plain
		}
	}
	if first.cookie != "" {
		fields = append(dropField(slices.Clone(fields), "Cookie"), httpx.Field{Name: "Cookie", Value: first.cookie})
	}
	for _, f := range fields {
		r.vm.push(headers, f.Name, rt.ToValue(f.Value))
	}
	for _, ck := range (&http.Request{Header: http.Header{"Cookie": {first.cookie}}}).Cookies() {
		one := rt.NewObject()
		_ = one.Set("name", ck.Name)
		_ = one.Set("value", ck.Value)
		_ = one.Set("replace", r.p.request.Extras != nil && slices.Contains(r.p.request.Extras.Instead, ck.Name))
		r.vm.push(cookies, ck.Name, one)
	}
	_ = out.Set("method", r.p.request.Method)
	_ = out.Set("url", r.asked())
	_ = out.Set("headers", headers)
	_ = out.Set("body", string(first.plain))
	_ = out.Set("cookies", cookies)
	return out
}

func (r *response) asked() string {
	if r.p.request.URL == nil {
		return ""
	}
	return r.p.request.URL.String()
}

func hasField(fields []httpx.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f httpx.Field) bool { return f.Name == name })
}

// push appends v to the array that is obj's member k.
func (vm *VM) push(obj *sobek.Object, k string, v sobek.Value) {
	have, _ := obj.Get(k).(*sobek.Object)
	if have == nil {
		have = vm.rt.NewArray()
		_ = obj.Set(k, have)
	}
	_ = have.Set(have.Get("length").String(), v)
}
