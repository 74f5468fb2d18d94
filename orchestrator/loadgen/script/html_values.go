package script

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"github.com/grafana/sobek"
)

func (s *selection) attr(c sobek.FunctionCall) any {
	if v, ok := s.sel.Attr(c.Argument(0).String()); ok {
		return v
	}
	return c.Argument(1)
}

func (s *selection) html(sobek.FunctionCall) any {
	text, err := s.sel.Html()
	if err != nil {
		s.vm.throw("write HTML: %w", err)
	}
	return text
}

// data reads the data-… attributes of the first node: one of them, or all.
func (s *selection) data(c sobek.FunctionCall) any {
	const prefix = "data-"
	if given(c.Argument(0)) {
		if v, ok := s.sel.Attr(prefix + dashed(c.Argument(0).String())); ok {
			return s.dataValue(v)
		}
		return sobek.Undefined()
	}
	out := s.vm.rt.NewObject()
	if s.sel.Length() > 0 {
		for _, a := range s.sel.Nodes[0].Attr {
			if name, ok := strings.CutPrefix(a.Key, prefix); ok && name != "" {
				_ = out.Set(camel(name), s.dataValue(a.Val))
			}
		}
	}
	return out
}

// dataValue reads what looks like a number, a truth value or JSON as that.
func (s *selection) dataValue(text string) any {
	switch text {
	case "true", "false":
		return text == "true"
	case "null", "undefined":
		return sobek.Undefined()
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	if text != "" && (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
		if v, err := s.vm.parse(text); err == nil {
			return v
		}
	}
	return text
}

// dashed writes eventId as event-id.
func dashed(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// camel writes event-id as eventId.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		if i > 0 && p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// val is the value of the first node as a form field.
func (s *selection) val(sobek.FunctionCall) any {
	switch goquery.NodeName(s.sel) {
	case "select":
		chosen := selected(s.sel.First())
		if _, multiple := s.sel.Attr("multiple"); multiple {
			return s.vm.rt.ToValue(chosen)
		}
		return first(chosen)
	case "textarea":
		return s.sel.First().Text()
	case "option":
		return optionValue(s.sel.First())
	case "input":
		if kind := s.sel.AttrOr("type", ""); kind == "checkbox" || kind == "radio" {
			return s.sel.AttrOr("value", "on")
		}
		return s.sel.AttrOr("value", "")
	case "button":
		return s.sel.AttrOr("value", "")
	}
	return sobek.Undefined()
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// selected returns the values of a select's options that are chosen.
func selected(sel *goquery.Selection) []string {
	out := []string{}
	sel.Find("option[selected]").Each(func(_ int, o *goquery.Selection) { out = append(out, optionValue(o)) })
	return out
}

func optionValue(o *goquery.Selection) string {
	if v, ok := o.Attr("value"); ok {
		return v
	}
	return strings.TrimSpace(o.Text())
}

// field is a form's field as it is sent.
type field struct {
	name   string
	values []string
	list   bool
}

// fields are what k6 sends of forms: no buttons, files and boxes to tick.
func (s *selection) fields() []field {
	var out []field
	s.sel.Find("input,select,textarea").Each(func(_ int, e *goquery.Selection) {
		name, ok := e.Attr("name")
		if !ok || name == "" {
			return
		}
		switch kind := goquery.NodeName(e); kind {
		case "select":
			if _, multiple := e.Attr("multiple"); multiple {
				out = append(out, field{name, selected(e), true})
				return
			}
			out = append(out, field{name, []string{first(selected(e))}, false})
		case "textarea":
			out = append(out, field{name, []string{e.Text()}, false})
		default:
			switch e.AttrOr("type", "text") {
			case "checkbox", "radio", "submit", "button", "file", "reset", "image":
			default:
				out = append(out, field{name, []string{e.AttrOr("value", "")}, false})
			}
		}
	})
	return out
}

func (s *selection) serialize(sobek.FunctionCall) any {
	form := url.Values{}
	for _, f := range s.fields() {
		form[f.name] = append(form[f.name], f.values...)
	}
	return form.Encode()
}

// value is a field's value for a script: text, or a list where there may be several.
func (s *selection) value(f field) any {
	if f.list {
		return s.vm.rt.ToValue(f.values)
	}
	return f.values[0]
}

func (s *selection) serializeArray(sobek.FunctionCall) any {
	var out []any
	for _, f := range s.fields() {
		one := s.vm.rt.NewObject()
		_ = one.Set("name", f.name)
		_ = one.Set("value", s.value(f))
		out = append(out, one)
	}
	return s.vm.rt.NewArray(out...)
}

func (s *selection) serializeObject(sobek.FunctionCall) any {
	out := s.vm.rt.NewObject()
	for _, f := range s.fields() {
		_ = out.Set(f.name, s.value(f))
	}
	return out
}
