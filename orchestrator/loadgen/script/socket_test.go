package script_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// sockets answers as its path says.
func sockets(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if r.URL.Path == "/huge" {
			_ = c.WriteMessage(websocket.BinaryMessage, make([]byte, 17<<20))
		}
		for r.URL.Path == "/flood" {
			if c.WriteMessage(websocket.TextMessage, []byte("more")) != nil {
				return
			}
		}
		for {
			kind, b, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, b) != nil {
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "http", "ws", 1)
}

func TestSocketsAreCounted(t *testing.T) {
	t.Parallel()
	b, r := iterate(t, `import ws from 'k6/ws'; import { WebSocket } from 'k6/websockets';
		export default async function () {
			ws.connect('`+sockets(t)+`/echo', { tags: { kind: 'a' } }, (s) => { s.on('open', () => { s.send('x'); s.ping() }); s.on('pong', () => s.close()) });
			await new Promise((done) => { const s = new WebSocket('`+sockets(t)+`/echo'); s.onopen = () => s.send('y'); s.onmessage = () => s.close(); s.onclose = done });
		}`)
	require.NoError(t, r.Err)
	assert.Equal(t, []float64{2, 2}, []float64{b.sum("ws_sessions"), b.sum("ws_msgs_sent")})
	for _, name := range []string{"ws_connecting", "ws_session_duration"} {
		trend, _ := b.agg.Snapshot().Merged(name)
		assert.Equal(t, uint64(2), trend.Count, name)
	}
	ping, _ := b.agg.Snapshot().Merged("ws_ping")
	assert.Equal(t, uint64(1), ping.Count)
	assert.Contains(t, b.series("ws_sessions"), map[string]string{"kind": "a", "scenario": "steady", "status": "101", "testid": "t"})
	assert.Positive(t, b.sum("data_sent"))
	assert.Positive(t, b.sum("data_received"))
}

// Whatever a peer or a handler does, the call ends and leaves nothing behind.
func TestSocketsThatWouldNotEnd(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"idle":         "ws.connect(U + '/echo', () => {})",
		"flood":        "ws.connect(U + '/flood', (s) => s.on('message', () => {}))",
		"timers":       "ws.connect(U + '/echo', (s) => s.setInterval(() => {}, 1))",
		"loop inside":  "ws.connect(U + '/echo', (s) => s.on('open', () => { for (;;) {} }))",
		"async idle":   "new WebSocket(U + '/echo')",
		"async flood":  "new WebSocket(U + '/flood').onmessage = () => {}",
		"async loop":   "new WebSocket(U + '/echo').onopen = () => { for (;;) {} }",
		"many at once": "for (let i = 0; i < 20; i++) new WebSocket(U + '/flood')",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := files(t, map[string]string{"main.js": "import ws from 'k6/ws'; import { WebSocket } from 'k6/websockets'; const U = '" + sockets(t) + "'; ws; WebSocket; export default function () { " + source + " }"})
			require.NoError(t, err)
			b := newBench(t, p)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			assert.True(t, b.vm.Iterate(ctx, b.task, script.Iteration{}).Interrupted())
		})
	}
}

func TestSocketsThatFail(t *testing.T) {
	t.Parallel()
	url := sockets(t)
	for name, tc := range map[string]struct{ source, want string }{
		"thrown in a handler":       {"ws.connect('" + url + "', (s) => s.on('open', () => { throw new Error('in open') }))", "in open"},
		"thrown in a timer":         {"ws.connect('" + url + "', (s) => s.setTimeout(() => { throw new Error('in timer') }, 1))", "in timer"},
		"thrown in a listener":      {"new WebSocket('" + url + "').onopen = () => { throw new Error('in onopen') }", "in onopen"},
		"bad scheme":                {"ws.connect('http://x/', () => {})", "ws://"},
		"bad event":                 {"new WebSocket('" + url + "').addEventListener('nope', () => {})", "addEventListener"},
		"bad close":                 {"const s = new WebSocket('" + url + "'); s.onopen = () => s.close(12)", "1000"},
		"unknown compression":       {"ws.connect('" + url + "', {compression: 'br'}, () => {})", "deflate"},
		"a message that is too big": {"ws.connect('" + url + "/huge', (s) => s.on('error', (e) => { throw new Error(e.error()) }))", "read limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, r := iterate(t, "import ws from 'k6/ws'; import { WebSocket } from 'k6/websockets'; ws; WebSocket; export default function () { "+tc.source+" }")
			assert.ErrorContains(t, r.Err, tc.want)
		})
	}
}
