package metricstore

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// Handler lets tests send requests that seem to come from elsewhere.
func (s *Store) Handler() http.Handler { return s.handler() }

// HashToken is the form of a token that is stored.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
