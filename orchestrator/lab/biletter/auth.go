package biletter

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// memberHandler serves a request of a known user.
type memberHandler func(w http.ResponseWriter, r *http.Request, user int64)

// member lets only active users with the right password through; everybody else
// gets a 401 that does not tell which of the three was wrong.
func (s *Service) member(next memberHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, ok := s.authenticate(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="biletter", charset="UTF-8"`)
			http.Error(w, "unknown user or wrong password", http.StatusUnauthorized)
			return
		}
		next(w, r, user)
	}
}

// authenticate reads the Basic credentials, which net/http splits at the first
// colon, so that a password may hold more of them.
func (s *Service) authenticate(r *http.Request) (user int64, ok bool) {
	email, password, ok := r.BasicAuth()
	if !ok {
		return 0, false
	}
	// The comparison takes the same time for an unknown user: the zero hash is
	// the hash of no password.
	known := s.world.members[email]
	given := sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(given[:], known.password[:]) == 1
	return known.id, same && known.active
}
