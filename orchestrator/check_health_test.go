package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckHealth(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	answering := func(healthz, readyz int) string {
		mux := http.NewServeMux()
		mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(healthz) })
		mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(readyz)
			_, _ = w.Write([]byte("the metric store does not answer\n"))
		})
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, row := range map[string]struct {
		at   string
		code int
		want string
	}{
		"alive":          {answering(200, 200), exitDone, "alive\n"},
		"not ready":      {answering(200, 503), exitDone, "alive, and not ready: the metric store does not answer\n"},
		"broken":         {answering(500, 200), exitFailed, "is not healthy: it answered 500"},
		"nobody":         {gone.URL, exitFailed, "connection refused"},
		"no port at all": {"http://127.0.0.1:x", exitUsage, "HEALTH_CHECK_PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := "x"
			if u, err := url.Parse(row.at); err == nil {
				port = u.Port()
			}
			var out bytes.Buffer
			code := run(t.Context(), world{Args: []string{"check", "--health"}, Stdout: &out, Stderr: &out, Getenv: func(name string) string {
				if name == "HEALTH_CHECK_PORT" {
					return port
				}
				return ""
			}})
			require.Equal(t, row.code, code, out.String())
			assert.Contains(t, out.String(), row.want)
		})
	}
}

func TestNotReadyInWords(t *testing.T) {
	t.Parallel()
	assert.NoError(t, hubRefusal(0))
	assert.NoError(t, hubRefusal(http.StatusOK))
	assert.NoError(t, hubRefusal(http.StatusServiceUnavailable), "it will answer again")
	for code, away := range map[int64]bool{0: false, 200: false, 401: false, 404: false, noAnswer: true, 429: true, 500: true, 503: true} {
		assert.Equal(t, away, hubAway(code), code)
	}
	assert.ErrorContains(t, hubRefusal(http.StatusUnauthorized), "SERVICE_API_KEY")
	assert.ErrorContains(t, hubRefusal(http.StatusForbidden), "teams:read")
}
