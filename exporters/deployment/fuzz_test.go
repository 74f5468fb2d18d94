package deployment_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// FuzzServiceAnswers has a team's service say anything at all on its socket.
func FuzzServiceAnswers(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 301 X\r\nLocation: //user:secret@example.org/\r\n\r\n", "HTTP/1.0 200\n\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsecret\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 999 secret\r\n\r\n",
		"HTTP/2.0 200 OK\r\n\r\n", "SSH-2.0-OpenSSH secret\r\n", "", "\x16\x03\x01", "HTTP/1.1 302 X\r\nLocation: http://[::1%25a]:x/\r\n\r\n",
		"HTTP/1.1 419 Taken\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
	} {
		f.Add(answer, true)
		f.Add(answer, false)
	}
	var answer atomic.Pointer[string]
	f.Fuzz(func(t *testing.T, text string, day bool) {
		answer.Store(&text)
		c, rules := config(), httpRule()
		if day {
			rules = dayRule()
		}
		c.Timeout, c.HTTPTimeout, c.CallTimeout = 5*time.Second, 2*time.Second, 2*time.Second
		x, err := deployment.New(c, rules)
		require.NoError(t, err)
		v := one(t, x, at(speak(t, func(conn net.Conn, _ <-chan struct{}) { _, _ = conn.Write([]byte(*answer.Load())) })))
		require.False(t, v.Invalid, "a service that answers badly was measured")
		require.False(t, !strings.HasPrefix(text, "HTTP/") && v.Status == contest.Passed, "no HTTP, and yet it passed")
		require.Eventually(t, func() bool { open, _ := x.Sockets(); return open == 0 }, 10*time.Second, time.Millisecond)
	})
}
