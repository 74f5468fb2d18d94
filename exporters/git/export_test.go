package git

import "net/http"

// NewLimiter opens the limiter to tests in a bubble of fake time, where no real
// socket may be.
func NewLimiter(perSecond float64, next http.RoundTripper) http.RoundTripper {
	return newLimiter(Config{PerSecond: perSecond}.withDefaults(), next)
}

// NewCached opens the conditional requests to tests.
func NewCached(c Cache, next http.RoundTripper) http.RoundTripper {
	return &cached{next: next, cache: c}
}
