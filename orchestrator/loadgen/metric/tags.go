package metric

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// maxTagSets bounds how many different sets one root remembers. Sets beyond it
// work, but are made anew each time and are aggregated without optional tags.
const maxTagSets = 1 << 16

// TagSet is an immutable set of tags. Sets that come from one NewTags are
// interned: equal ones are the same pointer, so a set can be a map key. A tag
// with an empty value is the same as no tag, as in Prometheus.
//
// With is cached: asking a set again for the same tag allocates nothing.
type TagSet struct {
	root     *tagRoot
	pairs    []tag // in order of key
	key      string
	interned bool

	mu   sync.RWMutex
	next map[tag]*TagSet // results of With
}

type tag struct{ key, value string }

// tagRoot remembers every set that was derived from one NewTags.
type tagRoot struct {
	mu   sync.Mutex
	sets map[string]*TagSet
}

// NewTags returns a set of the given tags, the root of all sets derived from it.
func NewTags(tags map[string]string) *TagSet {
	pairs := make([]tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if tags[k] != "" {
			pairs = append(pairs, tag{k, tags[k]})
		}
	}
	root := &tagRoot{sets: map[string]*TagSet{}}
	return root.intern(pairs)
}

// With returns the set t with the tag k set to v, or without it when v is empty.
func (t *TagSet) With(k, v string) *TagSet {
	pair := tag{k, v}
	t.mu.RLock()
	found := t.next[pair]
	t.mu.RUnlock()
	if found != nil {
		return found
	}
	made := t.root.intern(t.replace(pair))
	if !t.interned || !made.interned {
		return made
	}
	// The keys are copied, so that a tag cut from a large answer does not keep
	// the answer in memory.
	pair = tag{strings.Clone(k), strings.Clone(v)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next = map[tag]*TagSet{}
	}
	t.next[pair] = made
	return made
}

// replace returns t's pairs with one of them set, or removed when it is empty.
func (t *TagSet) replace(pair tag) []tag {
	at, has := t.find(pair.key)
	pairs := slices.Clone(t.pairs)
	switch {
	case has && pair.value == "":
		return slices.Delete(pairs, at, at+1)
	case has:
		pairs[at] = pair
		return pairs
	case pair.value == "":
		return pairs
	}
	return slices.Insert(pairs, at, pair)
}

func (t *TagSet) find(k string) (int, bool) {
	return slices.BinarySearchFunc(t.pairs, k, func(p tag, k string) int { return strings.Compare(p.key, k) })
}

// Get returns the value of the tag k and whether the set has it.
func (t *TagSet) Get(k string) (string, bool) {
	if at, ok := t.find(k); ok {
		return t.pairs[at].value, true
	}
	return "", false
}

// Map returns the tags as a new map.
func (t *TagSet) Map() map[string]string {
	m := make(map[string]string, len(t.pairs))
	for _, p := range t.pairs {
		m[p.key] = p.value
	}
	return m
}

// All calls yield for each tag in order of key, until it returns false.
func (t *TagSet) All(yield func(key, value string) bool) {
	for _, p := range t.pairs {
		if !yield(p.key, p.value) {
			return
		}
	}
}

// Matches reports whether t has every tag of want. An empty wanted value means
// that the tag must be absent.
func (t *TagSet) Matches(want map[string]string) bool {
	for k, v := range want {
		if have, _ := t.Get(k); have != v {
			return false
		}
	}
	return true
}

// only returns the set of those tags of t whose keys are given.
func (t *TagSet) only(keys ...string) *TagSet {
	var kept []tag
	for _, p := range t.pairs {
		if slices.Contains(keys, p.key) {
			kept = append(kept, p)
		}
	}
	return t.root.intern(kept)
}

// intern returns the one set with these pairs, or a set that is not remembered
// when the root is full.
func (r *tagRoot) intern(pairs []tag) *TagSet {
	key := encode(pairs)
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.sets[key]; ok {
		return t
	}
	for i, p := range pairs {
		pairs[i] = tag{strings.Clone(p.key), strings.Clone(p.value)}
	}
	t := &TagSet{root: r, pairs: pairs, key: key, interned: len(r.sets) < maxTagSets}
	if t.interned {
		r.sets[key] = t
	}
	return t
}

// encode writes pairs so that no two different lists give the same text.
func encode(pairs []tag) string {
	var b strings.Builder
	for _, p := range pairs {
		for _, s := range [2]string{p.key, p.value} {
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(s, "\x01", "\x01\x01"), "\x00", "\x01\x02"))
			b.WriteByte(0)
		}
	}
	return b.String()
}
