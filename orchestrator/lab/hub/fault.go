package hub

import (
	"bytes"
	"io"
	"net/http"
)

// Fault is how one request goes wrong. The zero value changes nothing.
type Fault struct {
	// Status, when set, is answered with Body and Header instead of doing
	// anything.
	Status int
	Header http.Header
	Body   string
	// Hang never answers: it waits until the caller gives up, and does nothing.
	Hang bool
	// Truncate does the work and answers with half of the body.
	Truncate bool
	// DropAnswer does the work and then breaks the connection.
	DropAnswer bool
}

// FaultFunc decides what goes wrong with a request; nil means nothing.
type FaultFunc func(*http.Request) *Fault

// Fail lets f decide what goes wrong from now on; nil ends all faults.
func (h *Hub) Fail(f FaultFunc) {
	if f == nil {
		h.fault.Store(nil)
		return
	}
	h.fault.Store(&f)
}

// faulty serves with the faults that Fail asked for.
func (h *Hub) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if decide := h.fault.Load(); decide != nil {
			if fault := (*decide)(r); fault != nil {
				fault.serve(w, r, next)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (f *Fault) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch {
	case f.Hang:
		// net/http notices that a caller is gone only once the body is read.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
		<-r.Context().Done()
	case f.Status != 0:
		for name, values := range f.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	case f.DropAnswer:
		next.ServeHTTP(newBuffered(), r)
		panic(http.ErrAbortHandler)
	case f.Truncate:
		answer := newBuffered()
		next.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()[:answer.body.Len()/2])
	default:
		next.ServeHTTP(w, r)
	}
}

// buffered keeps an answer instead of sending it.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newBuffered() *buffered { return &buffered{header: http.Header{}, status: http.StatusOK} }

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }
