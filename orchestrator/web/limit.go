package web

import (
	"context"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound how often pages and API are asked. The zero value bounds nothing
// and believes no proxy.
type Limits struct {
	PerAddress int // requests a second from one address, of IPv6 from one /64; 0: any number
	Overall    int // requests a second of all readers together; 0: any number
	// TrustedProxies are the networks whose X-Forwarded-For is believed. Behind a
	// proxy that is not among them all readers share the proxy's own limit.
	TrustedProxies []netip.Prefix
}

const (
	burstSeconds  = 4    // a page comes with its parts, a school with its classes
	mostAddresses = 4096 // whose rates are remembered
	sweepEvery    = time.Second
)

// throttle refuses requests over the limits. Probes have rates of their own, so
// that a flood from a node's address does not look like a dead process to that
// node, and organisers do not share the overall rate with everybody.
type throttle struct {
	limits  Limits
	overall *rate.Limiter
	known   func(*http.Request) bool // an organiser's

	mu      sync.Mutex
	readers map[reader]*rate.Limiter
	rest    *rate.Limiter // of addresses beyond those that are remembered
	swept   time.Time
}

type reader struct {
	from  string
	probe bool
}

func newThrottle(l Limits, known func(*http.Request) bool) *throttle {
	return &throttle{
		limits: l, known: known, readers: map[reader]*rate.Limiter{},
		overall: perSecond(l.Overall), rest: perSecond(l.PerAddress),
	}
}

func perSecond(n int) *rate.Limiter {
	if n <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(n), n*burstSeconds)
}

// guard lets through to next what is within the limits.
func (t *throttle) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), askedFrom{}, t.from(r)))
		probe := isProbe(r.URL.Path)
		own := t.limiter(reader{clientOf(r), probe})
		if !own.Allow() {
			t.refuse(w, r, own)
			return
		}
		if !probe && !t.overall.Allow() && !t.known(r) {
			t.refuse(w, r, t.overall)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isProbe(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/health"
}

// refuse tells when to come again.
func (t *throttle) refuse(w http.ResponseWriter, r *http.Request, l *rate.Limiter) {
	wait := max(1, int(math.Ceil((1-l.Tokens())/float64(l.Limit()))))
	w.Header().Set("Retry-After", strconv.Itoa(wait))
	refusal := Refusal{http.StatusTooManyRequests, "too many requests", "Wait for as many seconds as Retry-After says, and ask less often."}
	if strings.HasPrefix(r.URL.Path, "/api/") || isProbe(r.URL.Path) {
		c, err := refusal.content()
		if err != nil {
			panic(err) // it is two texts
		}
		send(w, r, c)
		return
	}
	send(w, r, content{code: refusal.Code, kind: "text/plain; charset=utf-8", body: []byte("Too many requests. " + refusal.Hint + "\n")})
}

// limiter returns the reader's own limiter. Once as many are remembered as may
// be, those that have been quiet are forgotten, and who is new then shares one:
// many addresses gain an attacker nothing.
func (t *throttle) limiter(who reader) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.readers[who]; ok {
		return l
	}
	if len(t.readers) >= mostAddresses && time.Since(t.swept) >= sweepEvery {
		t.swept = time.Now()
		for name, l := range t.readers {
			if l.Tokens() >= float64(l.Burst()) {
				delete(t.readers, name)
			}
		}
	}
	if len(t.readers) >= mostAddresses {
		return t.rest
	}
	l := perSecond(t.limits.PerAddress)
	t.readers[who] = l
	return l
}

// askedFrom is where a request's context says whom it came from.
type askedFrom struct{}

// from returns the address that a request came from: the nearest one that is no
// trusted proxy's. What stands before that in X-Forwarded-For anybody can write.
func (t *throttle) from(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	at := peer.Addr()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && t.trusts(at); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = before
	}
	return networkOf(at)
}

func (t *throttle) trusts(at netip.Addr) bool {
	at = at.Unmap().WithZone("")
	for _, p := range t.limits.TrustedProxies {
		if p.Contains(at) {
			return true
		}
	}
	return false
}
