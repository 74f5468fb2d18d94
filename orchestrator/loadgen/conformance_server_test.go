package loadgen_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/gorilla/websocket"
	"github.com/klauspost/compress/zstd"
)

// conformanceServer answers each request in the same way every time.
type conformanceServer struct {
	url, tls string // addresses without and with TLS
	neutral  *strings.Replacer
	flags    []string // of the run; nil: the server's addresses
	env      []string // KEY=VALUE

	mu     sync.Mutex
	asked  map[string]int // requests by method and path, and connections
	atOnce int            // requests now
	last   time.Time      // when a request came
}

// counting notes each request before h answers it.
func (s *conformanceServer) counting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.Method+" "+r.URL.Path]++
		s.last = time.Now()
		s.atOnce++
		s.asked["requests at once"] = max(s.asked["requests at once"], s.atOnce)
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.atOnce--
		}()
		h.ServeHTTP(w, r)
	})
}

// serve starts a server that counts requests and connections.
func (s *conformanceServer) serve(t *testing.T, h http.Handler, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(s.counting(h))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are to fail
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked["connections"]++
		}
	}
	start(srv)
	t.Cleanup(srv.Close)
	return srv
}

func newConformanceServer(t *testing.T) *conformanceServer {
	t.Helper()
	mux := http.NewServeMux()
	for path, f := range map[string]http.HandlerFunc{
		"/echo": echo, "/json": answerJSON, "/html": answerHTML, "/status/{code}": answerStatus, "/redirect/{n}": redirectTimes,
		"/redirect-to": redirectTo, "/set-cookies": setCookies, "/delay/{ms}": delayed, "/bytes/{n}": answerBytes,
		"/encoded/{encoding}": answerEncoded, "/basic/{user}/{password}": guardedBasic, "/digest/{user}/{password}": guardedDigest,
		"/headers": answerHeaders, "/ws/echo": socketEcho, "/ws/close": socketClose, "/cut": cutOff,
	} {
		mux.HandleFunc(path, f)
	}
	s := &conformanceServer{asked: map[string]int{}}
	mux.HandleFunc("/quiet/{ms}", s.whenQuiet)
	plain := s.serve(t, mux, (*httptest.Server).Start)
	secure := s.serve(t, mux, (*httptest.Server).StartTLS)
	host, port, _ := strings.Cut(strings.TrimPrefix(plain.URL, "http://"), ":")
	_, securePort, _ := strings.Cut(strings.TrimPrefix(secure.URL, "https://"), ":")
	s.url, s.tls = plain.URL, secure.URL
	s.neutral = strings.NewReplacer(
		plain.URL, "<server>", secure.URL, "<tls server>", host+":"+port, "<host>", host+":"+securePort, "<tls host>",
		"ws://"+host+":"+port, "<socket>", `"`+port+`"`, `"<port>"`, // quoted: hashes hold such digits too
	)
	return s
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
	_ = json.NewEncoder(w).Encode(v)
}

// echo tells what was received, but for the user agent and the order of cookies.
func echo(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("User-Agent")
	for i, line := range r.Header["Cookie"] {
		pairs := strings.Split(line, "; ")
		slices.Sort(pairs)
		r.Header["Cookie"][i] = strings.Join(pairs, "; ")
	}
	out := map[string]any{"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "host": r.Host, "headers": r.Header}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		out["parts"] = multipartOf(r)
		r.Header.Set("Content-Type", "multipart/form-data") // without its random boundary
		r.Header.Del("Content-Length")
	} else {
		body, _ := io.ReadAll(r.Body)
		out["body"] = string(body)
	}
	writeJSON(w, out)
}

func multipartOf(r *http.Request) []map[string]string {
	reader, err := r.MultipartReader()
	if err != nil {
		return []map[string]string{{"error": err.Error()}}
	}
	var parts []map[string]string
	for {
		p, err := reader.NextPart()
		if err != nil {
			break
		}
		b, _ := io.ReadAll(p)
		parts = append(parts, map[string]string{"name": p.FormName(), "file": p.FileName(), "type": p.Header.Get("Content-Type"), "data": string(b)})
	}
	slices.SortFunc(parts, func(a, b map[string]string) int { return strings.Compare(a["name"], b["name"]) })
	return parts
}

func answerJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
	writeJSON(w, map[string]any{
		"n": 3, "f": 1.5, "s": "Концерт", "null": nil, "yes": true, "events": []any{map[string]any{"id": 1, "title": "a"}, map[string]any{"id": 2, "title": "b"}}, "a.b": 1,
	})
}

func answerStatus(w http.ResponseWriter, r *http.Request) {
	code, _ := strconv.Atoi(r.PathValue("code"))
	w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		_, _ = fmt.Fprintf(w, "status %d", code)
	}
}

func redirectTimes(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	http.SetCookie(w, &http.Cookie{Name: "hop" + r.PathValue("n"), Value: "1", Path: "/"})
	if n <= 0 {
		echo(w, r)
		return
	}
	http.Redirect(w, r, "/redirect/"+strconv.Itoa(n-1), http.StatusFound)
}

func redirectTo(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.URL.Query().Get("code"))
	if err != nil {
		code = http.StatusFound
	}
	w.Header().Set("Location", r.URL.Query().Get("url"))
	w.WriteHeader(code)
}

