package script

import (
	"strings"

	"github.com/PuerkitoBio/goquery"
	"github.com/grafana/sobek"
	"golang.org/x/net/html"
)

// exportHTML makes the exports of the module k6/html.
func (vm *VM) exportHTML(name string) sobek.Value {
	if name != "parseHTML" {
		return nil
	}
	return vm.rt.ToValue(func(c sobek.FunctionCall) sobek.Value { return vm.document(c.Argument(0).String(), "") })
}

// document parses HTML. base is the URL of the page, for what it links to.
func (vm *VM) document(text, base string) sobek.Value {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(text))
	if err != nil {
		vm.throw("parse HTML: %w", err)
	}
	return vm.newSelection(doc.Selection, base)
}

// selection is a Selection of a script: some nodes of a page.
type selection struct {
	vm   *VM
	sel  *goquery.Selection
	base string
}

func (vm *VM) newSelection(sel *goquery.Selection, base string) *sobek.Object {
	return object(vm, "Selection", &selection{vm, sel, base}, selectionMethods)
}

func (s *selection) with(sel *goquery.Selection) any { return s.vm.newSelection(sel, s.base) }

// step is a move from some nodes to others, all of them or those that match.
func step(all func(*goquery.Selection) *goquery.Selection, some func(*goquery.Selection, string) *goquery.Selection) func(*selection, sobek.FunctionCall) any {
	return func(s *selection, c sobek.FunctionCall) any {
		if given(c.Argument(0)) {
			return s.with(some(s.sel, c.Argument(0).String()))
		}
		return s.with(all(s.sel))
	}
}

// until is a move up to what a selector or another selection names.
func until(
	bySelector func(*goquery.Selection, string) *goquery.Selection, bySelection func(*goquery.Selection, *goquery.Selection) *goquery.Selection,
) func(*selection, sobek.FunctionCall) any {
	return func(s *selection, c sobek.FunctionCall) any {
		var found *goquery.Selection
		if other, ok := exported[*selection](c.Argument(0)); ok {
			found = bySelection(s.sel, other.sel)
		} else {
			found = bySelector(s.sel, textOr(c.Argument(0), ""))
		}
		if given(c.Argument(1)) {
			found = found.Filter(c.Argument(1).String())
		}
		return s.with(found)
	}
}

func textOr(v sobek.Value, otherwise string) string {
	if !given(v) {
		return otherwise
	}
	return v.String()
}

func selectionMethods() methods[*selection] {
	type sel = goquery.Selection
	return methods[*selection]{
		"children": step((*sel).Children, (*sel).ChildrenFiltered), "contents": step((*sel).Contents, (*sel).ContentsFiltered),
		"next": step((*sel).Next, (*sel).NextFiltered), "nextAll": step((*sel).NextAll, (*sel).NextAllFiltered),
		"prev": step((*sel).Prev, (*sel).PrevFiltered), "prevAll": step((*sel).PrevAll, (*sel).PrevAllFiltered),
		"parent": step((*sel).Parent, (*sel).ParentFiltered), "parents": step((*sel).Parents, (*sel).ParentsFiltered),
		"siblings":  step((*sel).Siblings, (*sel).SiblingsFiltered),
		"nextUntil": until((*sel).NextUntil, (*sel).NextUntilSelection), "prevUntil": until((*sel).PrevUntil, (*sel).PrevUntilSelection),
		"parentsUntil": until((*sel).ParentsUntil, (*sel).ParentsUntilSelection),
		"first":        func(s *selection, _ sobek.FunctionCall) any { return s.with(s.sel.First()) },
		"last":         func(s *selection, _ sobek.FunctionCall) any { return s.with(s.sel.Last()) },
		"end":          func(s *selection, _ sobek.FunctionCall) any { return s.with(s.sel.End()) },
		"eq":           func(s *selection, c sobek.FunctionCall) any { return s.with(s.sel.Eq(int(c.Argument(0).ToInteger()))) },
		"size":         func(s *selection, _ sobek.FunctionCall) any { return s.sel.Length() },
		"text":         func(s *selection, _ sobek.FunctionCall) any { return s.sel.Text() },
		"find":         (*selection).find, "closest": (*selection).closest, "add": (*selection).add, "has": (*selection).has, "index": (*selection).index,
		"filter": (*selection).filter, "not": (*selection).not, "is": (*selection).is,
		"each": (*selection).each, "map": (*selection).mapped, "toArray": (*selection).toArray, "get": (*selection).get, "slice": (*selection).slice,
		"attr": (*selection).attr, "data": (*selection).data, "html": (*selection).html, "val": (*selection).val,
		"serialize": (*selection).serialize, "serializeArray": (*selection).serializeArray, "serializeObject": (*selection).serializeObject,
	}
}

func (s *selection) find(c sobek.FunctionCall) any {
	return s.with(choose(c.Argument(0), s.sel.Find, s.sel.FindSelection))
}

