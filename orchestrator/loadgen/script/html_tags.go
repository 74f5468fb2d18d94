package script

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/grafana/sobek"
	"golang.org/x/net/html"
)

// tagMethods are what only the elements of some tags can be asked; nil for tags
// without any.
func tagMethods(tag string) methods[*element] {
	switch tag {
	case "a", "area":
		return linkMethods()
	case "form", "fieldset":
		return formMethods(tag)
	case "input", "button":
		return merged(fieldMethods(), methods[*element]{"value": attribute("value"), "type": attribute("type"), "formAction": get((*element).formAction),
			"formEnctype": formAttribute("formenctype", "enctype", "application/x-www-form-urlencoded"), "formMethod": formAttribute("formmethod", "method", "get"),
			"formTarget": formAttribute("formtarget", "target", ""), "formNoValidate": get(func(e *element) any { return e.has("formnovalidate") || e.ofForm("novalidate") != nil }),
		})
	case "select":
		return merged(fieldMethods(), selectMethods())
	case "textarea":
		return merged(fieldMethods(), methods[*element]{"length": get(func(e *element) any { return len([]rune(e.sel().Text())) }), "value": get(func(e *element) any { return e.sel().Text() })})
	case "output":
		return merged(fieldMethods(), methods[*element]{"value": get(func(e *element) any { return e.sel().Text() }), "defaultValue": get(func(e *element) any { return e.sel().Text() })})
	case "keygen", "object", "legend", "meter":
		return fieldMethods()
	case "label":
		return methods[*element]{"form": get((*element).form), "control": get((*element).control)}
	case "option":
		return optionMethods()
	case "datalist":
		return methods[*element]{"options": get(func(e *element) any { return e.list(e.find("option")) })}
	case "progress":
		return merged(fieldMethods(), progressMethods())
	case "table", "thead", "tbody", "tfoot", "tr", "td", "th", "col", "colgroup":
		return tableMethods(tag)
	case "map":
		return methods[*element]{"areas": get(func(e *element) any { return e.list(e.find("area")) }), "images": get((*element).images)}
	case "audio", "video":
		return methods[*element]{"textTracks": get(func(e *element) any { return e.list(e.find("track")) })}
	case "canvas":
		return methods[*element]{"width": size("width", 150), "height": size("height", 150)}
	case "link":
		return methods[*element]{"relList": words("rel")}
	case "style":
		return methods[*element]{"type": attributeOr("type", "text/css")}
	case "script", "title":
		return methods[*element]{"text": get(func(e *element) any { return e.sel().Text() })}
	}
	return nil
}

func merged(a, b methods[*element]) methods[*element] {
	maps.Copy(a, b)
	return a
}

func attributeOr(name, otherwise string) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any { return e.sel().AttrOr(name, otherwise) })
}

func size(name string, otherwise int) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any { return e.number(name, float64(otherwise)) })
}

func words(name string) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any { return e.vm.rt.ToValue(strings.Fields(e.text(name))) })
}

func (e *element) number(name string, otherwise float64) float64 {
	if f, err := strconv.ParseFloat(e.text(name), 64); err == nil {
		return f
	}
	return otherwise
}

// link is the address that an anchor leads to.
func (e *element) link() *url.URL { return resolved(e.base, e.text("href")) }

// resolved reads an address of a page whose own is base.
func resolved(base, ref string) *url.URL {
	page, err := url.Parse(base)
	if err != nil {
		page = &url.URL{}
	}
	u, err := page.Parse(ref)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// part is a method that tells a part of a link's address.
func part(f func(*url.URL) string) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any { return f(e.link()) })
}

func linkMethods() methods[*element] {
	prefixed := func(mark, s string) string {
		if s == "" {
			return ""
		}
		return mark + s
	}
	return methods[*element]{
		"hash": part(func(u *url.URL) string { return prefixed("#", u.Fragment) }), "host": part(func(u *url.URL) string { return u.Host }),
		"hostname": part((*url.URL).Hostname), "port": part((*url.URL).Port), "pathname": part(func(u *url.URL) string { return u.Path }),
		"protocol": part(func(u *url.URL) string { return u.Scheme }), "search": part(func(u *url.URL) string { return prefixed("?", u.RawQuery) }),
		"origin": part(func(u *url.URL) string { return u.Scheme + "://" + u.Host }), "username": part(func(u *url.URL) string { return u.User.Username() }),
		"password": part(func(u *url.URL) string { p, _ := u.User.Password(); return p }), "href": part((*url.URL).String),
		"relList": words("rel"), "text": get(func(e *element) any { return e.sel().Text() }),
	}
}

// owner returns the form that an element belongs to.
func (e *element) owner() *html.Node {
	if id := e.text("form"); id != "" {
		for n := e.node; n != nil; n = n.Parent {
			if n.Parent == nil {
				return nth((&element{e.vm, n, e.base}).find("form#"+id), 0)
			}
		}
	}
	return nth(e.sel().Closest("form").Nodes, 0)
}

func (e *element) form() any { return e.one(e.owner()) }

// ofForm returns an attribute of the element's form, or nil.
func (e *element) ofForm(name string) *string {
	form := e.owner()
	if form == nil {
		return nil
	}
	if v, ok := (&element{e.vm, form, e.base}).sel().Attr(name); ok {
		return &v
	}
	return nil
}

