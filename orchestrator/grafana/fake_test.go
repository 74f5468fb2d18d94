package grafana

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	editor = "glsa_editor" // tokens of the fake, by role
	viewer = "glsa_viewer"
	admin  = "glsa_admin"
)

// fake answers the few calls as Grafana 12 does, below the path /grafana.
type fake struct {
	*httptest.Server
	version  string
	database string
	sources  []DataSource
	boards   map[string]string // uid to title
	folders  map[string]string

	mu          sync.Mutex
	annotations []map[string]any
	calls       []string // method and path
	proxied     []*http.Request
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		version: "12.1.0", database: "ok",
		sources: []DataSource{
			{UID: "loki1", Name: "Loki", Type: "loki"},
			{UID: "prom2", Name: "Other Prometheus", Type: "prometheus"},
			{UID: "prom1", Name: "Prometheus", Type: "prometheus", Default: true},
		},
		boards:  map[string]string{"k6": "k6 Prometheus"},
		folders: map[string]string{"fold1": "HackLoad"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /grafana/api/health", f.health)
	mux.HandleFunc("GET /grafana/api/datasources", f.needs(admin, f.listSources))
	mux.HandleFunc("GET /grafana/api/frontend/settings", f.needs(viewer, f.settings))
	mux.HandleFunc("GET /grafana/api/dashboards/uid/{uid}", f.needs(viewer, f.dashboard))
	mux.HandleFunc("GET /grafana/api/folders/{uid}", f.needs(viewer, f.folder))
	mux.HandleFunc("GET /grafana/api/search", f.needs(viewer, f.search))
	mux.HandleFunc("GET /grafana/api/annotations", f.needs(viewer, f.listAnnotations))
	mux.HandleFunc("POST /grafana/api/annotations", f.needs(editor, f.annotate))
	mux.HandleFunc("PATCH /grafana/api/annotations/{id}", f.needs(editor, f.patch))
	mux.HandleFunc("/grafana/api/datasources/proxy/uid/{uid}/", f.needs(viewer, f.proxy))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, map[string]any{"message": "Not found"})
	})
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.calls = append(f.calls, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/grafana"))
		f.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) client(t *testing.T, token Secret) *Client {
	t.Helper()
	return client(t, Config{URL: f.URL + "/grafana/api", Token: token})
}

func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Transport = transport
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// needs lets in whoever has at least the role.
func (f *fake) needs(role string, next http.HandlerFunc) http.HandlerFunc {
	ranks := []string{viewer, editor, admin}
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if name, password, ok := r.BasicAuth(); ok && name == "hackload" && password == "swordfish" {
			token = admin
		}
		switch rank := slices.Index(ranks, token); {
		case rank < 0:
			answer(w, http.StatusUnauthorized, map[string]any{"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401})
		case rank < slices.Index(ranks, role):
			answer(w, http.StatusForbidden, map[string]any{"title": "Access denied", "message": "You'll need additional permissions to perform this action. Permissions needed: x", "accessErrorId": "ACE1"})
		default:
			next(w, r)
		}
	}
}

func (f *fake) health(w http.ResponseWriter, _ *http.Request) {
	status := http.StatusOK
	if f.database != "ok" {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, map[string]any{"commit": "abc", "database": f.database, "version": f.version})
}

func (f *fake) listSources(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, f.sources)
}

func (f *fake) settings(w http.ResponseWriter, _ *http.Request) {
	named := map[string]any{"-- Grafana --": map[string]any{"uid": "grafana", "type": "datasource", "name": "-- Grafana --"}, "-- Mixed --": map[string]any{"uid": "-- Mixed --", "type": "datasource"}}
	byDefault := ""
	for _, s := range f.sources {
		named[s.Name] = map[string]any{"uid": s.UID, "type": s.Type, "name": s.Name, "isDefault": s.Default}
		if s.Default {
			byDefault = s.Name
		}
	}
	answer(w, http.StatusOK, map[string]any{"appSubUrl": "/grafana", "defaultDatasource": byDefault, "datasources": named})
}

func (f *fake) dashboard(w http.ResponseWriter, r *http.Request) {
	uid := r.PathValue("uid")
	title, ok := f.boards[uid]
	if !ok {
		answer(w, http.StatusNotFound, map[string]any{"message": "Dashboard not found", "status": "not-found"})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"meta":      map[string]any{"slug": "k6-prometheus", "url": "/grafana/d/" + uid + "/k6-prometheus", "folderUid": "fold1", "folderTitle": "HackLoad"},
		"dashboard": map[string]any{"uid": uid, "title": title, "version": 3, "panels": []any{}},
	})
}

func (f *fake) folder(w http.ResponseWriter, r *http.Request) {
	title, ok := f.folders[r.PathValue("uid")]
	if !ok {
		answer(w, http.StatusNotFound, map[string]any{"message": "folder not found", "status": "not-found"})
		return
	}
	answer(w, http.StatusOK, Folder{r.PathValue("uid"), title})
}

func (f *fake) search(w http.ResponseWriter, r *http.Request) {
	found := []Folder{}
	for uid, title := range f.folders {
		if r.FormValue("type") == "dash-folder" && strings.Contains(strings.ToLower(title), strings.ToLower(r.FormValue("query"))) {
			found = append(found, Folder{uid, title})
		}
	}
	answer(w, http.StatusOK, found)
}

func (f *fake) listAnnotations(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []map[string]any{}
	for _, a := range f.annotations {
		every := true
		for _, tag := range r.URL.Query()["tags"] {
			every = every && slices.Contains(a["tags"].([]any), any(tag))
		}
		board := r.FormValue("dashboardUID")
		if every && (board == "" || a["dashboardUID"] == board) {
			found = append(found, a)
		}
	}
	answer(w, http.StatusOK, found)
}

func (f *fake) annotate(w http.ResponseWriter, r *http.Request) {
	var a map[string]any
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || r.Header.Get("Content-Type") != "application/json" {
		answer(w, http.StatusBadRequest, map[string]any{"message": "bad request data"})
		return
	}
	if a["text"] == "" {
		answer(w, http.StatusBadRequest, map[string]any{"message": "Failed to save annotation", "error": "text field should not be empty"})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a["id"] = len(f.annotations) + 1
	f.annotations = append(f.annotations, a)
	answer(w, http.StatusOK, map[string]any{"message": "Annotation added", "id": a["id"]})
}

func (f *fake) patch(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 1 || id > len(f.annotations) {
		answer(w, http.StatusNotFound, map[string]any{"message": "Could not find annotation"})
		return
	}
	var change map[string]any
	_ = json.NewDecoder(r.Body).Decode(&change)
	for key, value := range change {
		f.annotations[id-1][key] = value
	}
	answer(w, http.StatusOK, map[string]any{"message": "Annotation patched"})
}

// proxy answers as the Prometheus behind the data source.
func (f *fake) proxy(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.proxied = append(f.proxied, r.Clone(r.Context()))
	f.mu.Unlock()
	if r.PathValue("uid") != "prom1" {
		answer(w, http.StatusNotFound, map[string]any{"message": "Unable to find datasource"})
		return
	}
	fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1760000000,"1"]}]}}`)
}

// said returns the annotations and the calls so far.
func (f *fake) said() (annotations []map[string]any, calls []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.annotations), slices.Clone(f.calls)
}
