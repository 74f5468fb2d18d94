package biletter

import (
	"net/http"
	"strings"
)

// The kinds of services that serve the test instead of users. They are no part
// of the sample contest: organisers' suspicions are tried on them.
const (
	TwoFaced Kind = "twofaced" // finds one event for load generators, and all for others
	Choosy   Kind = "choosy"   // lists events for load generators only
	Hollow   Kind = "hollow"   // finds no event, ever
	Canned   Kind = "canned"   // finds the same events whatever is asked, and opens one booking for all
	Borrowed Kind = "borrowed" // leads to another team's service, see Options.Lender
)

// Cheats lists the teams of these kinds.
func Cheats() []Team {
	return []Team{
		{Slug: "twofaced", Name: "Two Faces", Kind: TwoFaced, Endpoint: true, Serves: true},
		{Slug: "choosy", Name: "Choosy Doorman", Kind: Choosy, Endpoint: true, Serves: true},
		{Slug: "hollow", Name: "Hollow Promise", Kind: Hollow, Endpoint: true, Serves: true},
		{Slug: "canned", Name: "Canned Laughter", Kind: Canned, Endpoint: true, Serves: true},
	}
}

const (
	cannedEvents  = `[{"id":1,"title":"Концерт на стадионе"},{"id":2,"title":"Лекция"},{"id":3,"title":"Наурыз"}]`
	cannedBooking = `{"id":7}`
	oneEvent      = `[{"id":1,"title":"Концерт на стадионе"}]`
)

// cheating lays a cheat over the whole service; nil where the kind is none.
func cheating(kind Kind, o Options) func(http.Handler) http.Handler {
	switch kind {
	case TwoFaced:
		return answering(func(r *http.Request) bool { return isSearch(r) && isGenerator(r) }, http.StatusOK, oneEvent)
	case Choosy:
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if isSearch(r) && !isGenerator(r) {
					http.Error(w, "we are closed", http.StatusServiceUnavailable)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	case Hollow:
		return answering(isSearch, http.StatusOK, "[]")
	case Canned:
		return func(next http.Handler) http.Handler {
			return answering(isSearch, http.StatusOK, cannedEvents)(answering(isOpening, http.StatusCreated, cannedBooking)(next))
		}
	case Borrowed:
		return func(http.Handler) http.Handler { return o.Lender }
	}
	return nil
}

func isSearch(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == "/api/events"
}

func isOpening(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/api/bookings"
}

// isGenerator knows load generators by the name that they give.
func isGenerator(r *http.Request) bool {
	return strings.Contains(r.UserAgent(), "loadgen") || strings.Contains(r.UserAgent(), "k6")
}

// answering answers some requests with a canned body.
func answering(which func(*http.Request) bool, code int, body string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if which(r) {
				sendEncoded(w, code, []byte(body))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