// formAttribute is an attribute of a button that stands for one of its form.
func formAttribute(own, ofForm, otherwise string) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any {
		if e.has(own) {
			return e.text(own)
		}
		if v := e.ofForm(ofForm); v != nil {
			return *v
		}
		return otherwise
	})
}

func (e *element) formAction() any {
	action := e.text("formaction")
	if v := e.ofForm("action"); action == "" && v != nil {
		action = *v
	}
	return resolved(e.base, action).String()
}

// fieldMethods are those of all that belongs to a form.
func fieldMethods() methods[*element] {
	return methods[*element]{"form": get((*element).form), "labels": get((*element).labels), "name": attribute("name")}
}

func (e *element) labels() any {
	nodes := e.sel().Closest("label").Nodes
	if id := e.text("id"); id != "" {
		for n := e.node; n != nil; n = n.Parent {
			if n.Parent == nil {
				nodes = append(nodes, (&element{e.vm, n, e.base}).find(`label[for="`+strings.ReplaceAll(id, `"`, `\"`)+`"]`)...)
			}
		}
	}
	return e.list(nodes)
}

func (e *element) control() any {
	if id := e.text("for"); id != "" {
		root := e.node
		for root.Parent != nil {
			root = root.Parent
		}
		return e.one(nth((&element{e.vm, root, e.base}).find("#"+id), 0))
	}
	return e.one(nth(e.find("input,select,textarea,button,meter,output,progress"), 0))
}

func formMethods(tag string) methods[*element] {
	fields := func(e *element) []*html.Node { return e.find("input,select,button,textarea,fieldset,object,output") }
	all := methods[*element]{"elements": get(func(e *element) any { return e.list(fields(e)) })}
	if tag == "fieldset" {
		all["form"], all["type"] = get((*element).form), get(func(*element) any { return "fieldset" })
		all["validity"] = get(func(*element) any { return sobek.Undefined() })
		return all
	}
	all["length"] = get(func(e *element) any { return len(fields(e)) })
	all["method"] = get(func(e *element) any { return strings.ToLower(e.sel().AttrOr("method", "get")) })
	return all
}

func selectMethods() methods[*element] {
	multiple := func(e *element) bool { return e.has("multiple") }
	return methods[*element]{
		"value": get(func(e *element) any { return first(selected(e.sel())) }), "length": get(func(e *element) any { return len(e.find("option")) }),
		"options":         get(func(e *element) any { return e.list(e.find("option")) }),
		"selectedOptions": get(func(e *element) any { return e.list(e.find("option[selected]")) }),
		"selectedIndex": get(func(e *element) any {
			return slices.IndexFunc(e.find("option"), func(n *html.Node) bool { return (&element{e.vm, n, e.base}).has("selected") })
		}),
		"size": get(func(e *element) any {
			if multiple(e) {
				return e.number("size", 4)
			}
			return e.number("size", 1)
		}),
		"type": get(func(e *element) any {
			if multiple(e) {
				return "select-multiple"
			}
			return "select"
		}),
	}
}

func optionMethods() methods[*element] {
	return methods[*element]{
		"value": get(func(e *element) any { return optionValue(e.sel()) }), "text": get(func(e *element) any { return e.sel().Text() }),
		"label": get(func(e *element) any { return e.sel().AttrOr("label", e.sel().Text()) }), "disabled": get(func(e *element) any { return e.has("disabled") }),
		"form": get((*element).form),
		"index": get(func(e *element) any {
			list := e.sel().Closest("select,datalist").Find("option").Nodes
			return slices.Index(list, e.node)
		}),
	}
}

func progressMethods() methods[*element] {
	return methods[*element]{
		"max": size("max", 1), "value": size("value", 0),
		"position": get(func(e *element) any {
			if !e.has("value") {
				return -1
			}
			return e.number("value", 0) / e.number("max", 1)
		}),
	}
}

// place returns where an element is among those that a selector finds in its
// nearest ancestor of a kind.
func place(ancestor, among string) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any { return slices.Index(e.sel().Closest(ancestor).Find(among).Nodes, e.node) })
}

func tableMethods(tag string) methods[*element] {
	rows := get(func(e *element) any { return e.list(e.find("tr")) })
	onlyOne := func(q string) func(*element, sobek.FunctionCall) any {
		return get(func(e *element) any { return e.one(nth(e.find(q), 0)) })
	}
	switch tag {
	case "table":
		return methods[*element]{
			"rows": rows, "tBodies": get(func(e *element) any { return e.list(e.find("tbody")) }),
			"caption": onlyOne("caption"), "tHead": onlyOne("thead"), "tFoot": onlyOne("tfoot"),
		}
	case "tr":
		return methods[*element]{
			"cells":    get(func(e *element) any { return e.list(e.find("td,th")) }),
			"rowIndex": place("table", "tr"), "sectionRowIndex": place("thead,tbody,tfoot", "tr"),
		}
	case "td", "th":
		return methods[*element]{
			"cellIndex": place("tr", "td,th"), "colSpan": size("colspan", 1), "rowSpan": size("rowspan", 1), "headers": attribute("headers"),
		}
	case "col", "colgroup":
		return methods[*element]{"span": size("span", 1)}
	}
	return methods[*element]{"rows": rows}
}

func (e *element) images() any {
	root := e.node
	for root.Parent != nil {
		root = root.Parent
	}
	return e.list((&element{e.vm, root, e.base}).find(`img[usemap="#` + strings.ReplaceAll(e.text("name"), `"`, `\"`) + `"]`))
}
