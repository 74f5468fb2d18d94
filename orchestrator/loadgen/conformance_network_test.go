package loadgen_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestConformanceOnTheNetwork compares what scripts see of HTTP/2, of proxies
// and of servers that break the protocol. It records like TestConformance.
func TestConformanceOnTheNetwork(t *testing.T) {
	t.Parallel()
	conform(t, "testdata/conformance/network/*.js", newPlaces)
}

// newPlaces starts servers of all kinds, each by the name that scripts know its
// URL by.
func newPlaces(t *testing.T) *conformanceServer {
	t.Helper()
	p := newConformanceServer(t)
	neutral := []string{}
	add := func(name, url string) {
		p.flags = append(p.flags, "-e", name+"="+url)
		_, host, _ := strings.Cut(url, "://")
		_, port, _ := net.SplitHostPort(host)
		neutral = append(neutral, url, "<"+name+">", host, "<host of "+name+">", `"`+port+`"`, `"<port of `+name+`>"`, ":"+port, ":<port of "+name+">")
	}
	add("URL", p.url)
	add("H2", newSecure(t, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, http.HandlerFunc(answerH2)))
	add("EXPIRED", newSecure(t, &tls.Config{Certificates: []tls.Certificate{expired(t)}}, http.HandlerFunc(echo)))
	add("OLD", newSecure(t, &tls.Config{MaxVersion: tls.VersionTLS11}, http.HandlerFunc(echo)))
	add("MUTUAL", newSecure(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, http.HandlerFunc(echo)))
	add("MUTUAL12", newSecure(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, http.HandlerFunc(echo)))
	for name, answer := range map[string]func(net.Conn, *bufio.Reader){"BROKEN": breakRules, "MUTE": func(c net.Conn, _ *bufio.Reader) { _, _ = io.Copy(io.Discard, c) }} {
		add(name, "http://"+listen(t, answer))
	}
	proxy := httptest.NewServer(proxyFor(strings.TrimPrefix(p.url, "http://"), p.flags))
	t.Cleanup(proxy.Close)
	user := strings.Replace(proxy.URL, "//", "//user:pass@", 1)
	p.env = []string{"HTTP_PROXY=" + user, "HTTPS_PROXY=" + user, "NO_PROXY=direct.test"}
	add("PROXY", proxy.URL)
	p.neutral = strings.NewReplacer(neutral...)
	return p
}

// newSecure starts a server with TLS and returns its URL.
func newSecure(t *testing.T, c *tls.Config, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = len(c.NextProtos) > 0
	s.TLS = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func expired(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// answerH2 answers over HTTP/2 what the path asks.
func answerH2(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/redirect":
		http.SetCookie(w, &http.Cookie{Name: "hop", Value: "1", Path: "/"})
		http.Redirect(w, r, "/echo", http.StatusFound)
	case "/cut":
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "short")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/never":
		<-r.Context().Done()
	case "/status":
		w.WriteHeader(http.StatusTeapot)
	case "/gzip":
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "text that was encoded")
		_ = z.Close()
	case "/digest/user/pass":
		r.SetPathValue("user", "user")
		r.SetPathValue("password", "pass")
		guardedDigest(w, r)
	case "/remote":
		writeJSON(w, r.RemoteAddr)
	default:
		echo(w, r)
	}
}

// proxyFor passes everything on to one server, whatever host was asked for, and
// tells in headers what it saw. Hosts called h2 are those with HTTP/2.
func proxyFor(server string, args []string) http.Handler {
	secure := ""
	for _, a := range args {
		if host, ok := strings.CutPrefix(a, "H2=https://"); ok {
			secure = host
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Hostname() == "refused.test" || strings.HasPrefix(r.Host, "refused.test"):
			w.WriteHeader(http.StatusBadGateway)
		case r.Method == http.MethodConnect && strings.HasSuffix(r.Host, ":80"):
			tunnel(w, server)
		case r.Method == http.MethodConnect:
			tunnel(w, secure)
		default:
			seen, _ := json.Marshal(map[string]any{"url": r.URL.String(), "host": r.Host, "proof": r.Header.Get("Proxy-Authorization"), "cookie": r.Header.Get("Cookie")})
			out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+server+r.URL.RequestURI(), r.Body)
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			resp, err := http.DefaultTransport.RoundTrip(out)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			for k, v := range resp.Header {
				w.Header()[k] = v
			}
			w.Header().Set("X-Seen", string(seen))
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
		}
	})
}

