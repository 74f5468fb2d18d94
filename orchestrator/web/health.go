package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// The three states of a service in the health answers.
const (
	healthy   = "healthy"
	degraded  = "degraded"
	unhealthy = "unhealthy"
)

// readyTimeout bounds what a readiness probe waits for the parts it asks.
const readyTimeout = 5 * time.Second

// serviceHealthJSON is contest.ServiceHealth with its dates in UTC, so that
// equal instants are equal texts, and with one of the three states.
func serviceHealthJSON(h contest.ServiceHealth) contest.ServiceHealth {
	if h.Status != healthy && h.Status != degraded {
		h.Status = unhealthy
	}
	h.LastRunTime, h.LastSuccessTime = utc(h.LastRunTime), utc(h.LastSuccessTime)
	return h
}

func utc(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	u := t.UTC().Truncate(time.Millisecond)
	return &u
}

// health answers with every service and the worst of their states. The status
// code is 200 whatever the services do: a container is not restarted because a
// team's service, the Hub or GitHub is in trouble.
func (s *site) health(w http.ResponseWriter, r *http.Request) error {
	services, err := s.Pulse.Health(r.Context())
	if err != nil {
		return err
	}
	body := struct {
		Status   string                  `json:"status"`
		Services []contest.ServiceHealth `json:"services"`
	}{healthy, make([]contest.ServiceHealth, 0, len(services))}
	for _, h := range services {
		body.Services = append(body.Services, serviceHealthJSON(h))
		switch {
		case h.Status == degraded && body.Status == healthy:
			body.Status = degraded
		case h.Status != healthy && h.Status != degraded:
			body.Status = unhealthy
		}
	}
	return sendJSON(w, r, body)
}

// serviceHealth answers with one service, found by any of its three names.
func (s *site) serviceHealth(w http.ResponseWriter, r *http.Request) error {
	service, err := contest.FindService(r.PathValue("service"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	services, err := s.Pulse.Health(r.Context())
	if err != nil {
		return err
	}
	for _, h := range services {
		if h.ServiceName == service.Name {
			return sendJSON(w, r, serviceHealthJSON(h))
		}
	}
	return ErrNotFound
}

// alive answers a liveness probe: the process takes requests.
func (s *site) alive(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") }

// ready answers a readiness probe, with what is missing in words, and below it
// what else does not answer.
func (s *site) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	code, text := http.StatusOK, "ready"
	remarks, err := s.Pulse.Ready(ctx)
	if err != nil {
		code, text = http.StatusServiceUnavailable, shown(err.Error(), proseText)
	}
	for _, remark := range remarks {
		text += "\n" + shown(remark, proseText)
	}
	writeText(w, code, text+"\n")
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the reader may be gone; nothing is left to tell it
}
