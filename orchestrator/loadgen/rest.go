package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// phaseCode is where a test stands, in the numbers of k6's REST API.
type phaseCode int32

const (
	phaseCreated  phaseCode = 0
	phaseInitVUs  phaseCode = 1
	phaseInitDone phaseCode = 3
	phasePaused   phaseCode = 4 // waits for a start, before setup
	phaseStarted  phaseCode = 5
	phaseSetup    phaseCode = 6
	phaseRunning  phaseCode = 7
	phaseTeardown phaseCode = 8
	phaseEnded    phaseCode = 9
)

func (e *engine) enterPhase(p phaseCode) { e.state.Store(int32(p)) }

// gate holds a test back until someone opens it, once.
type gate struct {
	mu     sync.Mutex
	closed bool
	opened chan struct{}
}

func newGate(closed bool) *gate { return &gate{closed: closed, opened: make(chan struct{})} }

// set opens or closes the gate; one that has been passed cannot be closed.
func (g *gate) set(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed && !closed {
		close(g.opened)
	}
	if !g.closed && closed {
		g.opened = make(chan struct{})
	}
	g.closed = closed
}

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// wait returns when the gate is open or ctx is done.
func (g *gate) wait(ctx context.Context) {
	g.mu.Lock()
	closed, opened := g.closed, g.opened
	g.mu.Unlock()
	if !closed {
		return
	}
	select {
	case <-opened:
	case <-ctx.Done():
	}
}

// Limits of the REST API: its callers are a starter, a probe and people.
const (
	restHeaderTimeout = 5 * time.Second
	restTimeout       = 10 * time.Second
	restBody          = 64 << 10
	restGrace         = time.Second
	profileTimeout    = 2 * time.Minute // of an answer, where a profile is one

	defaultAddress = "localhost:6565" // k6's
)

var errStopped = coded(exitStopped, "stopped through the REST API")

// serveREST answers k6's REST API at the address of --address until it is
// stopped: status with start and stop, metrics, groups. It listens before it
// returns, so that a probe finds it from the first moment on.
func (e *engine) serveREST() (stop func(), err error) {
	address := e.flags.address
	if address == "" && e.flags.profiling {
		address = defaultAddress
	}
	if address == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, coded(exitCannotListen, "--address: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, e.status()) })
	mux.HandleFunc("PATCH /v1/status", e.change)
	mux.HandleFunc("GET /v1/metrics", func(w http.ResponseWriter, _ *http.Request) { answer(w, e.metrics()) })
	mux.HandleFunc("GET /v1/metrics/{id}", e.metric)
	mux.HandleFunc("GET /v1/groups", func(w http.ResponseWriter, _ *http.Request) { answer(w, e.groups()) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there is no such resource")
	})
	server := &http.Server{
		Handler: http.MaxBytesHandler(mux, restBody), ReadHeaderTimeout: restHeaderTimeout, ReadTimeout: restTimeout, WriteTimeout: restTimeout,
	}
	if e.flags.profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		server.WriteTimeout = profileTimeout
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			e.log.Error("the REST API ended early", "error", err)
		}
	}()
	return func() {
		grace, cancel := context.WithTimeout(context.Background(), restGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
		<-ended
	}, nil
}

// object is a JSON object.
type object = map[string]any

func resource(kind, id string, attributes object) object {
	return object{"type": kind, "id": id, "attributes": attributes}
}

func (e *engine) status() any {
	phase := phaseCode(e.state.Load())
	return resource("status", "default", object{
		"status": phase, "paused": e.gate.isClosed(), "stopped": phase >= phaseEnded,
		"running": phase > phasePaused && phase < phaseEnded, "tainted": e.tainted.Load(),
		"vus": e.config.Test.Active.Load(), "vus-max": e.config.Test.Initialised.Load(),
	})
}

// change starts, pauses or stops the test.
func (e *engine) change(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Data struct {
			Attributes struct {
				Paused  *bool  `json:"paused"`
				Stopped bool   `json:"stopped"`
				VUs     *int64 `json:"vus"`
				VUsMax  *int64 `json:"vus-max"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "the body is no status resource: "+err.Error())
		return
	}
	asked := in.Data.Attributes
	switch {
	case asked.Stopped:
		e.stop(errStopped)
	case asked.VUs != nil || asked.VUsMax != nil:
		refuse(w, http.StatusBadRequest, "the number of virtual users is the scenarios' and cannot be changed from outside")
		return
	case asked.Paused != nil && *asked.Paused && phaseCode(e.state.Load()) > phasePaused:
		refuse(w, http.StatusBadRequest, "a test can be paused before it has begun, not afterwards")
		return
	case asked.Paused != nil:
		e.gate.set(*asked.Paused)
	}
	answer(w, e.status())
}

func (e *engine) summary() object {
	return output.Summary{Snapshot: e.agg.Snapshot(), TrendStats: e.options.SummaryTrendStats}.Data()
}

func (e *engine) metrics() []object {
	all := []object{}
	for name, m := range e.summary()["metrics"].(object) {
		m := m.(object)
		all = append(all, resource("metrics", name, object{
			"type": m["type"], "contains": m["contains"], "tainted": tainted(m["thresholds"]), "sample": m["values"],
		}))
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return all
}

// tainted is null for a metric without thresholds.
func tainted(thresholds any) any {
	rules, ok := thresholds.(object)
	if !ok {
		return nil
	}
	for _, rule := range rules {
		if rule.(object)["ok"] == false {
			return true
		}
	}
	return false
}

func (e *engine) metric(w http.ResponseWriter, r *http.Request) {
	for _, m := range e.metrics() {
		if m["id"] == r.PathValue("id") {
			answer(w, m)
			return
		}
	}
	refuse(w, http.StatusNotFound, "no metric of that name has a sample")
}

// groups lists the groups, the root first, each with its checks.
func (e *engine) groups() []object {
	var all []object
	var walk func(g object, parent any)
	walk = func(g object, parent any) {
		under := []object{}
		for _, sub := range g["groups"].([]any) {
			under = append(under, object{"type": "groups", "id": sub.(object)["id"]})
		}
		one := resource("groups", fmt.Sprint(g["id"]), object{"name": g["name"], "path": g["path"], "checks": g["checks"]})
		one["relationships"] = object{"groups": object{"data": under}, "parent": object{"data": parent}}
		all = append(all, one)
		for _, sub := range g["groups"].([]any) {
			walk(sub.(object), object{"type": "groups", "id": g["id"]})
		}
	}
	walk(e.summary()["root_group"].(object), nil)
	return all
}

func answer(w http.ResponseWriter, data any) { write(w, http.StatusOK, object{"data": data}) }

func refuse(w http.ResponseWriter, code int, why string) {
	write(w, code, object{"errors": []object{{"status": fmt.Sprint(code), "title": http.StatusText(code), "detail": why}}})
}

func write(w http.ResponseWriter, code int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(`{"errors":[{"title":"the state cannot be told"}]}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(text) // the caller may be gone; nothing is left to tell it
}