func (s *selection) closest(c sobek.FunctionCall) any {
	return s.with(choose(c.Argument(0), s.sel.Closest, s.sel.ClosestSelection))
}

func (s *selection) add(c sobek.FunctionCall) any {
	return s.with(choose(c.Argument(0), s.sel.Add, s.sel.AddSelection))
}

func (s *selection) has(c sobek.FunctionCall) any {
	return s.with(choose(c.Argument(0), s.sel.Has, s.sel.HasSelection))
}

// index is where the first element stands: among its siblings, among those that
// a selector finds, or among these elements that of another selection.
func (s *selection) index(c sobek.FunctionCall) any {
	if other, ok := exported[*selection](c.Argument(0)); ok {
		return s.sel.IndexOfSelection(other.sel)
	}
	if given(c.Argument(0)) {
		return s.sel.IndexSelector(c.Argument(0).String())
	}
	return s.sel.Index()
}

func choose(v sobek.Value, bySelector func(string) *goquery.Selection, bySelection func(*goquery.Selection) *goquery.Selection) *goquery.Selection {
	if other, ok := exported[*selection](v); ok {
		return bySelection(other.sel)
	}
	return bySelector(v.String())
}

// tester reads a function argument that is asked about each node.
func (s *selection) tester(v sobek.Value) (func(int, *goquery.Selection) bool, bool) {
	f, ok := sobek.AssertFunction(v)
	if !ok {
		return nil, false
	}
	return func(i int, one *goquery.Selection) bool {
		return s.call(f, i, s.vm.newSelection(one, s.base)).ToBoolean()
	}, true
}

// call calls the script back; what it throws is thrown on.
func (s *selection) call(f sobek.Callable, i int, v sobek.Value) sobek.Value {
	out, err := f(sobek.Undefined(), s.vm.rt.ToValue(i), v)
	if err != nil {
		panic(err)
	}
	return out
}

func (s *selection) filter(c sobek.FunctionCall) any {
	if f, ok := s.tester(c.Argument(0)); ok {
		return s.with(s.sel.FilterFunction(f))
	}
	return s.with(choose(c.Argument(0), s.sel.Filter, s.sel.FilterSelection))
}

func (s *selection) not(c sobek.FunctionCall) any {
	if f, ok := s.tester(c.Argument(0)); ok {
		return s.with(s.sel.NotFunction(f))
	}
	return s.with(choose(c.Argument(0), s.sel.Not, s.sel.NotSelection))
}

func (s *selection) is(c sobek.FunctionCall) any {
	if f, ok := s.tester(c.Argument(0)); ok {
		return s.sel.IsFunction(f)
	}
	if other, ok := exported[*selection](c.Argument(0)); ok {
		return s.sel.IsSelection(other.sel)
	}
	return s.sel.Is(c.Argument(0).String())
}

func (s *selection) each(c sobek.FunctionCall) any {
	f, ok := sobek.AssertFunction(c.Argument(0))
	if !ok {
		s.vm.throw("each() needs a function")
	}
	for i, node := range s.sel.Nodes {
		s.call(f, i, s.vm.rt.ToValue(s.vm.newElement(node, s.base)))
	}
	return c.This
}

func (s *selection) mapped(c sobek.FunctionCall) any {
	f, ok := sobek.AssertFunction(c.Argument(0))
	if !ok {
		s.vm.throw("map() needs a function")
	}
	out := make([]any, 0, s.sel.Length())
	s.sel.Each(func(i int, one *goquery.Selection) { out = append(out, s.call(f, i, s.vm.newSelection(one, s.base))) })
	return s.vm.rt.NewArray(out...)
}

func (s *selection) toArray(sobek.FunctionCall) any {
	out := make([]any, 0, s.sel.Length())
	s.sel.Each(func(_ int, one *goquery.Selection) { out = append(out, s.with(one)) })
	return s.vm.rt.NewArray(out...)
}

// get returns one element, counted from the end when i is below zero.
func (s *selection) get(c sobek.FunctionCall) any {
	if !given(c.Argument(0)) {
		return s.elements(s.sel.Nodes)
	}
	i, n := int(c.Argument(0).ToInteger()), s.sel.Length()
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return sobek.Undefined()
	}
	return s.vm.newElement(s.sel.Nodes[i], s.base)
}

func (s *selection) elements(nodes []*html.Node) any {
	out := make([]any, len(nodes))
	for i, n := range nodes {
		out[i] = s.vm.newElement(n, s.base)
	}
	return s.vm.rt.NewArray(out...)
}

func (s *selection) slice(c sobek.FunctionCall) any {
	n := s.sel.Length()
	place := func(v sobek.Value, otherwise int) int {
		if !given(v) {
			return otherwise
		}
		i := int(v.ToInteger())
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	from, to := place(c.Argument(0), 0), place(c.Argument(1), n)
	return s.with(s.sel.Slice(from, max(from, to)))
}
