package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"golang.org/x/time/rate"
)

// Refusal is an error that is told to whoever asked, with what to do about it.
type Refusal struct {
	Code int    `json:"-"` // HTTP status
	Text string `json:"error"`
	Hint string `json:"hint"`
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

// content is what programs are answered.
func (r *Refusal) content() (content, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return content{}, fmt.Errorf("encode refusal: %w", err)
	}
	return content{code: r.Code, kind: "application/json", body: append(body, '\n')}, nil
}

func badRequest(text, hint string) error { return &Refusal{http.StatusBadRequest, text, hint} }

const (
	mostBody    = 16 << 10 // bytes of a change
	mostClients = 1024     // whose rates are remembered
	guardedRate = 2        // requests a second and client
	guardBurst  = 20
)

// gate guards what is the organisers' alone: who may, how often, how much at once.
type gate struct {
	token string

	mu      sync.Mutex
	clients map[client]*rate.Limiter
}

// client is where requests come from. Those who know the token are counted apart, so that
// guesses from behind the same proxy lock no organiser out.
type client struct {
	from  string
	known bool
}

// guard lets only organisers through to h.
func (g *gate) guard(h answer) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := g.admit(r); err != nil {
			return err
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		return h(w, r)
	}
}

func (g *gate) admit(r *http.Request) error {
	if g.token == "" {
		return &Refusal{http.StatusForbidden, "this is for organisers, and the server has no ADMIN_TOKEN to know them by", "Start it with ADMIN_TOKEN set."}
	}
	known := sameSecret(r.Header.Get("Authorization"), "Bearer "+g.token)
	if !g.limiter(client{clientOf(r), known}).Allow() {
		return &Refusal{http.StatusTooManyRequests, "too many requests", "Wait a few seconds."}
	}
	if !known {
		return &Refusal{http.StatusUnauthorized, "the token is missing or wrong", "Send Authorization: Bearer with the server's ADMIN_TOKEN."}
	}
	return nil
}

// limiter returns the client's limiter. When too many clients are remembered all
// are forgotten, which costs an attacker more addresses than it gains tries.
func (g *gate) limiter(c client) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, ok := g.clients[c]
	if !ok {
		if len(g.clients) >= mostClients {
			clear(g.clients)
		}
		l = rate.NewLimiter(guardedRate, guardBurst)
		g.clients[c] = l
	}
	return l
}

// telling answers a refusal of h in words.
func telling(h answer) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		switch refusal.Code {
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", "Bearer")
		case http.StatusTooManyRequests:
			w.Header().Set("Retry-After", "5")
		}
		c, err := refusal.content()
		if err != nil {
			return err
		}
		send(w, r, c)
		return nil
	}
}

// body reads a change's JSON: one object, no field that is not known, and who
// changes something.
func body(r *http.Request, into any, by *By) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("the body is not what was expected: "+shown(err.Error(), longText), "Send one JSON object with the fields that the error names, and no others.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("more than one JSON value in the body", "Send one object.")
	}
	if by.Who = shown(by.Who, shortText); by.Who == "" {
		return badRequest("it is not said who changes this", `Send {"who": "…", "why": "…"}.`)
	}
	by.Why = shown(by.Why, proseText)
	return nil
}

// reasoned is body for what people will ask about later: it needs the reason too.
func reasoned(r *http.Request, into any, by *By) error {
	if err := body(r, into, by); err != nil {
		return err
	}
	if by.Why == "" {
		return badRequest("it is not said why", `Send the reason as "why": it is kept in the audit trail.`)
	}
	return nil
}
