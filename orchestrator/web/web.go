package web

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// requestTimeout bounds the reads of the state that one request may cause.
const requestTimeout = 10 * time.Second

// Config is what the pages are built from. Board, Archive and Pulse are
// required; everything else has a default.
type Config struct {
	Board   Board
	Archive Archive
	Pulse   Pulse

	// Course tells how a run goes over time while its evidence does not; nil
	// where nothing is known of it. May be nil itself.
	Course func(ctx context.Context, run contest.Run) (*contest.Course, error)

	Operations *Operations // what organisers may change; nil: nothing is served of it
	Organisers *Organisers // the same on pages; nil: there are none
	Limits     Limits      // how often may be asked

	FreezeAt  time.Time        // from then on results are shown as they were then, but to organisers; zero: never
	Now       func() time.Time // nil means time.Now
	PublicURL string           // prefix of the links in JSON answers; empty makes them relative
	Timezone  *time.Location   // zone of the times on pages; nil means UTC
	Version   string           // shown in the footer
	Log       *slog.Logger     // nil discards
}

// site serves all of it. It holds nothing that changes.
type site struct {
	Config
	pages    map[string]pages // by language
	words    map[string]words
	live     live
	recent   memo[content] // the results page, by language and view
	assets   map[string]asset
	sessions *sessions // of organisers
	courses  *courses  // of runs that have none in their evidence
}

// New returns the handler of the public port: pages, JSON API, health and
// probes. It answers GET and HEAD only, and the changes of Operations and
// Organisers.
func New(c Config) http.Handler {
	all := serves(c)
	return guarded(newThrottle(c.Limits, all.organisers).guard(all.mux))
}

// serves builds all that New serves.
func serves(c Config) *routes {
	if c.Timezone == nil {
		c.Timezone = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	s := &site{Config: c, assets: loadAssets(), sessions: newSessions(), courses: newCourses(c.Course), pages: map[string]pages{}, words: map[string]words{}}
	for _, lang := range languages() {
		s.words[lang] = words{zone: c.Timezone, lang: lang, phrases: loadPhrases(lang), kinds: loadKinds(lang)}
		s.pages[lang] = loadPages(s.words[lang], s.assets)
	}

	all := &routes{mux: http.NewServeMux(), organisers: s.organiser}
	page := func(pattern string, h answer) { all.add("GET "+pattern, s.try(h, s.errorPage)) }
	data := func(pattern string, h answer) { s.data(all, "GET "+pattern, h) }

	page("/{$}", s.seeing(s.results))
	page("/teams/{slug}", s.seeing(s.team))
	page("/runs/{id}", s.seeing(s.run))
	page("/", s.missing)
	all.add("GET /events", http.HandlerFunc(s.events))
	for path, a := range s.assets {
		all.add("GET "+path, a)
	}
	data("/api/v1/results", s.seeing(s.apiResults))
	data("/api/v1/results.csv", s.seeing(s.resultsCSV))
	data("/api/v1/teams/{slug}", s.seeing(s.apiTeam))
	data("/api/v1/runs", s.seeing(s.apiRuns))
	data("/api/v1/runs/{id}", s.seeing(s.apiRun))
	data("/api/v1/runs/{id}/evidence", s.seeing(s.apiEvidence))
	data("/api/v1/runs/{id}/record", s.seeing(s.download))
	data("/api/v1/openapi.json", s.document)
	data("/api/", s.missing)
	data("/health", s.health)
	data("/health/{service}", s.serviceHealth)
	if c.Operations != nil {
		s.operate(all, c.Operations)
	}
	if c.Organisers != nil {
		s.organise(all.mux, c.Organisers)
	}
	all.add("GET /healthz", http.HandlerFunc(s.alive))
	all.add("GET /readyz", http.HandlerFunc(s.ready))
	return all
}

// answer handles one request. Nothing has been written when it fails.
type answer func(w http.ResponseWriter, r *http.Request) error

// try runs h with a deadline and turns its error into an answer by fail. It is
// the one place where the package logs.
func (s *site) try(h answer, fail func(http.ResponseWriter, *http.Request, int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		err := h(w, r.WithContext(ctx))
		switch {
		case err == nil:
		case errors.Is(err, ErrNotFound):
			fail(w, r, http.StatusNotFound)
		case r.Context().Err() != nil: // the reader has gone away
		default:
			s.Log.ErrorContext(r.Context(), "answer request", "path", r.URL.Path, "error", err)
			fail(w, r, http.StatusInternalServerError)
		}
	}
}

func (s *site) missing(http.ResponseWriter, *http.Request) error { return ErrNotFound }

// record finds the run that the path names, if its id can be one at all.
func (s *site) record(r *http.Request, v view) (RunRecord, error) {
	id := r.PathValue("id")
	if !contest.TestID(id).Valid() {
		return RunRecord{}, ErrNotFound
	}
	rec, err := s.Archive.Run(r.Context(), id)
	if err == nil && v.hides(rec) {
		return RunRecord{}, ErrNotFound
	}
	return rec, err
}

// guarded adds the headers that keep a browser from doing with our pages what
// they do not need: no script but ours, no frames, no requests to anyone else.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// asset is an embedded file that is served under a name of its own content, so
// that a browser may keep it for ever.
type asset struct {
	path, contentType string
	body              []byte
}

// ServeHTTP writes the file.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

func loadAssets() map[string]asset {
	found := map[string]asset{}
	for name, contentType := range map[string]string{
		"style.css":   "text/css; charset=utf-8",
		"favicon.svg": "image/svg+xml",
		"live.js":     "text/javascript; charset=utf-8",
	} {
		body, err := fs.ReadFile(files, "templates/"+name)
		if err != nil {
			panic(err) // the file is compiled in
		}
		stem, ext, _ := strings.Cut(name, ".")
		a := asset{path: "/" + stem + "-" + sha256Hex(body)[:12] + "." + ext, contentType: contentType, body: body}
		found[a.path] = a
	}
	return found
}