// setCookies sets a cookie for each query parameter and some with attributes.
func setCookies(w http.ResponseWriter, r *http.Request) {
	for _, k := range slices.Sorted(maps.Keys(r.URL.Query())) {
		http.SetCookie(w, &http.Cookie{Name: k, Value: r.URL.Query().Get(k), Path: "/"})
	}
	http.SetCookie(w, &http.Cookie{Name: "full", Value: "v", Path: "/echo", MaxAge: 60, HttpOnly: true, Expires: time.Date(2199, 1, 2, 3, 4, 5, 0, time.UTC)})
	http.SetCookie(w, &http.Cookie{Name: "secret", Value: "tls", Path: "/", Secure: true, SameSite: http.SameSiteLaxMode})
	http.SetCookie(w, &http.Cookie{Name: "foreign", Value: "x", Path: "/", Domain: "example.com"})
	http.SetCookie(w, &http.Cookie{Name: "gone", Value: "x", Path: "/", MaxAge: -1})
	w.WriteHeader(http.StatusOK)
}

func delayed(w http.ResponseWriter, r *http.Request) {
	ms, _ := strconv.Atoi(r.PathValue("ms"))
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-r.Context().Done():
	}
	_, _ = io.WriteString(w, "late")
}

// whenQuiet answers once no request has come for a number of milliseconds, so
// that those that a client makes at once are all seen together, however slowly
// it gets to them.
func (s *conformanceServer) whenQuiet(w http.ResponseWriter, r *http.Request) {
	ms, _ := strconv.Atoi(r.PathValue("ms"))
	for wait := time.Duration(ms) * time.Millisecond; wait > 0 && r.Context().Err() == nil; {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
		}
		s.mu.Lock()
		wait = time.Duration(ms)*time.Millisecond - time.Since(s.last)
		s.mu.Unlock()
	}
	_, _ = io.WriteString(w, "late")
}

func answerBytes(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(b)
}

func answerEncoded(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	const text = "text that was encoded"
	encode := func(z io.WriteCloser) {
		_, _ = io.WriteString(z, text)
		_ = z.Close()
	}
	switch r.PathValue("encoding") {
	case "gzip":
		encode(gzip.NewWriter(&b))
	case "deflate":
		encode(zlib.NewWriter(&b))
	case "br":
		encode(brotli.NewWriter(&b))
	case "zstd":
		z, _ := zstd.NewWriter(&b)
		encode(z)
	default:
		b.WriteString(text)
	}
	w.Header().Set("Content-Encoding", r.PathValue("encoding"))
	_, _ = w.Write(b.Bytes())
}

func guardedBasic(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != r.PathValue("user") || password != r.PathValue("password") {
		w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	writeJSON(w, map[string]any{"authenticated": true, "user": user})
}

// guardedDigest speaks RFC 2617 with MD5 and qop=auth.
func guardedDigest(w http.ResponseWriter, r *http.Request) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "), ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[k] = strings.Trim(v, `"`)
	}
	sum := func(s string) string {
		h := md5.Sum([]byte(s))
		return hex.EncodeToString(h[:])
	}
	a1 := sum(r.PathValue("user") + ":here:" + r.PathValue("password"))
	a2 := sum(r.Method + ":" + r.URL.RequestURI())
	want := sum(strings.Join([]string{a1, "nonce1", fields["nc"], fields["cnonce"], "auth", a2}, ":"))
	if fields["response"] != want {
		w.Header().Set("WWW-Authenticate", `Digest realm="here", qop="auth", nonce="nonce1", opaque="o", algorithm=MD5`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	writeJSON(w, map[string]any{"authenticated": true, "user": fields["username"], "body": string(body)})
}

func answerHeaders(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
	h["x-lower"] = []string{"1"}
	h["X-TWO"] = []string{"a", "b, c"}
	h["ETag"] = []string{`"e"`}
	_, _ = io.WriteString(w, "ok")
}

// cutOff promises more than it sends.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "short")
}

func answerHTML(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="kk"><head><title>Билеты</title></head><body>
<h1 id="top" class="a b" data-seat-row="7" data-flag="true" data-obj='{"x":1}'>Концерт</h1>
<a href="/echo?from=link" id="next">Дальше</a><a href="http://user:pw@example.com:81/p/q?x=1#frag" id="out">out</a>
<form id="f" method="post" action="/echo"><input name="a" value="1"><input type="hidden" name="token" value="t&amp;o">
<input type="checkbox" name="c" value="yes" checked><input type="checkbox" name="d"><select name="s"><option value="x">X</option><option value="y" selected>Y</option></select>
<textarea name="ta">text</textarea><input type="submit" name="go" value="Go"></form>
<form id="g" action="/echo"><input name="q" value="поиск"><button type="submit" name="btn" value="1">Find</button></form>
<ul><li>one</li><li class="x">two</li><li>three</li></ul><table><tr><td>1</td><td>2</td></tr></table></body></html>`)
}

func socketEcho(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{Subprotocols: []string{"chat"}}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	for {
		kind, b, err := c.ReadMessage()
		if err != nil {
			return
		}
		if string(b) == "headers" {
			b, _ = json.Marshal(map[string]any{"x": r.Header.Get("X-A"), "cookie": r.Header.Get("Cookie"), "origin": r.Header.Get("Origin")})
		}
		if err := c.WriteMessage(kind, b); err != nil {
			return
		}
	}
}

func socketClose(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	_ = c.WriteMessage(websocket.TextMessage, []byte("bye"))
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "why"), time.Now().Add(time.Second))
	_ = c.Close()
}
