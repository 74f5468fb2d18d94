package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
)

const (
	grafanaEditor = "glsa_editor"
	grafanaViewer = "glsa_viewer"
)

// grafanaFake answers as Grafana 12 does below /grafana, for tokens of an editor
// and a viewer. Its data source is a real metric store.
type grafanaFake struct {
	*httptest.Server
	metrics *metricstore.Store

	mu          sync.Mutex
	annotations []map[string]any
	proxied     []string // "POST /api/v1/query"
}

func newGrafanaFake(t *testing.T) *grafanaFake {
	t.Helper()
	f := &grafanaFake{metrics: openMetrics(t)}
	mux := http.NewServeMux()
	say := func(role string, body any) http.HandlerFunc {
		return grafanaNeeds(role, func(w http.ResponseWriter, _ *http.Request) { grafanaSays(w, http.StatusOK, body) })
	}
	mux.HandleFunc("GET /grafana/api/health", func(w http.ResponseWriter, _ *http.Request) {
		grafanaSays(w, http.StatusOK, map[string]any{"database": "ok", "version": "12.1.0", "commit": "abc"})
	})
	mux.HandleFunc("GET /grafana/api/datasources", say("admin", nil))
	mux.HandleFunc("GET /grafana/api/frontend/settings", say(grafanaViewer, map[string]any{
		"defaultDatasource": "Prometheus",
		"datasources":       map[string]any{"Prometheus": map[string]any{"uid": "prom1", "type": "prometheus", "name": "Prometheus"}},
	}))
	mux.HandleFunc("GET /grafana/api/dashboards/uid/{uid}", grafanaNeeds(grafanaViewer, func(w http.ResponseWriter, r *http.Request) {
		uid := r.PathValue("uid")
		if !strings.HasPrefix(uid, "hackload-") {
			grafanaSays(w, http.StatusNotFound, map[string]any{"message": "Dashboard not found", "status": "not-found"})
			return
		}
		grafanaSays(w, http.StatusOK, map[string]any{"meta": map[string]any{"url": "/grafana/d/" + uid}, "dashboard": map[string]any{"uid": uid, "title": uid}})
	}))
	mux.HandleFunc("GET /grafana/api/folders/{uid}", grafanaNeeds(grafanaViewer, func(w http.ResponseWriter, _ *http.Request) {
		grafanaSays(w, http.StatusNotFound, map[string]any{"message": "folder not found", "status": "not-found"})
	}))
	mux.HandleFunc("GET /grafana/api/search", say(grafanaViewer, []any{map[string]any{"uid": "fold1", "title": "HackLoad"}}))
	mux.HandleFunc("GET /grafana/api/annotations", say(grafanaViewer, []any{}))
	mux.HandleFunc("POST /grafana/api/annotations", grafanaNeeds(grafanaEditor, f.annotate))
	mux.HandleFunc("/grafana/api/datasources/proxy/uid/{uid}/{path...}", grafanaNeeds(grafanaViewer, f.proxy))
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func grafanaSays(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// grafanaNeeds lets in whoever has at least the role.
func grafanaNeeds(role string, next http.HandlerFunc) http.HandlerFunc {
	ranks := []string{grafanaViewer, grafanaEditor, "admin"}
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch rank := slices.Index(ranks, token); {
		case rank < 0:
			grafanaSays(w, http.StatusUnauthorized, map[string]any{"message": "Invalid API key", "messageId": "api-key.invalid"})
		case rank < slices.Index(ranks, role):
			grafanaSays(w, http.StatusForbidden, map[string]any{"title": "Access denied", "message": "You'll need additional permissions to perform this action."})
		default:
			next(w, r)
		}
	}
}

func (f *grafanaFake) annotate(w http.ResponseWriter, r *http.Request) {
	var a map[string]any
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a["text"] == "" {
		grafanaSays(w, http.StatusBadRequest, map[string]any{"message": "Failed to save annotation"})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.annotations = append(f.annotations, a)
	grafanaSays(w, http.StatusOK, map[string]any{"message": "Annotation added", "id": len(f.annotations)})
}

// proxy passes questions on and, as Grafana does, nothing else.
func (f *grafanaFake) proxy(w http.ResponseWriter, r *http.Request) {
	path := "/" + r.PathValue("path")
	switch asks := []string{"/api/v1/query", "/api/v1/query_range", "/api/v1/series", "/api/v1/labels"}; {
	case r.PathValue("uid") != "prom1":
		grafanaSays(w, http.StatusNotFound, map[string]any{"message": "Unable to find datasource"})
		return
	case r.Method != http.MethodGet && !slices.Contains(asks, path):
		grafanaSays(w, http.StatusForbidden, map[string]any{"message": "non allow-listed POSTs not allowed on proxied Prometheus datasource"})
		return
	}
	f.mu.Lock()
	f.proxied = append(f.proxied, r.Method+" "+path)
	f.mu.Unlock()
	behind, _ := url.Parse(f.metrics.URL())
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(behind)
		p.Out.URL.Path, p.Out.URL.RawPath = path, ""
		p.Out.Header.Del("Authorization")
	}}).ServeHTTP(w, r)
}

func (f *grafanaFake) said() (annotations []map[string]any, proxied []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.annotations), slices.Clone(f.proxied)
}

// receiver takes remote write from anyone with the token, as a Prometheus behind
// a proxy does. The metric store behind it knows writers by their testid.
func (f *grafanaFake) receiver(t *testing.T, token string) *httptest.Server {
	t.Helper()
	behind, err := url.Parse(f.metrics.URL())
	require.NoError(t, err)
	onward := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(behind) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Path != "/api/v1/write" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		packed, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		id := testidIn(packed)
		if err := f.metrics.Authorise(id, string(id)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Header.Set("Authorization", "Bearer "+string(id))
		r.Body = io.NopCloser(strings.NewReader(string(packed)))
		onward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// testidIn finds the testid's label in a remote write body: the tag of a value
// and its length stand between the name and the value.
func testidIn(packed []byte) contest.TestID {
	body, err := snappy.Decode(nil, packed)
	if err != nil {
		return ""
	}
	_, after, ok := strings.Cut(string(body), "\x06testid\x12")
	if !ok || len(after) == 0 || len(after) <= int(after[0]) {
		return ""
	}
	return contest.TestID(after[1 : 1+int(after[0])])
}

// openMetrics opens a real metric store that stands for a Prometheus outside.
func openMetrics(t *testing.T) *metricstore.Store {
	t.Helper()
	m, err := metricstore.Open(metricstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	runPart(t, m.Run)
	return m
}
