package github

import (
	"io"
	"net/http"
)

// Fault is how one request goes wrong. The zero value answers an empty 200.
type Fault struct {
	Status int // default 200
	Header http.Header
	Body   string
	Hang   bool // never answers: waits until the caller gives up
	Drop   bool // breaks the connection
}

// FaultFunc decides what goes wrong with a request; nil means nothing. It is
// called by many requests at once.
type FaultFunc func(*http.Request) *Fault

// Fail lets f decide what goes wrong from now on; nil ends all faults.
func (s *Server) Fail(f FaultFunc) {
	if f == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&f)
}

func (f *Fault) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Hang:
		<-r.Context().Done()
	case f.Drop:
		panic(http.ErrAbortHandler)
	default:
		for name, values := range f.Header {
			w.Header()[name] = values
		}
		if f.Status != 0 {
			w.WriteHeader(f.Status)
		}
		_, _ = io.WriteString(w, f.Body)
	}
}
