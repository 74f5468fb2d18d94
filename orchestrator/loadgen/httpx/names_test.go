package httpx_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// twins starts two servers on the same port of two addresses of this machine.
func twins(t *testing.T) (port int) {
	t.Helper()
	first, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port = first.Addr().(*net.TCPAddr).Port
	second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(port)))
	require.NoError(t, err)
	for _, l := range []net.Listener{first, second} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
	}
	return port
}

// A name that moves: open connections stay where they are, new ones follow as
// soon as the old answer may no longer be used.
func TestNameThatMoves(t *testing.T) {
	t.Parallel()
	url := parse(t, "http://moving.test:"+strconv.Itoa(twins(t)))
	for name, tc := range map[string]struct {
		ttl   time.Duration
		after string
		asked int64
	}{
		"each answer is used once": {-1, "127.0.0.2", 2},
		"answers are remembered":   {time.Hour, "127.0.0.1", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var moved atomic.Bool
			var asked atomic.Int64
			client := newClient(t, httpx.Config{Names: httpx.Names{TTL: tc.ttl, Lookup: func(context.Context, string) ([]netip.Addr, error) {
				asked.Add(1)
				if moved.Load() {
					return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}}})
			at := func() string {
				x := get(t, client, url)
				require.Nil(t, x.Err)
				return x.Remote.Addr().String()
			}
			assert.Equal(t, "127.0.0.1", at())
			moved.Store(true)
			assert.Equal(t, "127.0.0.1", at(), "the connection is kept")
			client.Close()
			assert.Equal(t, tc.after, at())
			assert.Equal(t, tc.asked, asked.Load())
		})
	}
}
