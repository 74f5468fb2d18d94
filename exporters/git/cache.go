package git

import (
	"bufio"
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Cache keeps GitHub's answers by their address, so that an unchanged one needs
// not be sent again, nor counts against our limit. GitHub's tags hold for the
// credentials that they were given to: a token keeps them, a GitHub App's hourly
// tokens begin anew. Its methods may be called at once; it may lose any entry at
// any time.
type Cache interface {
	Get(key string) (Entry, bool)
	Put(key string, e Entry)
}

// Entry is one answer, cut down to what is read of it.
type Entry struct {
	ETag string          `json:"etag"`
	Link string          `json:"link,omitempty"`
	Body json.RawMessage `json:"body"`
}

func (e Entry) size(key string) int { return len(key) + len(e.ETag) + len(e.Link) + len(e.Body) + 200 }

// CacheBytes is enough for a thousand repositories: one with hundreds of
// commits takes 15 kB.
const CacheBytes = 16 << 20

// MemoryCache is a Cache in memory. When it is full, what was not used for the
// longest goes. Save and Load carry it over a restart.
type MemoryCache struct {
	mu      sync.Mutex
	most    int // bytes
	size    int
	entries map[string]*list.Element
	order   *list.List // of kept, the last used in front
}

type kept struct {
	Key string `json:"key"`
	Entry
}

// NewMemoryCache returns an empty cache of so many bytes at most.
func NewMemoryCache(most int) *MemoryCache {
	return &MemoryCache{most: most, entries: map[string]*list.Element{}, order: list.New()}
}

// Get returns an entry.
func (m *MemoryCache) Get(key string) (Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.entries[key]
	if !ok {
		return Entry{}, false
	}
	m.order.MoveToFront(at)
	return at.Value.(kept).Entry, true
}

// Put keeps an entry, in place of an older one. One that is larger than the
// whole cache is not kept.
func (m *MemoryCache) Put(key string, e Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.entries[key]; ok {
		m.drop(at)
	}
	if e.size(key) > m.most {
		return
	}
	m.entries[key] = m.order.PushFront(kept{key, e})
	m.size += e.size(key)
	for m.size > m.most {
		m.drop(m.order.Back())
	}
}

func (m *MemoryCache) drop(at *list.Element) {
	k := m.order.Remove(at).(kept)
	delete(m.entries, k.Key)
	m.size -= k.size(k.Key)
}

// Save writes the entries to w, one a line.
func (m *MemoryCache) Save(w io.Writer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := json.NewEncoder(w)
	for at := m.order.Back(); at != nil; at = at.Prev() { // so that Load ends with the last used
		if err := out.Encode(at.Value); err != nil {
			return fmt.Errorf("save cache: %w", err)
		}
	}
	return nil
}

// Load adds the entries that Save wrote. It stops at the first line that is none
// of them and keeps what came before.
func (m *MemoryCache) Load(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		var k kept
		if err := json.Unmarshal(lines.Bytes(), &k); err != nil || k.Key == "" || k.ETag == "" {
			return errors.New("load cache: a line is not an entry")
		}
		m.Put(k.Key, k.Entry)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("load cache: %w", err)
	}
	return nil
}

// cached asks whether an answer has changed where the last one is known.
type cached struct {
	next  http.RoundTripper
	cache Cache
}

// RoundTrip implements http.RoundTripper.
func (c *cached) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || slimFor(req.URL.Path) == nil {
		return c.next.RoundTrip(req)
	}
	key := req.URL.String()
	old, known := c.cache.Get(key)
	known = known && old.ETag != "" && json.Valid(old.Body)
	if known {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", old.ETag)
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusNotModified && known:
		return old.answer(resp), nil
	case resp.StatusCode == http.StatusOK:
		return c.keep(key, resp, slimFor(req.URL.Path))
	}
	return resp, nil
}

// keep cuts an answer down to what is read of it, and remembers that.
func (c *cached) keep(key string, resp *http.Response, slim func([]byte) ([]byte, error)) (*http.Response, error) {
	full, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	body, err := slim(full)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	e := Entry{ETag: resp.Header.Get("ETag"), Link: resp.Header.Get("Link"), Body: body}
	if e.ETag != "" {
		c.cache.Put(key, e)
	}
	return e.answer(resp), nil
}

// answer is a 200 with the entry's content and the headers that came now.
func (e Entry) answer(now *http.Response) *http.Response {
	out := withBody(now, e.Body)
	out.StatusCode, out.Status = http.StatusOK, "200 OK"
	out.Header.Del("Link")
	if e.Link != "" {
		out.Header.Set("Link", e.Link)
	}
	return out
}

// slimFor returns what cuts down the answers of a path; nil: they are not kept.
func slimFor(path string) func([]byte) ([]byte, error) {
	switch {
	case strings.HasSuffix(path, "/commits"):
		return slim[[]slimCommit]
	case strings.HasSuffix(path, "/contributors"):
		return slim[[]slimContributor]
	case strings.Contains(path, "/repos/"), strings.Contains(path, "/repositories/"):
		return slim[slimRepository]
	}
	return nil
}

// slim reads JSON as T and writes it again: what T does not name is gone.
func slim[T any](full []byte) ([]byte, error) {
	var t T
	if err := json.Unmarshal(full, &t); err != nil {
		return nil, err
	}
	return json.Marshal(t)
}

type slimRepository struct {
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
	Private       bool   `json:"private"`
	Archived      bool   `json:"archived"`
	Disabled      bool   `json:"disabled"`
	Fork          bool   `json:"fork"`
}

type slimCommit struct {
	Commit struct {
		Committer struct {
			Date string `json:"date,omitempty"`
		} `json:"committer"`
	} `json:"commit"`
}

type slimContributor struct {
	Contributions int `json:"contributions"`
}
