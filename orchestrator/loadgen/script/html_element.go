package script

import (
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"github.com/grafana/sobek"
	"golang.org/x/net/html"
)

// element is an Element of a script: one node of a page.
type element struct {
	vm   *VM
	node *html.Node
	base string
}

// newElement returns a node's Element, or undefined for none. What it can be
// asked depends on its tag.
func (vm *VM) newElement(n *html.Node, base string) sobek.Value {
	if n == nil {
		return sobek.Undefined()
	}
	tag := ""
	if n.Type == html.ElementNode {
		tag = n.Data
	}
	own := tagMethods(tag)
	kind := "Element"
	if own != nil {
		kind += " " + tag
	}
	return object(vm, kind, &element{vm, n, base}, func() methods[*element] {
		all := elementMethods()
		for name, f := range own {
			all[name] = f
		}
		return all
	})
}

func (e *element) one(n *html.Node) any { return e.vm.newElement(n, e.base) }

func (e *element) list(nodes []*html.Node) any {
	return (&selection{e.vm, nil, e.base}).elements(nodes)
}

func (e *element) sel() *goquery.Selection { return goquery.NewDocumentFromNode(e.node).Selection }

// attr returns an attribute's value, or undefined.
func (e *element) attr(name string) any {
	if v, ok := e.sel().Attr(name); ok {
		return v
	}
	return sobek.Undefined()
}

// text returns an attribute's value, or "".
func (e *element) text(name string) string { return e.sel().AttrOr(name, "") }

func (e *element) has(name string) bool { _, ok := e.sel().Attr(name); return ok }

func (e *element) find(selector string) []*html.Node { return e.sel().Find(selector).Nodes }

// kids returns the children: all, or those that are elements.
func (e *element) kids(elements bool) []*html.Node {
	var out []*html.Node
	for n := range e.node.ChildNodes() {
		if !elements || n.Type == html.ElementNode {
			out = append(out, n)
		}
	}
	return out
}

// neighbour walks from n to the first element.
func neighbour(n *html.Node, next func(*html.Node) *html.Node) *html.Node {
	for n = next(n); n != nil && n.Type != html.ElementNode; n = next(n) {
	}
	return n
}

func forward(n *html.Node) *html.Node  { return n.NextSibling }
func backward(n *html.Node) *html.Node { return n.PrevSibling }

func nth(nodes []*html.Node, i int) *html.Node {
	if i < 0 {
		i += len(nodes)
	}
	if i < 0 || i >= len(nodes) {
		return nil
	}
	return nodes[i]
}

// get is a method without arguments.
func get(f func(e *element) any) func(*element, sobek.FunctionCall) any {
	return func(e *element, _ sobek.FunctionCall) any { return f(e) }
}

// with is a method of one text.
func with(f func(e *element, arg string) any) func(*element, sobek.FunctionCall) any {
	return func(e *element, c sobek.FunctionCall) any { return f(e, c.Argument(0).String()) }
}

// attribute is a method that tells an attribute.
func attribute(name string) func(*element, sobek.FunctionCall) any {
	return get(func(e *element) any { return e.text(name) })
}

