// Package github is a small GitHub of our own: the part of its REST API that
// tells of repositories, for a whole contest on one machine and for tests.
//
// In come the API's HTTP requests; out go the answers that the real GitHub
// gives, in its JSON and with its oddities: a repository that was renamed is a
// 301 to its number, one without a commit a 409 for its commits and a 204 for
// its contributors, a blocked one a 451, a private one a 404 for whoever may not
// see it. Entity tags depend on the credentials, a 304 is free only for callers
// with credentials, and both of the rate limits are kept, in the headers too.
//
// Everything is in memory and follows the clock that it was given. Faults can be
// injected with Fail: answers that are late, broken or wrong.
package github

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options sets what a Server knows. The zero value is an empty GitHub.
type Options struct {
	Now            func() time.Time // nil: time.Now
	Repos          []Repo
	Tokens         []string // tokens that are good; none: every token is
	Limit          int      // requests per hour of a caller with credentials; default 5000
	AnonymousLimit int      // requests per hour of all others; default 60
	App            *App     // a GitHub App; nil: there is none
}

// Server is the API as an http.Handler. Make one with New.
type Server struct {
	options Options
	fault   atomic.Pointer[FaultFunc]

	mu       sync.Mutex
	repos    []Repo
	windows  map[string]*window // by credentials
	throttle throttle
	issued   map[string]time.Time // tokens of installations, until when
	counts   Counts
}

// Counts is what was asked so far.
type Counts struct {
	Requests    int // all of them
	Charged     int // those that were taken off a caller's hourly limit
	NotModified int // those that were answered 304
	Refused     int // those that a rate limit refused
}

// New returns a server. It starts nothing.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limit == 0 {
		o.Limit = 5000
	}
	if o.AnonymousLimit == 0 {
		o.AnonymousLimit = 60
	}
	return &Server{options: o, repos: o.Repos, windows: map[string]*window{}, issued: map[string]time.Time{}}
}

// SetRepos replaces all repositories.
func (s *Server) SetRepos(repos ...Repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos = repos
}

// Counts returns what was asked so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if decide := s.fault.Load(); decide != nil {
		if fault := (*decide)(r); fault != nil {
			fault.serve(w, r)
			return
		}
	}
	s.mu.Lock()
	a := s.decide(r)
	s.mu.Unlock()
	a.write(w)
}

// decide gives the answer and does the book-keeping of limits. The lock is held.
func (s *Server) decide(r *http.Request) answer {
	s.counts.Requests++
	if r.UserAgent() == "" {
		return failure(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
	}
	if r.URL.Path == "/app/installations" || strings.HasPrefix(r.URL.Path, "/app/") {
		return s.asApp(r)
	}
	c, ok := s.authenticate(r)
	if !ok {
		return failure(http.StatusUnauthorized, "Bad credentials")
	}
	if r.Method != http.MethodGet {
		return failure(http.StatusNotFound, "Not Found")
	}
	now := s.options.Now()
	win := s.windowOf(c, now)
	if r.URL.Path == "/rate_limit" {
		return win.mark(ok200(win.overview()))
	}
	if a, refused := s.refuse(win, now); refused {
		s.counts.Refused++
		return win.mark(a)
	}
	a := s.route(r, c)
	a.tag(r)
	if a.status == http.StatusNotModified {
		s.counts.NotModified++
	}
	// A 304 is free, but only for callers that said who they are.
	if a.status != http.StatusNotModified || c.anonymous {
		win.used++
		s.counts.Charged++
	}
	return win.mark(a)
}

// route finds what a path means: repos/{owner}/{name}, or repositories/{id} as
// the API's own links have it, with what follows.
func (s *Server) route(r *http.Request, c caller) answer {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var repo Repo
	var found bool
	var rest []string
	switch {
	case len(parts) >= 3 && parts[0] == "repos":
		repo, found = s.byName(parts[1], parts[2])
		rest = parts[3:]
	case len(parts) >= 2 && parts[0] == "repositories":
		repo, found = s.byID(parts[1])
		rest = parts[2:]
	}
	if !found || repo.Private && c.anonymous {
		return failure(http.StatusNotFound, "Not Found")
	}
	if repo.MovedTo != "" {
		return s.moved(r, repo, rest)
	}
	if repo.Blocked {
		return blocked(repo)
	}
	v := view{repo: repo, now: s.options.Now(), base: baseOf(r), query: r.URL.Query()}
	switch strings.Join(rest, "/") {
	case "":
		return ok200(v.repository())
	case "commits":
		return v.commits()
	case "contributors":
		return v.contributors()
	}
	return failure(http.StatusNotFound, "Not Found")
}

// moved sends the caller to the number of the repository that took its place.
func (s *Server) moved(r *http.Request, old Repo, rest []string) answer {
	owner, name, _ := strings.Cut(old.MovedTo, "/")
	now, found := s.byName(owner, name)
	if !found {
		return failure(http.StatusNotFound, "Not Found")
	}
	to := baseOf(r) + "/repositories/" + now.number()
	if len(rest) > 0 {
		to += "/" + strings.Join(rest, "/")
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	a := answer{status: http.StatusMovedPermanently, header: http.Header{}, body: map[string]any{
		"message": "Moved Permanently", "url": to, "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
	}}
	a.header.Set("Location", to)
	return a
}

func (s *Server) byName(owner, name string) (Repo, bool) {
	for _, repo := range s.repos {
		if strings.EqualFold(repo.Owner, owner) && strings.EqualFold(repo.Name, name) {
			return repo, true
		}
	}
	return Repo{}, false
}

func (s *Server) byID(id string) (Repo, bool) {
	for _, repo := range s.repos {
		if repo.number() == id {
			return repo, true
		}
	}
	return Repo{}, false
}

// baseOf returns the address that the API is reached by.
func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
