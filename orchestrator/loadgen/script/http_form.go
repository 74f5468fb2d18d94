package script

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"github.com/grafana/sobek"
)

// html parses the body and selects in it.
func (r *response) html(c sobek.FunctionCall) sobek.Value {
	page := r.vm.document(r.text(), r.x.URL.String())
	if !given(c.Argument(0)) {
		return page
	}
	s, _ := exported[*selection](page)
	return r.vm.newSelection(s.sel.Find(c.Argument(0).String()), s.base)
}

// page is the body for what is done with its forms and links.
func (r *response) page() *selection {
	s, _ := exported[*selection](r.vm.document(r.text(), r.x.URL.String()))
	return s
}

// clickLink follows a link of the page: the first, or the one selected.
func (r *response) clickLink(c sobek.FunctionCall) sobek.Value {
	args := r.vm.members(c.Argument(0))
	selector := textOr(args["selector"], "a[href]")
	link := r.page().sel.Find(selector).First()
	href, ok := link.Attr("href")
	if !ok {
		r.vm.throw("clickLink: nothing on %s is a link and matches %.60q", masked(r.x.URL), selector)
	}
	return r.vm.send(httpCall{http.MethodGet, r.vm.rt.ToValue(r.absolute(href)), nil, args["params"]})
}

func (r *response) absolute(ref string) string {
	u, err := r.x.URL.Parse(ref)
	if err != nil {
		r.vm.throw("the page %s links to %.100q, which is no URL", masked(r.x.URL), ref)
	}
	return u.String()
}

// members reads an object's members; there are none in what is no object.
func (vm *VM) members(v sobek.Value) map[string]sobek.Value {
	out := map[string]sobek.Value{}
	if obj, ok := v.(*sobek.Object); ok {
		for _, k := range obj.Keys() {
			out[k] = obj.Get(k)
		}
	}
	return out
}

// submitForm sends a form of the page: the only one, or the one selected, with
// the fields that it has and those that the script sets.
func (r *response) submitForm(c sobek.FunctionCall) sobek.Value {
	args := r.vm.members(c.Argument(0))
	page := r.page()
	selector := textOr(args["formSelector"], "form")
	form := &selection{r.vm, page.sel.Find(selector), page.base}
	if form.sel.Length() == 0 {
		r.vm.throw("submitForm: no form on %s matches %.60q", masked(r.x.URL), selector)
	}
	fields := r.formFields(form, args)
	method := strings.ToUpper(form.sel.AttrOr("method", http.MethodGet))
	target := r.absolute(form.sel.AttrOr("action", r.x.URL.String()))
	if method != http.MethodGet {
		return r.vm.send(httpCall{method, r.vm.rt.ToValue(target), fields, args["params"]})
	}
	query := url.Values{}
	for _, k := range fields.Keys() {
		query[k] = append(query[k], r.vm.formValues(k, fields.Get(k))...)
	}
	if encoded := query.Encode(); encoded != "" {
		base, _, _ := strings.Cut(target, "?")
		target = base + "?" + encoded
	}
	return r.vm.send(httpCall{method, r.vm.rt.ToValue(target), nil, args["params"]})
}

// formFields are what a form sends: its own fields, the button that was pressed,
// and over these what the script sets.
func (r *response) formFields(form *selection, args map[string]sobek.Value) *sobek.Object {
	out := form.serializeObject(sobek.FunctionCall{}).(*sobek.Object)
	form.sel.Find(textOr(args["submitSelector"], `[type="submit"]`)).First().Each(func(_ int, button *goquery.Selection) {
		if name := button.AttrOr("name", ""); name != "" {
			_ = out.Set(name, button.AttrOr("value", ""))
		}
	})
	for k, v := range r.vm.members(args["fields"]) {
		_ = out.Set(k, v)
	}
	return out
}