// elementMethods are those of every element.
func elementMethods() methods[*element] {
	return methods[*element]{
		"attributes": get((*element).attributes), "getAttributeNode": with((*element).attributeNode),
		"getAttribute":  with(func(e *element, name string) any { return e.attr(name) }),
		"hasAttribute":  with(func(e *element, name string) any { return e.has(name) }),
		"hasAttributes": get(func(e *element) any { return len(e.node.Attr) > 0 }),
		"id":            attribute("id"), "className": attribute("class"), "lang": get(func(e *element) any { return e.attr("lang") }),
		"classList":            get(func(e *element) any { return e.vm.rt.ToValue(strings.Fields(e.text("class"))) }),
		"childElementCount":    get(func(e *element) any { return len(e.kids(true)) }),
		"childNodes":           get(func(e *element) any { return e.list(e.kids(false)) }),
		"children":             get(func(e *element) any { return e.list(e.kids(true)) }),
		"hasChildNodes":        get(func(e *element) any { return e.node.FirstChild != nil }),
		"firstChild":           get(func(e *element) any { return e.one(e.node.FirstChild) }),
		"lastChild":            get(func(e *element) any { return e.one(e.node.LastChild) }),
		"firstElementChild":    get(func(e *element) any { return e.one(nth(e.kids(true), 0)) }),
		"lastElementChild":     get(func(e *element) any { return e.one(nth(e.kids(true), -1)) }),
		"nextSibling":          get(func(e *element) any { return e.one(e.node.NextSibling) }),
		"previousSibling":      get(func(e *element) any { return e.one(e.node.PrevSibling) }),
		"nextElementSibling":   get(func(e *element) any { return e.one(neighbour(e.node, forward)) }),
		"parentNode":           get(func(e *element) any { return e.one(e.node.Parent) }),
		"parentElement":        get((*element).parent),
		"ownerDocument":        get((*element).document),
		"querySelector":        with(func(e *element, q string) any { return e.one(nth(e.find(q), 0)) }),
		"querySelectorAll":     with(func(e *element, q string) any { return e.list(e.find(q)) }),
		"getElementsByTagName": with(func(e *element, tag string) any { return e.list(e.find(tag)) }),
		"getElementsByClassName": with(func(e *element, names string) any {
			return e.list(e.find("." + strings.Join(strings.Fields(names), ".")))
		}),
		"matches":            with(func(e *element, q string) any { return e.sel().Is(q) }),
		"contains":           (*element).contains,
		"isEqualNode":        (*element).isEqual,
		"isSameNode":         (*element).isSame,
		"innerHTML":          get((*element).innerHTML),
		"textContent":        get(func(e *element) any { return e.sel().Text() }),
		"nodeName":           get(func(e *element) any { return goquery.NodeName(e.sel()) }),
		"nodeType":           get((*element).nodeType),
		"nodeValue":          get((*element).nodeValue),
		"toString":           get((*element).describe),
		"namespaceURI":       get((*element).namespace),
		"isDefaultNamespace": get(func(e *element) any { return e.node.Namespace == "" }),
		"previousElementSibling": get(func(e *element) any {
			return e.one(neighbour(e.node, backward))
		}),
	}
}

func (e *element) attributes() any {
	out := e.vm.rt.NewObject()
	for _, a := range e.node.Attr {
		_ = out.Set(a.Key, e.attributeNode(a.Key))
	}
	return out
}

// attributeNode tells one attribute.
func (e *element) attributeNode(name string) any {
	i := slices.IndexFunc(e.node.Attr, func(a html.Attribute) bool { return a.Key == name })
	if i < 0 {
		return sobek.Undefined()
	}
	a, out := e.node.Attr[i], e.vm.rt.NewObject()
	_ = out.Set("name", a.Key)
	_ = out.Set("value", a.Val)
	_ = out.Set("ownerElement", e.one(e.node))
	for member, text := range map[string]string{"localName": a.Key, "namespaceURI": a.Namespace, "prefix": ""} {
		_ = out.Set(member, func(sobek.FunctionCall) sobek.Value { return e.vm.rt.ToValue(text) })
	}
	return out
}

func (e *element) parent() any {
	if p := e.node.Parent; p != nil && p.Type == html.ElementNode {
		return e.one(p)
	}
	return sobek.Undefined()
}

func (e *element) document() any {
	n := e.node
	for n.Parent != nil {
		n = n.Parent
	}
	return e.one(n)
}

func (e *element) contains(c sobek.FunctionCall) any {
	other, ok := exported[*element](c.Argument(0))
	return ok && e.sel().Contains(other.node)
}

func (e *element) isSame(c sobek.FunctionCall) any {
	other, ok := exported[*element](c.Argument(0))
	return ok && other.node == e.node
}

func (e *element) isEqual(c sobek.FunctionCall) any {
	other, ok := exported[*element](c.Argument(0))
	return ok && written(other.node) == written(e.node)
}

func written(n *html.Node) string {
	var b strings.Builder
	_ = html.Render(&b, n) // a strings.Builder takes everything
	return b.String()
}

func (e *element) innerHTML() any {
	text, err := e.sel().Html()
	if err != nil {
		return sobek.Undefined()
	}
	return text
}

func (e *element) nodeType() any {
	number, ok := map[html.NodeType]int{
		html.ElementNode: 1, html.TextNode: 3, html.CommentNode: 8, html.DocumentNode: 9, html.DoctypeNode: 10,
	}[e.node.Type]
	if !ok {
		return sobek.Undefined()
	}
	return number
}

func (e *element) nodeValue() any {
	if e.node.Type == html.TextNode || e.node.Type == html.CommentNode {
		return e.node.Data
	}
	return sobek.Undefined()
}

// describe is what an element is as text.
func (e *element) describe() any {
	if e.node.Type == html.TextNode {
		return e.node.Data
	}
	return "[object html.Node]"
}

func (e *element) namespace() any {
	switch e.node.Namespace {
	case "svg":
		return "http://www.w3.org/2000/svg"
	case "math":
		return "http://www.w3.org/1998/Math/MathML"
	}
	return "http://www.w3.org/1999/xhtml"
}
