package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"golang.org/x/time/rate"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// By is who changes something, and why.
type By struct {
	Who string `json:"who"`
	Why string `json:"why"`
}

// Schedule is when services fire. A change is "run", "pause" or "resume".
type Schedule interface {
	// Services lists where every service stands, ready to be sent as JSON.
	Services(ctx context.Context) (any, error)
	Change(ctx context.Context, service contest.ServiceKey, change string, by By) error
	Reschedule(ctx context.Context, service contest.ServiceKey, interval string, by By) error
}

// Control ends runs.
type Control interface {
	Cancel(ctx context.Context, run string, by By) (contest.Run, error)
	StopAll(ctx context.Context, by By) (stopped int, err error)
}

// Operations are what organisers may change. Without a token nobody may.
type Operations struct {
	Token    string
	Schedule Schedule
	Control  Control
}

// Refusal is an error that is told to whoever asked, with what to do about it.
type Refusal struct {
	Code int    `json:"-"` // HTTP status
	Text string `json:"error"`
	Hint string `json:"hint"`
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

const (
	mostBody    = 16 << 10 // bytes of a change
	mostClients = 1024     // whose rates are remembered
	changeRate  = 2        // a second and client
	changeBurst = 20
)

// changes guards what changes something: who may, how often, how much at once.
type changes struct {
	site *site
	ops  *Operations

	mu      sync.Mutex
	clients map[string]*rate.Limiter
}

func (s *site) operate(mux *http.ServeMux, ops *Operations) {
	c := &changes{site: s, ops: ops, clients: map[string]*rate.Limiter{}}
	mux.HandleFunc("GET /api/v1/services", s.try(c.services, s.errorJSON))
	for _, change := range []string{"run", "pause", "resume"} {
		mux.HandleFunc("POST /api/v1/services/{service}/"+change, c.guard(func(w http.ResponseWriter, r *http.Request) error {
			return c.change(w, r, change)
		}))
	}
	mux.HandleFunc("PUT /api/v1/services/{service}/interval", c.guard(c.reschedule))
	mux.HandleFunc("POST /api/v1/runs/{id}/cancel", c.guard(c.cancel))
	mux.HandleFunc("POST /api/v1/stop", c.guard(c.stop))
}

// guard lets only organisers through, and tells refusals in words.
func (c *changes) guard(h answer) http.HandlerFunc {
	return c.site.try(func(w http.ResponseWriter, r *http.Request) error {
		err := c.admit(r)
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, mostBody)
			err = h(w, r)
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		body, err := json.Marshal(refusal)
		if err != nil {
			return fmt.Errorf("encode refusal: %w", err)
		}
		send(w, r, content{refusal.Code, "application/json", append(body, '\n')})
		return nil
	}, c.site.errorJSON)
}

func (c *changes) admit(r *http.Request) error {
	if c.ops.Token == "" {
		return &Refusal{http.StatusForbidden, "nothing can be changed: the server has no ADMIN_TOKEN", "Start it with ADMIN_TOKEN set."}
	}
	if !c.limiter(r).Allow() {
		return &Refusal{http.StatusTooManyRequests, "too many changes", "Wait a few seconds."}
	}
	got, want := sha256.Sum256([]byte(r.Header.Get("Authorization"))), sha256.Sum256([]byte("Bearer "+c.ops.Token))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return &Refusal{http.StatusUnauthorized, "the token is missing or wrong", "Send Authorization: Bearer with the server's ADMIN_TOKEN."}
	}
	return nil
}

// limiter returns the client's limiter. When too many clients are remembered all
// are forgotten, which costs an attacker more addresses than it gains tries.
func (c *changes) limiter(r *http.Request) *rate.Limiter {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.clients[host]
	if !ok {
		if len(c.clients) >= mostClients {
			clear(c.clients)
		}
		l = rate.NewLimiter(changeRate, changeBurst)
		c.clients[host] = l
	}
	return l
}

// body reads a change's JSON: one object, no field that is not known.
func body(r *http.Request, into any, by *By) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &Refusal{http.StatusBadRequest, "the body is not what was expected: " + shown(err.Error(), longText), "Send one JSON object with the fields that the error names, and no others."}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &Refusal{http.StatusBadRequest, "more than one JSON value in the body", "Send one object."}
	}
	if by.Who = shown(by.Who, shortText); by.Who == "" {
		return &Refusal{http.StatusBadRequest, "it is not said who changes this", `Send {"who": "…", "why": "…"}.`}
	}
	by.Why = shown(by.Why, proseText)
	return nil
}

func (c *changes) services(w http.ResponseWriter, r *http.Request) error {
	all, err := c.ops.Schedule.Services(r.Context())
	if err != nil {
		return err
	}
	return sendJSON(w, r, all)
}

func service(r *http.Request) (contest.ServiceKey, error) {
	s, err := contest.FindService(r.PathValue("service"))
	if err != nil {
		return "", &Refusal{http.StatusNotFound, "there is no such service", "GET /api/v1/services lists them."}
	}
	return s.Key, nil
}

func (c *changes) change(w http.ResponseWriter, r *http.Request, change string) error {
	var by By
	if err := body(r, &by, &by); err != nil {
		return err
	}
	key, err := service(r)
	if err != nil {
		return err
	}
	if err := c.ops.Schedule.Change(r.Context(), key, change, by); err != nil {
		return err
	}
	return c.services(w, r)
}

func (c *changes) reschedule(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		By
		Interval string `json:"interval"`
	}
	if err := body(r, &in, &in.By); err != nil {
		return err
	}
	key, err := service(r)
	if err != nil {
		return err
	}
	if err := c.ops.Schedule.Reschedule(r.Context(), key, in.Interval, in.By); err != nil {
		return err
	}
	return c.services(w, r)
}

func (c *changes) cancel(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := body(r, &by, &by); err != nil {
		return err
	}
	id := r.PathValue("id")
	if !contest.TestID(id).Valid() {
		return ErrNotFound
	}
	run, err := c.ops.Control.Cancel(r.Context(), id, by)
	if err != nil {
		return err
	}
	return sendJSON(w, r, c.site.runJSON(run))
}

func (c *changes) stop(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := body(r, &by, &by); err != nil {
		return err
	}
	stopped, err := c.ops.Control.StopAll(r.Context(), by)
	if err != nil {
		return err
	}
	return sendJSON(w, r, map[string]int{"stopped": stopped})
}
