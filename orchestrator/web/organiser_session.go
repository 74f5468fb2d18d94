package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	sessionCookie = "hackload_session"
	sessionTime   = 8 * time.Hour // a day at the contest
	mostSessions  = 256

	wrongEvery = 10 * time.Second // a client may try one more wrong token
	wrongBurst = 5
)

// session is one organiser's browser, from signing in to signing out.
type session struct {
	form string // proves that a form came from a page of ours
	ends time.Time
	key  [sha256.Size]byte
}

// sessions are the sessions under way. They are in memory: a restart ends them.
// What the cookie holds is not kept, only its hash.
type sessions struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]session
}

func newSessions() *sessions { return &sessions{all: map[[sha256.Size]byte]session{}} }

// begin returns what the cookie of a new session holds.
func (s *sessions) begin() string {
	secret := rand.Text()
	key := sha256.Sum256([]byte(secret))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
	s.all[key] = session{form: rand.Text(), ends: time.Now().Add(sessionTime), key: key}
	return secret
}

// makeRoom forgets sessions that are over, and the oldest where there are too many.
func (s *sessions) makeRoom() {
	var oldest session
	for key, one := range s.all {
		if !time.Now().Before(one.ends) {
			delete(s.all, key)
		} else if oldest.ends.IsZero() || one.ends.Before(oldest.ends) {
			oldest = one
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, oldest.key)
	}
}

// of returns the session that a request belongs to.
func (s *sessions) of(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.all[sha256.Sum256([]byte(cookie.Value))]
	return one, ok && time.Now().Before(one.ends)
}

func (s *sessions) end(one session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, one.key)
}

// tries bounds how many wrong tokens come from one client. Right ones cost
// nothing, but are not looked at either while the client has no try left.
type tries struct {
	mu      sync.Mutex
	clients map[string]*rate.Limiter
}

func newTries() *tries { return &tries{clients: map[string]*rate.Limiter{}} }

// left reports whether the client may try.
func (t *tries) left(client string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.clients[client]
	return !ok || l.Tokens() >= 1
}

// wrong takes one try off. When too many clients are remembered, those that have
// all their tries again are forgotten, and all if there are none.
func (t *tries) wrong(client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.clients[client]
	if !ok {
		if len(t.clients) >= mostClients {
			for name, one := range t.clients {
				if one.Tokens() >= wrongBurst {
					delete(t.clients, name)
				}
			}
		}
		if len(t.clients) >= mostClients {
			clear(t.clients)
		}
		l = rate.NewLimiter(rate.Every(wrongEvery), wrongBurst)
		t.clients[client] = l
	}
	l.Allow()
}

// clientOf names who asks by their address, see networkOf; throttle has found out
// which one that is.
func clientOf(r *http.Request) string {
	if from, ok := r.Context().Value(askedFrom{}).(string); ok {
		return from
	}
	return r.RemoteAddr
}

// networkOf names an address by its network for IPv6, where one machine has as
// many addresses as it likes.
func networkOf(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}

// sameSecret compares in a time that tells nothing.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// sessionCookieFor returns the cookie that holds secret; an empty one takes it back.
func (s *site) sessionCookieFor(r *http.Request, secret string) *http.Cookie {
	c := &http.Cookie{
		Name: sessionCookie, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.HasPrefix(s.PublicURL, "https://"), MaxAge: int(sessionTime.Seconds()),
	}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}