// tunnel joins the connection with one to the server.
func tunnel(w http.ResponseWriter, server string) {
	up, err := net.Dial("tcp", server)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer up.Close()
	down, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer down.Close()
	_, _ = io.WriteString(down, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(up, down)
		_ = up.Close()
	}()
	_, _ = io.Copy(down, up)
}

// listen hands each connection to answer, and closes it then.
func listen(t *testing.T, answer func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				answer(c, bufio.NewReader(c))
			})
		}
	})
	return l.Addr().String()
}

// brokenAnswers are those that are said at once.
func brokenAnswers() map[string]string {
	const ok = "HTTP/1.1 200 OK\r\n"
	return map[string]string{
		"cut":                  ok + "Content-Length: 100\r\n\r\nshort",
		"cut in headers":       ok + "Content-Le",
		"nothing":              "",
		"other protocol":       "220 mail ready\r\n\r\n",
		"status no number":     "HTTP/1.1 abc OK\r\n\r\n",
		"status too long":      "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"header without colon": ok + "nonsense\r\n\r\n",
		"length no number":     ok + "Content-Length: x\r\n\r\nbody",
		"length below zero":    ok + "Content-Length: -1\r\n\r\nbody",
		"two lengths":          ok + "Content-Length: 1\r\nContent-Length: 4\r\n\r\nbody",
		"length and chunks":    ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"length too short":     ok + "Content-Length: 2\r\n\r\nbody",
		"no length":            ok + "\r\nbody",
		"old version":          "HTTP/1.0 200 OK\r\n\r\nbody",
		"unknown coding":       ok + "Transfer-Encoding: wild\r\n\r\nbody",
		"chunk no number":      ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n0\r\n\r\n",
		"chunk too short":      ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nbody\r\n0\r\n\r\n",
		"chunks cut":           ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
		"chunk cut":            ok + "Transfer-Encoding: chunked\r\n\r\nff\r\nbody",
		"hints":                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 4\r\n\r\nbody",
		"unfinished redirect":  "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
		"body where none is":   "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
		"no reason":            "HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody",
		"other reason":         "HTTP/1.1 200 Alright then\r\nContent-Length: 4\r\n\r\nbody",
		"switching protocols":  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"headers with spaces":  ok + "X-A:   b  \r\nContent-Length: 4\r\n\r\nbody",
		"header twice by case": ok + "x-a: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nbody",
	}
}

// breakRules answers one request in the wrong way that its path names.
func breakRules(c net.Conn, br *bufio.Reader) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	say := func(text string) { _, _ = io.WriteString(c, text) }
	encoded := func(encoding, body string) {
		say(fmt.Sprintf("%sContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", ok, encoding, len(body), body))
	}
	drip := func(text string) {
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, strings.Repeat("text that was encoded", 10))
	_ = z.Close()
	path := strings.TrimPrefix(r.URL.Path, "/")
	if text, found := brokenAnswers()[path]; found {
		say(text)
		return
	}
	switch path {
	case "reset":
		_ = c.(*net.TCPConn).SetLinger(0)
	case "never":
		_, _ = io.Copy(io.Discard, c)
	case "drip":
		say(ok + "Content-Length: 1000000\r\n\r\n")
		drip("x")
	case "drip headers":
		say(ok)
		drip("A: b\r\n")
	case "header bomb":
		say(ok)
		for i := range 400_000 {
			if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("y", 60)); err != nil {
				return
			}
		}
	case "gzip wrong":
		encoded("gzip", "no gzip at all")
	case "gzip cut":
		encoded("gzip", zipped.String()[:zipped.Len()-12])
	case "gzip checksum":
		encoded("gzip", zipped.String()[:zipped.Len()-8]+"xxxxxxxx")
	case "gzip empty":
		encoded("gzip", "")
	case "gzip and nothing new":
		say("HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n")
	case "deflate wrong", "br wrong", "zstd wrong", "rot13 wrong", "identity wrong":
		name, _, _ := strings.Cut(path, " ")
		encoded(name, "nothing of the kind")
	case "big":
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		say(ok + "Content-Length: " + strconv.Itoa(n) + "\r\n\r\n")
		block := make([]byte, 64<<10)
		for ; n > 0; n -= len(block) {
			if _, err := c.Write(block[:min(n, len(block))]); err != nil {
				return
			}
		}
	}
}
