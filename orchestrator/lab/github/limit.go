package github

import (
	"net/http"
	"time"
)

// window is one caller's hour.
type window struct {
	limit, used int
	resets      time.Time
}

// throttle is the secondary limit: so many requests more are refused.
type throttle struct {
	times int
	after time.Duration
	until time.Time
}

func (s *Server) windowOf(c caller, now time.Time) *window {
	w, known := s.windows[c.key]
	if !known || !now.Before(w.resets) {
		limit := s.options.Limit
		if c.anonymous {
			limit = s.options.AnonymousLimit
		}
		w = &window{limit: limit, resets: now.Add(time.Hour)}
		s.windows[c.key] = w
	}
	return w
}

// Spend sets how many requests every caller has left, and when its hour ends.
func (s *Server) Spend(left int, resets time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.windows {
		w.used, w.resets = w.limit-left, resets
	}
}

// Throttle makes the secondary rate limit refuse the next requests: so many of
// them, each told to come back after so long. A zero after says nothing of when.
func (s *Server) Throttle(times int, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = throttle{times: times, after: after}
}

// refuse says no for the one limit or the other.
func (s *Server) refuse(w *window, now time.Time) (answer, bool) {
	if s.throttle.times > 0 || now.Before(s.throttle.until) {
		if s.throttle.times > 0 {
			s.throttle.times--
			s.throttle.until = now.Add(s.throttle.after)
		}
		a := failure(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		a.body.(map[string]any)["documentation_url"] = docs + "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
		if s.throttle.after > 0 {
			left := s.throttle.until.Sub(now)
			a.header.Set("Retry-After", number(int64((left+time.Second-1)/time.Second)))
		}
		return a, true
	}
	if w.used >= w.limit {
		a := failure(http.StatusForbidden, "API rate limit exceeded for 203.0.113.7.")
		a.body.(map[string]any)["documentation_url"] = docs + "/overview/rate-limits-for-the-rest-api"
		return a, true
	}
	return answer{}, false
}

func (w *window) left() int { return max(0, w.limit-w.used) }

// mark writes the state of the hour into an answer's headers.
func (w *window) mark(a answer) answer {
	for name, value := range map[string]string{
		"X-RateLimit-Limit": number(int64(w.limit)), "X-RateLimit-Remaining": number(int64(w.left())),
		"X-RateLimit-Used": number(int64(w.used)), "X-RateLimit-Reset": number(w.resets.Unix()), "X-RateLimit-Resource": "core",
	} {
		a.header.Set(name, value)
	}
	return a
}

// overview is the body of GET /rate_limit.
func (w *window) overview() map[string]any {
	core := map[string]any{"limit": w.limit, "used": w.used, "remaining": w.left(), "reset": w.resets.Unix(), "resource": "core"}
	return map[string]any{"resources": map[string]any{"core": core}, "rate": core}
}
