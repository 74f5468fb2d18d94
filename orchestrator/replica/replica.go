// Package replica is a process' membership among those that share one state
// database: who is there, and who has gone.
//
// Each process writes a beat that grows. A process takes another to be gone when
// it has not seen that one's beat grow for Silence, by its own clock: no two
// clocks are compared, and the database's is not asked. Until tells a process
// how long it may act on its own without a new beat: that ends before the others
// can take it to be gone.
//
// What is gone may still have load on a target: a generator outlives the process
// that started it. Silence alone therefore gives nobody's load free; conduct
// waits for its planned end too.
package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// How beats are timed. A step of the line that was begun before the last beat is
// over after Silence, also where its process cannot be reached any more.
const (
	Every   = 5 * time.Second
	Silence = 45 * time.Second
	trust   = 30 * time.Second // how long after a beat a process acts on its own
)

// ErrOthers means that another process works on the same state, and one of the
// two keeps the metrics of its runs where the other cannot ask for them.
var ErrOthers = errors.New("another process works on this state database, and one of the two keeps its metrics in itself; set PROMETHEUS_URL for both")

// Beats is where beats are written and read.
type Beats interface {
	// Beat says that a replica lives and returns all that have said so.
	Beat(ctx context.Context, r store.Replica) ([]store.Replica, error)
}

// Member is this process among the replicas. Make one with Join. Its methods are
// safe for concurrent use.
type Member struct {
	self  store.Replica
	beats Beats
	log   *slog.Logger

	mu     sync.Mutex
	last   time.Time // when a beat was last written
	others map[string]sighting
	asked  map[string]time.Time // when Silent was first asked for one that is not among others
}

// sighting is when a replica's beat was first seen at its present count.
type sighting struct {
	store.Replica
	at time.Time
}

// Join makes this process a member. Where metrics are kept in one of the
// processes it waits until those that are written down have either shown that
// they live, which is ErrOthers, or been silent for Silence.
func Join(ctx context.Context, beats Beats, self store.Replica, log *slog.Logger) (*Member, error) {
	m := &Member{self: self, beats: beats, log: log, others: map[string]sighting{}, asked: map[string]time.Time{}}
	first := map[string]int64{}
	for {
		if err := m.beat(ctx); err != nil {
			return nil, fmt.Errorf("join the replicas: %w", err)
		}
		waiting := ""
		for _, o := range m.seen() {
			if !self.Embedded && !o.Embedded || time.Since(o.at) >= Silence {
				continue
			}
			known, seen := first[o.ID]
			if seen && o.Beat != known {
				return nil, fmt.Errorf("%w (it runs on %s)", ErrOthers, o.Host)
			}
			first[o.ID], waiting = o.Beat, o.Host
		}
		if waiting == "" {
			return m, nil
		}
		log.Info("waiting to see whether another process still works on this state", "host", waiting, "longest", Silence)
		if err := pause(ctx, Every); err != nil {
			return nil, err
		}
	}
}

// ID names this process.
func (m *Member) ID() string { return m.self.ID }

// Silent returns for how long a replica's beat has not grown, as far as this
// process knows. One that is not written down has left and is silent for ever;
// that is certain once the beats were read again after the first time that it was
// asked for, since it may have joined after they were read last.
func (m *Member) Silent(id string) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == m.self.ID {
		return 0
	}
	o, known := m.others[id]
	if known {
		return time.Since(o.at)
	}
	first, again := m.asked[id]
	if !again {
		m.asked[id] = time.Now()
		return 0
	}
	if m.last.After(first) {
		return 1<<63 - 1
	}
	return time.Since(first)
}

// Until is when this process has to stop doing what only one may do, unless it
// has written a beat by then.
func (m *Member) Until() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.Add(trust)
}

// Alone reports whether no other replica is known to live.
func (m *Member) Alone() bool {
	for _, o := range m.seen() {
		if time.Since(o.at) < Silence {
			return false
		}
	}
	return true
}

// Run writes a beat every Every until ctx is done. After each it calls tidy with
// the replicas that are gone; a failure of it is logged.
func (m *Member) Run(ctx context.Context, tidy func(ctx context.Context, gone []string) error) error {
	for pause(ctx, Every) == nil {
		err := m.beat(ctx)
		if err == nil {
			err = m.tidy(ctx, tidy)
		}
		if err != nil && ctx.Err() == nil {
			m.log.Warn("the replicas could not be seen to; after a while the others take this one to be gone", "error", err)
		}
	}
	return nil
}

func (m *Member) tidy(ctx context.Context, tidy func(ctx context.Context, gone []string) error) error {
	ctx, cancel := context.WithTimeout(ctx, Every) // the next beat is due then
	defer cancel()
	var gone []string
	for _, o := range m.seen() {
		if time.Since(o.at) >= Silence {
			gone = append(gone, o.ID)
		}
	}
	return tidy(ctx, gone)
}

func (m *Member) beat(ctx context.Context) error {
	begun := time.Now() // not later than the others can have seen it
	ctx, cancel := context.WithTimeout(ctx, Every)
	defer cancel()
	all, err := m.beats.Beat(ctx, m.self)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = begun
	now := time.Now()
	present := map[string]sighting{}
	for _, r := range all {
		if r.ID == m.self.ID {
			continue
		}
		o, known := m.others[r.ID]
		if !known || o.Beat != r.Beat {
			o = sighting{r, now}
		}
		present[r.ID] = o
	}
	m.others = present
	maps.DeleteFunc(m.asked, func(id string, first time.Time) bool {
		_, joined := present[id]
		return joined || time.Since(first) > time.Hour // of runs that are over by now
	})
	return nil
}

func (m *Member) seen() (all []sighting) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.others {
		all = append(all, o)
	}
	return all
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
