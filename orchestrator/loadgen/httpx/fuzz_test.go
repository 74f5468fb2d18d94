package httpx

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

// Wherever a server sends a request, its secrets stay with their host and what
// is sent is a request.
func FuzzRedirect(f *testing.F) {
	for _, location := range []string{"/next", "//other/", "http://user:pw@other:8/", "https://here/", "?q", "http://[::1", "ftp://x", "\x00", "", "http://here:80/", "HTTP://HERE/"} {
		f.Add(302, location)
		f.Add(308, location)
	}
	f.Fuzz(func(t *testing.T, status int, location string) {
		here := &url.URL{Scheme: "http", Host: "here", Path: "/a", User: url.UserPassword("me", "secret")}
		first := &Request{Method: "POST", URL: here, Body: []byte("b"), Header: []Field{{"Authorization", "Basic s"}, {"Cookie", "sid=1"}, {"X-A", "b"}, {"Content-Type", "x/y"}}}
		next, err := redirect(first, first, &Exchange{Status: status, Header: http.Header{"Location": {location}}})
		if err != nil || next == nil {
			return
		}
		for _, field := range next.Header {
			secret := field.Name == "Authorization" || field.Name == "Cookie"
			if secret && !strings.EqualFold(next.URL.Host, here.Host) {
				t.Errorf("%s went along to %q", field.Name, next.URL)
			}
			if field.Name == "Referer" && strings.Contains(field.Value, "secret") {
				t.Errorf("the Referer tells a password: %q", field.Value)
			}
			if field.Name == "Content-Type" && next.Body == nil {
				t.Error("a body that does not go along is described")
			}
		}
		if first.Method != "POST" || len(first.Header) != 4 {
			t.Error("the first request was changed")
		}
	})
}

// Whatever cookies a server sets, what is sent back is a header, and other hosts
// do not see it.
func FuzzCookies(f *testing.F) {
	for _, line := range []string{"a=b", "a=b; Domain=other", "a=b; Path=/x; Secure; HttpOnly", "a=\"b c\"", "=x", "a=b\r\nEvil: 1", "__Host-a=b; Path=/", "a=b; Max-Age=-1; Expires=Mon", strings.Repeat("a", 5000) + "=b", "ж=щ"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		here, other := &url.URL{Scheme: "https", Host: "here.example"}, &url.URL{Scheme: "https", Host: "other.test"}
		c := NewClient(NewTransport(Config{}))
		c.keepCookies(&Request{URL: here}, &http.Response{Header: http.Header{"Set-Cookie": {line}}})
		if sent := c.cookies(&Request{URL: here}); !httpguts.ValidHeaderFieldValue(sent) {
			t.Errorf("sent back: %q", sent)
		}
		if sent := c.cookies(&Request{URL: other}); sent != "" {
			t.Errorf("told another host: %q", sent)
		}
	})
}

// Whatever a challenge says, the answer is one header that does not hold the
// password.
func FuzzDigest(f *testing.F) {
	for _, h := range []string{
		`Digest realm="here", qop="auth", nonce="n", opaque="o", algorithm=MD5`, `digest realm="a\"b", nonce=n`, `Digest qop="auth-int", nonce="n"`,
		`Digest realm="r", algorithm=SHA-256-sess, qop="auth,auth-int", nonce=""`, `Digest`, `Digest =,=,"`, `Basic realm="x"`, `Digest realm="unclosed`,
	} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		c, ok := digestChallenge([]string{header})
		if !ok || !httpguts.ValidHeaderFieldValue(header) {
			return
		}
		answer := c.answer(url.UserPassword(`us"er`, "hunter2-hunter2"), "GET", "/a?b", "cnonce")
		if !httpguts.ValidHeaderFieldValue(answer) || strings.Contains(answer, "hunter2-hunter2") && !strings.Contains(header, "hunter2-hunter2") {
			t.Errorf("answer %q", answer)
		}
		if !strings.HasPrefix(answer, `Digest username="us\"er", realm="`) {
			t.Errorf("answer %q", answer)
		}
	})
}

// The example of RFC 2617, section 3.5, and the same with the newer hash, worked
// out with another program.
func TestDigestOfTheStandard(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[string]string{
		"MD5":     "6629fae49393a05397450978507c4ef1",
		"SHA-256": "5abdd07184ba512a22c53f41470e5eea7dcaa3a93a59b630c13dfe0a5dc6e38b",
	} {
		c, ok := digestChallenge([]string{`Basic realm="x"`, `Digest realm="testrealm@host.com", qop="auth,auth-int", algorithm=` + algorithm +
			`, nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`})
		if !ok {
			t.Fatal(algorithm, "is not understood")
		}
		got := c.answer(url.UserPassword("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "0a4f113b")
		if !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}

// FuzzAnswer has a team's service answer a load generator with anything. No
// answer is larger in memory than it may be, packed or not.
func FuzzAnswer(f *testing.F) {
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	_, _ = packed.Write(make([]byte, 1<<20))
	_ = packed.Close()
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb.String(), "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\x0b\x02\x80",
		"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00", "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\x78\x9c\x4b",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 X\r\n\r\n", "HTTP/0.0 000 \n0:0\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 304\r\n\r\n",
	} {
		f.Add("GET", []byte(answer))
		f.Add("HEAD", []byte(answer))
	}
	const most = 64 << 10
	c := NewClient(NewTransport(Config{MaxBody: most}))
	f.Fuzz(func(t *testing.T, method string, answer []byte) {
		resp, err := c.final(bufio.NewReader(bytes.NewReader(answer)), method)
		if err != nil {
			return
		}
		var x Exchange
		_, err = c.take(resp, &Request{Method: method, URL: &url.URL{Scheme: "http", Host: "here"}}, &x)
		if len(x.Body) > most {
			t.Errorf("%d bytes of %d", len(x.Body), most)
		}
		if err != nil && (x.Status != 0 || x.Header != nil) {
			t.Errorf("status %d beside the error %v", x.Status, err)
		}
		if err == nil && (x.Status < 101 || x.Status > 999) {
			t.Errorf("status %d", x.Status)
		}
	})
}
