package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// answered checks what holds for every answer, whatever was asked: it is no
// fault of ours, it is whole, and nothing in it was written by who asked.
func answered(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Less(t, w.Code, 500, w.Body.String())
	require.NotContains(t, w.Body.String(), "<canary")
	for name, values := range w.Header() {
		for _, v := range values {
			require.False(t, strings.ContainsAny(v, "\r\n\x00"), "%s: %q", name, v)
		}
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		require.True(t, gjson.ValidBytes(w.Body.Bytes()), w.Body.String())
	}
}

// ask sends a request as net/http hands it on: its path already decoded, and no
// control character in its query, with which no server of it takes a request.
func ask(h http.Handler, method, path, query string, body io.Reader, header http.Header) *httptest.ResponseRecorder {
	if strings.ContainsFunc(query, unicode.IsControl) {
		query = url.QueryEscape(query)
	}
	r := httptest.NewRequest(method, "/", body)
	r.URL = &url.URL{Path: path, RawQuery: query}
	r.RequestURI = r.URL.RequestURI()
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// FuzzRunID asks for runs, teams and services by any name: only what is there is
// shown, and no name that is not of the alphabet of names reaches the state.
func FuzzRunID(f *testing.F) {
	s := sample()
	for _, seed := range []string{
		string(s.records[0].Run.ID), string(s.records[0].Run.TestID), "zero-downtime", "../../etc/passwd", "a/../b", "<canary>", "a\r\nX: 1", "%2e%2e%2f",
		"", ".", "\x00", "a\xff", strings.Repeat("a", 300), "good-search-10-01J\n", "ран", "k6-search-testing",
	} {
		f.Add(seed, "lang=ru&team="+seed)
	}
	h := web.New(s.config())
	f.Fuzz(func(t *testing.T, id, query string) {
		known := false
		for _, r := range s.records {
			known = known || id == string(r.Run.ID) || id == string(r.Run.TestID)
		}
		for _, place := range []string{"/runs/", "/api/v1/runs/", "/teams/", "/api/v1/teams/", "/health/"} {
			w := ask(h, http.MethodGet, place+id, query, nil, nil)
			answered(t, w)
			if strings.HasSuffix(place, "runs/") && w.Code == http.StatusOK {
				require.True(t, known || id == "", "%q was found", id)
			}
		}
		answered(t, ask(h, http.MethodGet, "/api/v1/runs/"+id+"/evidence", query, nil, nil))
		for _, place := range []string{"/", "/api/v1/runs", "/api/v1/results", "/api/v1/results.csv"} {
			answered(t, ask(h, http.MethodGet, place, query, nil, nil))
		}
		if contest.TestID(id).Valid() {
			require.Equal(t, id, url.PathEscape(id))
			require.LessOrEqual(t, len(id), 200)
		}
	})
}

// FuzzForm signs in with any cookie and any form. Without the token and a form
// of the session nothing is written down.
func FuzzForm(f *testing.F) {
	f.Add("hackload_session=x", "form=y&amount=5", "application/x-www-form-urlencoded", "https://elsewhere.example")
	f.Add("hackload_session=\"", "token=%zz;a=b", "multipart/form-data; boundary=x", "null")
	f.Add("a=b; hackload_session=; hackload_session=z", "form=&who=<canary>", "text/plain", "")
	f.Add("\x00\xff", strings.Repeat("a=1&", 6000), "application/x-www-form-urlencoded; charset=\xff", "://")
	f.Fuzz(func(t *testing.T, cookie, form, kind, origin string) {
		book := aBook()
		h := web.New(organisers(book))
		header := http.Header{"Cookie": {cookie}, "Content-Type": {kind}, "Origin": {origin}, "Accept-Language": {cookie}}
		for _, place := range []string{"/organisers/login", "/organisers/logout", "/organisers/spend/good"} {
			answered(t, ask(h, http.MethodGet, place, "", nil, header))
			w := ask(h, http.MethodPost, place, "", strings.NewReader(form), header)
			answered(t, w)
			require.GreaterOrEqual(t, w.Code, 400)
			require.Empty(t, w.Header().Get("Set-Cookie"))
		}
		require.Empty(t, book.kept)
	})
}

// FuzzChange sends any body to what organisers change. What is taken says who
// changes it, and what is refused changed nothing and says what to send.
func FuzzChange(f *testing.F) {
	for _, body := range []string{
		`{"who":"Aigerim","why":"seen"}`, `{"who":"A","why":"b","status":"PASSED","score":1}`, `{"who":"\u0000"}`, `{"who":"A","interval":"* * * * *"}`,
		`{"who":"A"}{}`, `[]`, `null`, `{"who":{"a":[`, "{\"who\":\"\xff\"}", `{"who":"A","score":1e999}`, `{"Who":"A","why":"<canary>"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o := operated()
		h := web.New(o.config())
		header := http.Header{"Authorization": {"Bearer " + o.token}, "Content-Type": {"application/json"}}
		for place, method := range map[string]string{
			"/api/v1/services/git-monitor/run": "POST", "/api/v1/services/git-monitor/interval": "PUT", "/api/v1/stop": "POST",
			"/api/v1/outbox/slow/CODE_REPO/drop": "POST", "/api/v1/teams/slow/exclusion": "PUT", "/api/v1/teams/slow/verdicts/CODE_REPO/override": "PUT",
			"/api/v1/dead-letters/1/retry": "POST",
		} {
			before := len(o.changed)
			w := ask(h, method, place, "", strings.NewReader(body), header)
			answered(t, w)
			require.NotEqual(t, http.StatusUnauthorized, w.Code)
			if w.Code < 300 {
				require.Len(t, o.changed, before+1, place)
				require.NotContains(t, o.changed[before], " by : ")
				continue
			}
			require.Len(t, o.changed, before, place)
			require.NotEmpty(t, gjson.Get(w.Body.String(), "hint").String(), "%s: %s", place, w.Body)
		}
	})
}
