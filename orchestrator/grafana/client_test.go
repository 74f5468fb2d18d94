package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/prom"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		cfg  Config
		want string
	}{
		"no URL":                 {Config{}, "grafana URL: want one that starts with http:// or https://"},
		"no host":                {Config{URL: "https:///grafana"}, "grafana URL: want one"},
		"another scheme":         {Config{URL: "ftp://hunter2@x"}, "grafana URL: want one"},
		"not a URL":              {Config{URL: "https://hunter2@x y"}, "grafana URL: want one"},
		"credentials in it":      {Config{URL: "https://u:hunter2@x"}, "it holds credentials, which belong beside it"},
		"a token and a user":     {Config{URL: "https://x", Token: "hunter2", Username: "u", Password: "hunter2"}, "not both"},
		"a broken token":         {Config{URL: "https://x", Token: "hunter2\nX: y"}, "characters that no token has"},
		"a user alone":           {Config{URL: "https://x", Username: "u"}, "no password"},
		"a user with a colon":    {Config{URL: "https://x", Username: "u:v", Password: "hunter2"}, "colon"},
		"nobody":                 {Config{URL: "https://x"}, ""},
		"a token with a newline": {Config{URL: "https://x", Token: "hunter2\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(row.cfg)
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://grafana.example.org/api":          "https://grafana.example.org",
		"https://grafana.example.org/api/":         "https://grafana.example.org",
		"https://grafana.example.org":              "https://grafana.example.org",
		"http://example.org:3000/grafana/":         "http://example.org:3000/grafana",
		"https://hub.example.org/grafana/api":      "https://hub.example.org/grafana",
		"https://hub.example.org/grafana?orgId=1#": "https://hub.example.org/grafana",
		"https://hub.example.org/myapi":            "https://hub.example.org/myapi",
	} {
		got, err := apart(given)
		require.NoError(t, err, given)
		require.Equal(t, want, got, given)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	cfg := Config{URL: "https://x", Username: "u", Password: "hunter2"}
	c, err := New(cfg)
	require.NoError(t, err)
	token, err := New(Config{URL: "https://x", Token: "hunter2"})
	require.NoError(t, err)
	proxy := token.Proxy("uid")
	require.Equal(t, "hunter2", string(proxy.Token))
	for _, v := range []any{cfg, c, *c, token, *token, proxy, c.Proxy("uid")} {
		doc, err := json.Marshal(v)
		require.NoError(t, err)
		for _, text := range []string{string(doc), fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v)} {
			require.NotContains(t, text, "hunter2")
		}
	}
}

// Whatever stands at the address, the error names it and tells no secret.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	const secret = "glsa_hunter2"
	for name, row := range map[string]struct {
		handler   http.HandlerFunc
		want      string
		temporary bool
	}{
		"a login page": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>login") }, "answered 200: the answer is not one of Grafana's API", false},
		"another JSON": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"up"}`) }, "not one of Grafana's API", false},
		"cut off":      {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"database":"ok"`) }, "not one of Grafana's API", false},
		"less than promised": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
		}, "the answer broke off", false},
		"a secret echoed": {func(w http.ResponseWriter, r *http.Request) {
			answer(w, 400, map[string]any{"message": "bad " + r.Header.Get("Authorization")})
		}, "answered 400: bad Bearer <secret>", false},
		"words over lines": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 500, map[string]any{"message": "a\n\x1b[31mb" + strings.Repeat("x", 999)})
		}, "answered 500: a [31mbxxx", true},
		"an unavailable one": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "answered 503: no reason given", true},
		"a busy one":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, "answered 429", true},
		"nobody":             {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "no answer", true},
		"one that never ends": {func(w http.ResponseWriter, _ *http.Request) {
			for block := make([]byte, 1<<20); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "the answer is too large", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(row.handler)
			t.Cleanup(server.Close)
			_, err := client(t, Config{URL: server.URL, Token: secret}).Health(t.Context())
			require.ErrorContains(t, err, "ask grafana how it is: ")
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 400)
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Equal(t, row.temporary, e.Temporary())
		})
	}
}

// A redirect is told and not followed: its target would be handed the token.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(thief.Close)
	server := httptest.NewServer(http.RedirectHandler(thief.URL+"/login?token=hunter2", http.StatusFound))
	t.Cleanup(server.Close)
	_, err := client(t, Config{URL: server.URL, Token: "glsa_x"}).Health(t.Context())
	require.EqualError(t, err, "ask grafana how it is: grafana answered 302: a redirect, which is not followed: it leads to "+thief.URL)
}

func TestEachCallHasADeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	_, err := client(t, Config{URL: server.URL, Timeout: 10 * time.Millisecond}).Health(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The road of Proxy serves the client of Prometheus as it is.
func TestProxyServesPrometheusClient(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for name, cfg := range map[string]Config{
		"token": {Token: viewer}, "password": {Username: "hackload", Password: "swordfish"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.URL = f.URL + "/grafana"
			road := client(t, cfg).Proxy("prom1")
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			p, err := prom.New(prom.Config{URL: road.URL, BearerToken: string(road.Token), Username: road.Username, Password: string(road.Password), Transport: transport})
			require.NoError(t, err)
			samples, err := p.Query(t.Context(), "vector(1)", time.Now())
			require.NoError(t, err)
			require.Len(t, samples, 1)
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.proxied, 2)
	require.Equal(t, "/grafana/api/datasources/proxy/uid/prom1/api/v1/query", f.proxied[0].URL.Path)
	require.Equal(t, "https://x/api/datasources/proxy/uid/a%2Fb", client(t, Config{URL: "https://x"}).DataSourceProxyURL("a/b"))
}
