package httpx_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// A name that is public when it is first looked up, and leads to the inside at
// the next connection, is refused there.
func TestNameThatMovesInside(t *testing.T) {
	t.Parallel()
	inside := netip.MustParseAddr("127.0.0.2")
	url := parse(t, "http://rebound.test:"+strconv.Itoa(twins(t)))
	var moved atomic.Bool
	client := newClient(t, httpx.Config{Guard: allBut(inside), Names: httpx.Names{TTL: -1, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		if moved.Load() {
			return []netip.Addr{inside}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}}})
	require.Nil(t, get(t, client, url).Err)
	moved.Store(true)
	client.Close()
	assert.Equal(t, httpx.CodeBlockedIP, get(t, client, url).ErrorCode())
}

// A redirect is dialled like anything else, however the address is written.
func TestRedirectInsideIsRefused(t *testing.T) {
	t.Parallel()
	inside := netip.MustParseAddr("127.0.0.2")
	port := twins(t)
	client := newClient(t, httpx.Config{Guard: allBut(inside)})
	for _, host := range []string{"127.0.0.2", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]"} {
		to := fmt.Sprintf("http://%s:%d/secrets", host, port)
		from := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) })
		x := get(t, client, from)
		assert.Equal(t, httpx.CodeBlockedIP, x.ErrorCode(), to)
		assert.Empty(t, x.Body, to)
	}
}

// allBut is a guard that refuses one address.
func allBut(inside netip.Addr) func(netip.Addr) error {
	return func(a netip.Addr) error {
		if a.Unmap() == inside {
			return errors.New("not this one")
		}
		return nil
	}
}
