package web

import (
	"net/http"
	"strings"
	"time"
)

// view is what of the contest a request may see.
type view struct {
	frozen    bool // the freeze has come
	organiser bool
	until     time.Time // results are shown as they were then; zero: as they are
}

// viewOf decides what a request may see: from the freeze on everyone sees the
// results of that instant, and only organisers what came later. They prove
// themselves by their session, or by the server's token.
func (s *site) viewOf(r *http.Request) view {
	v := view{frozen: !s.FreezeAt.IsZero() && !s.Now().Before(s.FreezeAt), organiser: s.organiser(r)}
	if v.frozen && !v.organiser {
		v.until = s.FreezeAt
	}
	return v
}

func (s *site) organiser(r *http.Request) bool {
	if _, ok := s.sessions.of(r); ok {
		return true
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		return false
	}
	known := ""
	if s.Operations != nil {
		known = s.Operations.Token
	}
	return known != "" && sameSecret(token, known)
}

// hides reports whether a run is none of what the view shows.
func (v view) hides(r RunRecord) bool { return !v.until.IsZero() && !r.Run.JudgedBy(v.until) }

// keep tells caches that what organisers see is nobody else's.
func (v view) keep(h http.Header) {
	if v.organiser {
		h.Set("Cache-Control", "no-store")
	}
	h.Add("Vary", "Authorization, Cookie")
}

// seeing hands h what the request may see.
func (s *site) seeing(h func(http.ResponseWriter, *http.Request, view) error) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := s.viewOf(r)
		v.keep(w.Header())
		return h(w, r, v)
	}
}
