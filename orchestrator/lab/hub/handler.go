package hub

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// maxBody is the most of a request's body that is read, in bytes.
const maxBody = 16 << 20

// Handler returns the service API. It may be served by any number of servers.
func (h *Hub) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		pattern    string
		permission string
		serve      func(*http.Request) answer
	}{
		{"GET /api/service/teams", TeamsRead, h.getTeams},
		{"GET /api/service/teams/environment", EnvironmentRead, h.getEnvironment},
		{"PUT /api/service/teams/environment", EnvironmentWrite, h.putEnvironment},
		{"PUT /api/service/teams/{slug}/environment/{key}", EnvironmentWrite, h.putVariable},
		{"DELETE /api/service/teams/{slug}/environment/{key}", EnvironmentWrite, h.deleteVariable},
		{"GET /api/service/team-criteria", EnvironmentRead, h.getCriteria},
		{"POST /api/service/team-criteria", EnvironmentWrite, h.postCriteria},
		{"GET /api/service/team-criteria/{slug}/{type}", EnvironmentRead, h.getCriterion},
		{"PUT /api/service/team-criteria/{slug}/{type}", EnvironmentWrite, h.putCriterion},
	} {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			h.authorised(r, route.permission, route.serve).write(w)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body><h1>404</h1>This page could not be found.</body></html>")
	})
	return h.faulty(mux)
}

// answer is a status and a body to be written as JSON.
type answer struct {
	status int
	body   any
}

func ok(body any) answer { return answer{http.StatusOK, body} }

func failed(status int, message string) answer {
	return answer{status, map[string]string{"error": message}}
}

// internalError is the Hub's answer to an invalid body and to its own failures
// alike.
func internalError() answer { return failed(http.StatusInternalServerError, "Internal server error") }

func teamNotFound() answer { return failed(http.StatusNotFound, "Team not found") }

func (a answer) write(w http.ResponseWriter) {
	body, err := json.Marshal(a.body)
	if err != nil {
		a.status, body = http.StatusInternalServerError, []byte(`{"error":"Internal server error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the caller is gone if this fails
}

// authorised checks key and permission before anything else is looked at, and
// notes the use of the key.
func (h *Hub) authorised(r *http.Request, permission string, serve func(*http.Request) answer) answer {
	// What was begun is finished even when the caller hangs up, as in the Hub.
	ctx := context.WithoutCancel(r.Context())
	r = r.WithContext(ctx)
	caller, known := h.authenticate(ctx, r.Header.Get("X-API-Key"))
	if !known {
		return failed(http.StatusUnauthorized, "Invalid API key")
	}
	a := failed(http.StatusForbidden, "Insufficient permissions")
	if caller.may(permission) {
		a = serve(r)
	}
	h.logUsage(ctx, caller, usage{
		endpoint: r.URL.Path, method: r.Method, userAgent: r.UserAgent(), success: a.status == http.StatusOK,
	})
	return a
}

// readBody returns the request's body as a JSON object, or false.
func readBody(r *http.Request) (map[string]json.RawMessage, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, false
	}
	return object(body)
}

// object reads a JSON object; null and everything else is false.
func object(raw []byte) (map[string]json.RawMessage, bool) {
	var o map[string]json.RawMessage
	err := json.Unmarshal(raw, &o)
	return o, err == nil && o != nil
}
