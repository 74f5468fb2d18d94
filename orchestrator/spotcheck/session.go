package spotcheck

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// session is what is seen of one run.
type session struct {
	run      contest.Run
	client   *client
	nonsense string // a word that no event has

	mu      sync.Mutex
	touched time.Time
	busy    bool               // a round is being asked
	over    bool               // the load has ended
	stop    context.CancelFunc // ends the round that is being asked; nil: none is
	rounds  int
	answers []seen
	pairs   []pair
}

// begin returns the run's session, making it the first time; nil where there is
// none, or no room for one.
func (c *Checker) begin(run contest.Run) *session {
	if run.TestID == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.sessions[run.TestID]; ok {
		return s
	}
	c.makeRoom()
	k, err := c.clientOf(run.Team)
	if err != nil || len(c.sessions) >= mostSessions {
		return nil
	}
	s := &session{run: run, client: k, touched: time.Now(), nonsense: "zq" + strings.ToLower(rand.Text()[:8])}
	c.sessions[run.TestID] = s
	return s
}

// makeRoom forgets runs that never ended here: they were lost or cancelled.
// c.mu is held.
func (c *Checker) makeRoom() {
	for id, s := range c.sessions {
		s.mu.Lock()
		stale := time.Since(s.touched) > sessionTime
		s.mu.Unlock()
		if stale {
			delete(c.sessions, id)
		}
	}
}

// Before asks a service what it answers while nothing is asked of it yet. It
// takes three seconds at most.
func (c *Checker) Before(ctx context.Context, run contest.Run) {
	s := c.begin(run)
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for _, as := range c.looks.plain {
		a, err := s.client.ask(ctx, as, s.search(all))
		if err != nil {
			return
		}
		s.note(seen{all, before, a, -1})
	}
}

// During is told, again and again, that a run is under load.
func (c *Checker) During(run contest.Run) {
	s := c.begin(run)
	if s == nil || !s.due(c.Every) {
		return
	}
	if !c.later(func(ctx context.Context) { c.round(ctx, s) }) {
		s.mu.Lock()
		s.busy = false
		s.mu.Unlock()
	}
}

// due reports whether the next round is to be asked, and takes it if so.
func (s *session) due(every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || s.over || s.rounds >= rounds || s.rounds > 0 && time.Since(s.touched) < every {
		return false
	}
	s.busy, s.touched = true, time.Now()
	s.rounds++
	return true
}

// After is told that a run's load has ended.
func (c *Checker) After(run contest.Run) {
	c.mu.Lock()
	s, ok := c.sessions[run.TestID]
	delete(c.sessions, run.TestID)
	c.mu.Unlock()
	if !ok {
		return
	}
	s.mu.Lock()
	s.over = true
	idle := !s.busy
	if s.stop != nil {
		s.stop() // what comes now does not come under load
	}
	s.mu.Unlock()
	if idle {
		c.later(func(ctx context.Context) { c.conclude(ctx, s) })
	}
}

// round asks each question as the load generator looks and as others do, now the
// one first and now the other. It judges where the load has ended meanwhile.
func (c *Checker) round(ctx context.Context, s *session) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	no := s.open(stop)
	plain := c.looks.plain[no%len(c.looks.plain)]
	for q := range questions {
		order := []func(){
			func() { s.look(asking, c.looks.generator, seen{question: q, when: loaded, round: no}) },
			func() { s.look(asking, plain, seen{question: q, when: during, round: no}) },
		}
		if (no+int(q))%2 == 1 { // a service that fails at every second call fails them both
			slices.Reverse(order)
		}
		for _, ask := range order {
			ask()
		}
	}
	if s.run.Criterion == contest.TicketBooking || s.run.Criterion == contest.TicketCancellation {
		c.openTwo(asking, s)
	}
	if s.close() {
		c.conclude(ctx, s)
	}
}

// open begins a round, which stop ends, and returns its number.
func (s *session) open(stop context.CancelFunc) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = stop
	if s.over {
		stop()
	}
	return s.rounds - 1
}

// close ends a round and reports whether the load has ended.
func (s *session) close() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.stop = false, nil
	return s.over
}

// look asks one question and notes the answer, if one came.
func (s *session) look(ctx context.Context, as looker, about seen) {
	a, err := s.client.ask(ctx, as, s.search(about.question))
	if err != nil {
		return
	}
	about.answer = a
	s.note(about)
}

func (s *session) note(one seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, one)
}

// openTwo opens a booking for each of two users, and cancels both.
func (c *Checker) openTwo(ctx context.Context, s *session) {
	if len(c.Users) < 2 || ctx.Err() != nil {
		return
	}
	var got []answer
	for _, user := range c.Users[:2] {
		a, err := s.client.ask(ctx, c.looks.plain[0], opening(user, 1))
		if err != nil {
			return
		}
		got = append(got, a)
	}
	for i, user := range c.Users[:2] {
		if got[i].id != "" {
			_, _ = s.client.ask(ctx, c.looks.plain[0], cancelling(user, got[i].id)) // an empty booking that stays harms nobody
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pairs = append(s.pairs, pair{got[0], got[1]})
}

// conclude judges what was seen of a run whose load has ended.
func (c *Checker) conclude(ctx context.Context, s *session) {
	s.mu.Lock()
	doubts := judge(s.answers)
	if d := bookings(s.pairs); d != nil {
		doubts = append(doubts, *d)
	}
	s.mu.Unlock()
	var found []contest.Suspicion
	for _, d := range doubts {
		found = append(found, contest.Suspicion{
			Team: s.run.Team.Slug, Criterion: s.run.Criterion, Run: s.run.ID, Kind: d.kind, Sentence: d.sentence, At: time.Now(),
		})
	}
	c.keep(ctx, found)
}

// commonWord is in the titles of many events of the contest's data.
const commonWord = "концерт"

func (s *session) search(q question) call {
	v := url.Values{"page": {"1"}, "pageSize": {"20"}}
	switch q {
	case word:
		v.Set("query", commonWord)
	case nothing:
		v.Set("query", s.nonsense)
	case first:
		v.Set("pageSize", "5")
	case second:
		v.Set("page", "2")
		v.Set("pageSize", "5")
	}
	return call{method: http.MethodGet, path: "/api/events?" + v.Encode()}
}
