package metricstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// tokens knows who may write which testid. It holds hashes only, so that a dump
// of memory or of the state database gives no token away.
type tokens struct {
	mu     sync.RWMutex
	owner  map[[sha256.Size]byte]contest.TestID
	hashes map[contest.TestID][sha256.Size]byte
}

// Authorise lets the bearer of token write the series of testid. A testid has
// one token: a second call replaces the first one's.
func (s *Store) Authorise(testid contest.TestID, token string) error {
	if token == "" {
		return errors.New("authorise writes: the token is empty")
	}
	return s.tokens.put(testid, sha256.Sum256([]byte(token)))
}

// AuthoriseHash is Authorise for a caller that kept only the token's SHA-256 in
// hexadecimal, as HashToken gives it: after a restart of the process.
func (s *Store) AuthoriseHash(testid contest.TestID, hash string) error {
	raw, err := hex.DecodeString(hash)
	if err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("authorise writes of %q: want a SHA-256 in hexadecimal", testid)
	}
	return s.tokens.put(testid, [sha256.Size]byte(raw))
}

// Revoke makes the token of testid worthless. Its series stay.
func (s *Store) Revoke(testid contest.TestID) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	delete(s.tokens.owner, s.tokens.hashes[testid])
	delete(s.tokens.hashes, testid)
}

func (t *tokens) put(testid contest.TestID, hash [sha256.Size]byte) error {
	if !testid.Valid() {
		return fmt.Errorf("authorise writes: %q is no testid", testid)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if other, taken := t.owner[hash]; taken && other != testid {
		return fmt.Errorf("authorise writes of %q: the token already belongs to another testid", testid)
	}
	if t.owner == nil {
		t.owner = map[[sha256.Size]byte]contest.TestID{}
		t.hashes = map[contest.TestID][sha256.Size]byte{}
	}
	delete(t.owner, t.hashes[testid])
	t.owner[hash], t.hashes[testid] = testid, hash
	return nil
}

// find returns the testid that the bearer of a request may write. Comparing
// hashes of secrets tells nothing by its timing.
func (t *tokens) find(r *http.Request) (contest.TestID, bool) {
	token, ok := bearer(r)
	if !ok {
		return "", false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	testid, ok := t.owner[sha256.Sum256([]byte(token))]
	return testid, ok
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", false
	}
	return token, true
}
