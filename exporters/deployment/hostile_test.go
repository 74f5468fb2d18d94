package deployment_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

func bomb(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(make([]byte, 8<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", b.Len(), b.String())
}

// What a server does is its own; the look at it ends, and the status decides.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	rows := map[string]struct {
		talk     func(net.Conn, <-chan struct{})
		hangs    bool // ends only with the deadline
		passes   bool
		sentence string // of the finding "http"
		remark   string // of the finding "answers"
	}{
		"good":                  {say(ok + "Content-Length: 2\r\n\r\n[]"), false, true, "answered 200 after", ""},
		"204":                   {say("HTTP/1.1 204 No Content\r\n\r\n"), false, true, "answered 204", ""},
		"404":                   {say("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"), false, false, "answered 404 after", ""},
		"500":                   {say("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"), false, false, "200 to 299 is wanted", ""},
		"304":                   {say("HTTP/1.1 304 X\r\n\r\n"), false, false, "answered 304", ""},
		"999":                   {say("HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), false, false, "answered 999", ""},
		"says nothing":          {sayAndHang(""), true, false, "there was no answer within 200ms", ""},
		"half a head":           {sayAndHang(ok + "X: "), true, false, "there was no answer within 200ms", ""},
		"drips its head":        {forever(ok, "X: 1\r\n", 5*time.Millisecond), true, false, "there was no answer within 200ms", ""},
		"endless headers":       {forever(ok, "X: "+strings.Repeat("x", 4<<10)+"\r\n", 0), false, false, "head is larger than 64 kB", ""},
		"endless hints":         {forever("", "HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 4<<10)+"\r\n\r\n", 0), false, false, "could not be reached", ""},
		"drips its body":        {forever(ok+"\r\n", "x", 5*time.Millisecond), true, true, "answered 200", "Answers "},
		"more than its length":  {say(ok + "Content-Length: 2\r\n\r\n[][][]"), false, true, "answered 200", ""},
		"less than its length":  {say(ok + "Content-Length: 100\r\n\r\n["), false, true, "answered 200", "broke off"},
		"length, then nothing":  {sayAndHang(ok + "Content-Length: 100\r\n\r\n["), true, true, "answered 200", "Answers "},
		"two lengths":           {say(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n[]"), false, false, "not HTTP", ""},
		"negative length":       {say(ok + "Content-Length: -5\r\n\r\n"), false, false, "not HTTP", ""},
		"endless body":          {forever(ok+"\r\n", strings.Repeat("x", 64<<10), 0), false, true, "answered 200", "larger than 256 kB"},
		"gzip bomb":             {say(bomb(t)), false, true, "answered 200", ""},
		"bad chunks":            {say(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), false, true, "answered 200", "broke off"},
		"closes":                {say(""), false, false, "the connection was closed without an answer", ""},
		"no HTTP":               {say("SSH-2.0-OpenSSH secret\r\n\r\n"), false, false, "its answer is not HTTP", ""},
		"other protocol":        {sayAndHang("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), true, false, "answered 101", ""},
		"to the metadata":       {say("HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n\r\n"), false, false, "sends visitors elsewhere, which is not followed", ""},
		"to another name":       {say("HTTP/1.1 301 X\r\nLocation: http://localhost/\r\n\r\n"), false, false, "sends visitors elsewhere", ""},
		"to another port":       {say("HTTP/1.1 301 X\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), false, false, "sends visitors elsewhere", ""},
		"to another scheme":     {say("HTTP/1.1 301 X\r\nLocation: javascript:alert(1)\r\n\r\n"), false, false, "sends visitors elsewhere", ""},
		"to no URL":             {say("HTTP/1.1 301 X\r\nLocation: http://[::bad\r\n\r\n"), false, false, "sends visitors elsewhere", ""},
		"to itself":             {say("HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), false, false, "answered 302 and 5 redirects, but its redirects do not come to an end", ""},
		"redirect to nowhere":   {say("HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n"), false, false, "answered 302 after", ""},
		"credentials elsewhere": {say("HTTP/1.1 302 X\r\nLocation: //user:secret@example.org/\r\n\r\n"), false, false, "sends visitors elsewhere", ""},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			if row.hangs {
				c.HTTPTimeout = short
			}
			x := exporter(t, c, httpRule())
			v := one(t, x, at(speak(t, row.talk)))
			require.False(t, v.Invalid)
			require.Equal(t, map[bool]contest.Status{true: contest.Passed, false: contest.Failed}[row.passes], v.Status)
			require.Contains(t, finding(v, "http").Sentence, row.sentence)
			if row.remark == "" {
				require.Empty(t, finding(v, "answers").Sentence)
			} else {
				require.Contains(t, finding(v, "answers").Sentence, row.remark)
			}
			require.Eventually(t, func() bool { open, _ := x.Sockets(); return open == 0 }, 10*time.Second, time.Millisecond)
			_, peak := x.Sockets()
			require.LessOrEqual(t, peak, int64(2))
		})
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		endpoint string
		rule     string
		want     string
	}{
		"refused":    {refused(t), "http", "The endpoint could not be reached: the connection was refused."},
		"javascript": {"javascript:alert('secret')", "endpoint", "cannot be called"},
		"decimal IP": {"http://2130706433/", "endpoint", "number for a host"},
		"octal IP":   {"http://0177.0.0.1/", "endpoint", "number for a host"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := measure(t, row.endpoint, config(), httpRule())
			require.Equal(t, contest.Failed, v.Status)
			require.False(t, v.Invalid)
			require.Contains(t, finding(v, row.rule).Sentence, row.want)
		})
	}
}

// Redirects on the same host are followed, with the team's own credentials.
func TestRedirectsOnTheSameHost(t *testing.T) {
	t.Parallel()
	var asked []string
	home := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" || r.URL.Path == "/b" || r.URL.Path == "/c" {
			user, _, _ := r.BasicAuth()
			asked = append(asked, r.Method+" "+r.URL.String()+" "+r.UserAgent()+" "+user)
		}
		switch r.URL.Path {
		case "/a":
			http.Redirect(w, r, "b?x=1", http.StatusMovedPermanently)
		case "/b":
			http.Redirect(w, r, "http://"+r.Host+"/c", http.StatusTemporaryRedirect)
		}
	}))
	v := measure(t, strings.Replace(home, "http://", "http://me:secret@", 1)+"/a", config(), httpRule())
	require.Equal(t, contest.Passed, v.Status)
	require.Equal(t, []string{"GET /a probe/1 me", "GET /b?x=1 probe/1 me", "GET /c probe/1 me"}, asked)
	require.Contains(t, finding(v, "http").Sentence, "and 2 redirects")
	require.Contains(t, finding(v, "credentials").Sentence, "change them")
	require.Equal(t, home+"/a", v.Metrics["endpointUrl"])
	require.Equal(t, home+"/a", v.Metrics["confirmationUrl"])
}

// A redirect that is not followed must not be asked for either.
func TestRedirectsElsewhereReachNobody(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	inside := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	outside := serve(t, http.RedirectHandler(inside, http.StatusFound))
	for _, rule := range []deployment.Rules{httpRule(), dayRule()} {
		require.Equal(t, contest.Failed, measure(t, outside, config(), rule).Status)
	}
	require.Zero(t, reached.Load())
}

// Private addresses are not called, however they are written.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	home := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	port := home[strings.LastIndex(home, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "１２７.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1"} {
		for _, rule := range []deployment.Rules{httpRule(), dayRule()} {
			c := config()
			c.Guard = target.Guard{}
			v := measure(t, "http://"+host+port, c, rule)
			require.Equal(t, contest.Failed, v.Status, host)
			require.Equal(t, "The endpoint's address is not a public one, so it was not called.", finding(v, "endpoint").Sentence, host)
		}
	}
	require.Zero(t, reached.Load())
}
