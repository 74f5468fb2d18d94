package biletter

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// catalogue finds events by words and day. It is built once and never changes,
// so it needs no lock.
type catalogue struct {
	ids     map[int64]struct{}
	encoded [][]byte           // each event as JSON, in order of id
	words   map[string][]int32 // places in encoded, ascending
	days    map[string][]int32 // by YYYY-MM-DD
}

func newCatalogue(events []event) *catalogue {
	c := &catalogue{
		ids:   make(map[int64]struct{}, len(events)),
		words: map[string][]int32{},
		days:  map[string][]int32{},
	}
	for i, e := range events {
		place := int32(i)
		c.ids[e.id] = struct{}{}
		c.encoded = append(c.encoded, encodeEvent(e))
		c.days[e.date] = append(c.days[e.date], place)
		words := splitWords(e.title)
		slices.Sort(words)
		for _, w := range slices.Compact(words) {
			c.words[w] = append(c.words[w], place)
		}
	}
	return c
}

func encodeEvent(e event) []byte {
	b, err := json.Marshal(struct {
		ID    int64  `json:"id"`
		Title string `json:"title"`
	}{e.id, e.title})
	if err != nil { // an integer and a string always encode
		return []byte("null")
	}
	return b
}

func (c *catalogue) has(id int64) bool {
	_, known := c.ids[id]
	return known
}

// search appends to dst, as JSON, a page of the events whose titles hold all
// words of query and that are on the day; an empty query or day selects all.
func (c *catalogue) search(dst []byte, query, day string, p page) []byte {
	lists, possible := c.listsOf(query, day)
	dst = append(dst, '[')
	start := len(dst)
	add := func(place int32) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, c.encoded[place]...)
	}
	switch {
	case !possible:
	case len(lists) == 0:
		from := min(p.offset(), len(c.encoded))
		for place := from; place < min(from+p.size, len(c.encoded)); place++ {
			add(int32(place))
		}
	default:
		for _, place := range pageOfAll(lists, p) {
			add(place)
		}
	}
	return append(dst, ']')
}

// listsOf returns the index lists that a hit must be in all of, the shortest
// first; possible is false when one of them is empty.
func (c *catalogue) listsOf(query, day string) (lists [][]int32, possible bool) {
	for _, word := range splitWords(query) {
		lists = append(lists, c.words[word])
	}
	if day != "" {
		lists = append(lists, c.days[day])
	}
	slices.SortFunc(lists, func(a, b []int32) int { return len(a) - len(b) })
	return lists, len(lists) == 0 || len(lists[0]) > 0
}

// pageOfAll returns a page of what is in all lists, the shortest being first.
func pageOfAll(lists [][]int32, p page) []int32 {
	if len(lists) == 1 {
		from := min(p.offset(), len(lists[0]))
		return lists[0][from:min(from+p.size, len(lists[0]))]
	}
	found := make([]int32, 0, p.size)
	skip := p.offset()
	for _, place := range lists[0] {
		if !inAll(lists[1:], place) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if found = append(found, place); len(found) == p.size {
			break
		}
	}
	return found
}

func inAll(lists [][]int32, place int32) bool {
	for _, list := range lists {
		if _, in := slices.BinarySearch(list, place); !in {
			return false
		}
	}
	return true
}

// splitWords cuts text into words in lower case, at all that is neither letter
// nor digit.
func splitWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
