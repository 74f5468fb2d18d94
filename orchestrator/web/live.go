package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	liveEvery    = time.Second // how often readers hear of what is under load
	liveQuiet    = 15 * time.Second
	liveDeadline = 10 * time.Second // for a reader to take what is sent
	mostReaders  = 4000             // at once
)

// live is what readers of the event stream share: each moment is read and
// rendered once, however many they are.
type live struct {
	readers atomic.Int64
	moments memo[moment]
}

// moment is what there is to tell: what is under load, as HTML, and a name of
// the results, which is another one when they have changed.
type moment struct {
	now     []byte
	results string
}

// events tells a reader every second what has changed, until they go away or the
// server stops. Someone who may not see what is new since the freeze hears nothing.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	defer s.live.readers.Add(-1)
	if s.live.readers.Add(1) > mostReaders {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many readers", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	stream := stream{w: w, out: http.NewResponseController(w), spoke: time.Now()}
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for lang := s.languageOf(r); ; {
		m, err := s.moment(r, lang)
		if err == nil {
			err = stream.tell(m)
		}
		if err != nil {
			return // the reader asks again by itself
		}
		select {
		case <-r.Context().Done():
			return
		case <-closing(r.Context()):
			return
		case <-tick.C:
		}
	}
}

// moment returns the present one for the request's view.
func (s *site) moment(r *http.Request, lang string) (moment, error) {
	v := s.viewOf(r)
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	return s.live.moments.get(fmt.Sprint(lang, v.until), func() (moment, error) {
		m, err := s.look(ctx, v, lang)
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "read what is under way", "error", err)
		}
		return m, err
	})
}

func (s *site) look(ctx context.Context, v view, lang string) (moment, error) {
	now, err := s.underWay(ctx, v)
	if err != nil {
		return moment{}, err
	}
	table, err := s.standings(ctx, v)
	if err != nil {
		return moment{}, err
	}
	var b bytes.Buffer
	if err := s.pages[lang]["results"].ExecuteTemplate(&b, "live", now); err != nil {
		return moment{}, fmt.Errorf("render what is under way: %w", err)
	}
	return moment{now: b.Bytes(), results: table.name()}, nil
}

// name is the same for standings that look the same.
func (s standings) name() string {
	sum := sha256.New()
	for _, row := range s.Rows {
		fmt.Fprint(sum, row.Team.Slug, row.Team.Name, row.Total)
		for _, c := range s.Criteria {
			v := row.Verdicts[c]
			fmt.Fprint(sum, v.At.UnixNano(), v.Status, v.Score, v.Invalid)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}

// stream is one reader's connection and what they know.
type stream struct {
	w     http.ResponseWriter
	out   *http.ResponseController
	known moment
	spoke time.Time
}

// tell sends what the reader does not know yet, and from time to time a sign of life.
func (s *stream) tell(m moment) error {
	var b bytes.Buffer
	if s.known.now == nil || !bytes.Equal(s.known.now, m.now) {
		event(&b, "now", string(m.now))
	}
	if s.known.results != m.results {
		event(&b, "results", m.results)
	}
	s.known = m
	if b.Len() == 0 {
		if time.Since(s.spoke) < liveQuiet {
			return nil
		}
		b.WriteString(": still here\n\n")
	}
	s.spoke = time.Now()
	_ = s.out.SetWriteDeadline(s.spoke.Add(liveDeadline)) // a recorder in a test has none
	if _, err := s.w.Write(b.Bytes()); err != nil {
		return err
	}
	return s.out.Flush()
}

// event writes an event whose data is a JSON text, so that it is one line.
func event(b *bytes.Buffer, name, data string) {
	text, _ := json.Marshal(data) // a string always can be
	fmt.Fprintf(b, "event: %s\ndata: %s\n\n", name, text)
}

// memo keeps what was made for a second, so that many readers cost one look.
type memo[T any] struct {
	mu   sync.Mutex
	kept map[string]kept[T]
}

type kept[T any] struct {
	value T
	until time.Time
}

const (
	memoTime = 900 * time.Millisecond // less than liveEvery, so that each tick finds a new one
	mostKept = 32
)

// get returns what is kept, or what make makes. One is made at a time.
func (m *memo[T]) get(key string, make func() (T, error)) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k, ok := m.kept[key]; ok && time.Now().Before(k.until) {
		return k.value, nil
	}
	value, err := make()
	if err != nil {
		return value, err
	}
	if m.kept == nil || len(m.kept) >= mostKept {
		m.kept = map[string]kept[T]{}
	}
	m.kept[key] = kept[T]{value, time.Now().Add(memoTime)}
	return value, nil
}
